"""Pages of an account: signing in and out, the first account, and tokens.

One rule: a secret is shown once, in the answer that made it; none but that of the one-time link stands in an address.
"""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from nines.errors import ConflictError, ForbiddenError, InputError, NotFoundError, NotSignedInError, Problem
from nines.operations import people
from nines.operations.calling import COOKIE, TENANT_COOKIE
from nines.pages.visit import SEE_OTHER, Visit
from nines.people.rights import DEEDS


def sign_in_page(visit: Visit) -> Response:
    """Return the form to sign in with."""
    if visit.who.kind in {"person", "local"}:
        return RedirectResponse(visit.back(), SEE_OTHER)
    return _sign_in(visit, (), 200)


def _sign_in(visit: Visit, found: tuple[Problem, ...], status: int) -> Response:
    values = {
        "found": found,
        "back": visit.back(),
        "name": visit.field("name"),
        "nobody": not people.anybody(visit.house),
    }
    return visit.page("sign_in.html", values, status=status)


def sign_in(visit: Visit) -> Response:
    """Sign somebody in, and lead them where they wanted to go."""
    try:
        password = (visit.form.get("password") or ("",))[0]
        secret = people.sign_in(visit.house, visit.field("name"), password, now=visit.now)
    except NotSignedInError as error:
        return _sign_in(visit, error.problems, 401)
    return _signed_in(visit, secret)


def _signed_in(visit: Visit, secret: str) -> Response:
    answer = RedirectResponse(visit.back(), SEE_OTHER)
    answer.set_cookie(COOKIE, secret, max_age=14 * 86_400, httponly=True, samesite="lax", secure=visit.secure)
    return answer


def sign_out(visit: Visit) -> Response:
    """End the session and forget its cookie."""
    if visit.session:
        people.sign_out(visit.house, visit.session)
    answer = RedirectResponse("/sign-in", SEE_OTHER)
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=visit.secure)
    return answer


def choose_tenant(visit: Visit) -> Response:
    """Speak for another of one's tenants from now on."""
    wanted = visit.field("tenant")
    if wanted not in visit.who.tenants:
        raise NotFoundError(
            Problem(f"tenant {wanted}", "there is no such tenant", "choose one of the list", code="no-tenant")
        )
    answer = RedirectResponse("/", SEE_OTHER)
    answer.set_cookie(TENANT_COOKIE, wanted, max_age=14 * 86_400, httponly=True, samesite="lax", secure=visit.secure)
    return answer


def set_up_page(visit: Visit) -> Response:
    """Return the form that makes the first account."""
    return visit.page("set_up.html", {"link": visit.words.get("link", ""), "found": (), "name": ""})


def set_up(visit: Visit) -> Response:
    """Make the first account and sign it in; a name or password that is refused can be mended."""
    link, password = visit.field("link"), (visit.form.get("password") or ("",))[0]
    try:
        secret = people.set_up(visit.house, link, visit.field("name"), password, now=visit.now)
    except (InputError, ForbiddenError) as error:
        values = {"link": link, "found": error.problems, "name": visit.field("name")}
        return visit.page("set_up.html", values, status=400 if isinstance(error, InputError) else 403)
    return _signed_in(visit, secret)


def tokens_page(visit: Visit) -> Response:
    """Return the list of tokens, and the form that makes one."""
    return _tokens(visit)


def _tokens(
    visit: Visit, found: tuple[Problem, ...] = (), made: people.MadeToken | None = None, status: int = 200
) -> Response:
    rows = [{**r, "alive": r["state"] == "holds", "prefix": str(r["prefix"]).removesuffix("...")}
            for r in people.token_rows(visit.house, visit.who, now=visit.now)]  # fmt: skip
    rights = [(deed, words) for deed, words in DEEDS.items() if visit.may(deed)]
    values = {
        "rows": rows, "found": found, "rights": rights, "made": made.name if made else "",
        "secret": made.secret if made else "",
    }  # fmt: skip
    return visit.page("tokens.html", values, here="/tokens", status=status)


def make_token(visit: Visit) -> Response:
    """Make a token and show its secret, this once."""
    days, name = visit.field("days") or "90", visit.field("name")
    if not days.isdecimal() or not 1 <= int(days[:6]) <= 3650 or not 1 <= len(name) <= 80:  # noqa: PLR2004
        what = "a name has 1 to 80 characters, and a token holds for 1 to 3,650 days"
        return _tokens(visit, (Problem("token", what, "correct the form", code="bad-token-form"),), status=400)
    try:
        scopes = visit.form.get("scope", ())
        made = people.make_token(visit.house, visit.who, name, scopes=scopes, days=int(days), now=visit.now)
    except InputError as error:
        return _tokens(visit, error.problems, status=400)
    except ConflictError as error:
        return _tokens(visit, error.problems, status=409)
    return _tokens(visit, made=made)


def revoke_token(visit: Visit) -> Response:
    """Revoke a token at once."""
    people.revoke_token(visit.house, visit.who, visit.field("name"), now=visit.now)
    return RedirectResponse("/tokens", SEE_OTHER)
