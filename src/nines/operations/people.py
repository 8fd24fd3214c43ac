"""People and tokens: who is asking, signing in, and the one-time link that makes the first account."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

from nines.errors import ConflictError, ForbiddenError, InputError, NotFoundError, NotSignedInError, Problem
from nines.operations.house import House
from nines.people.rights import DEEDS, ROLES, Principal, password_problems, require
from nines.store.accounts import Person, Token
from nines.store.membership import Member


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A new token; its secret is not kept."""

    name: str
    secret: str = field(repr=False)
    expires: datetime


def identify(
    house: House, *, session: str | None, token: str | None, loopback: bool, now: datetime, tenant: str = ""
) -> Principal:
    """Return who is asking, and for which tenant.

    Args:
        house: whose people.
        session: secret of a session, or None.
        token: secret of a token, or None; it wins over a session.
        loopback: whether the caller is on this machine.
        now: present instant.
        tenant: the one they want to speak for, or "" for their own.

    Raises:
        NotSignedInError: a token was sent and does not hold.
        NotFoundError: they may not speak for that tenant; whether it exists is not told.
    """
    if token is not None:
        found = house.store.accounts.token(token, now)
        if found is None:
            raise NotSignedInError(
                Problem("token", "it is unknown, expired or revoked", "make a new one", code="bad-token")
            )
        own = Principal("token", f"token {found.name}", found.tenant, frozenset(found.scopes), (found.tenant,))
        return own if tenant in {"", own.tenant} else _no_tenant(tenant)
    person = house.store.accounts.session(session, now) if session else None
    if person is not None:
        return _speaking(house, person, tenant)
    if not (loopback and house.open_on_loopback):
        return Principal.nobody()
    every = house.store.memberships.tenants()
    return Principal.local(tenant or "default", every) if tenant in {"", "default", *every} else _no_tenant(tenant)


def _speaking(house: House, person: Person, tenant: str) -> Principal:
    """Return a person speaking for a tenant in which they have a role; for their own, when none is named."""
    roles = {**house.store.memberships.of(person.tenant, person.name), person.tenant: person.role}
    wanted = tenant or person.tenant
    if wanted not in roles:
        return _no_tenant(wanted)
    name = person.name if wanted == person.tenant else f"{person.name} of {person.tenant}"
    return Principal("person", name, wanted, ROLES.get(roles[wanted], frozenset()), tuple(sorted(roles)))


def _no_tenant(tenant: str) -> NoReturn:
    raise NotFoundError(Problem(f"tenant {tenant}", "there is no such tenant", "check the name", code="no-tenant"))


def members(house: House, who: Principal) -> list[dict[str, object]]:
    """Return everybody who may do things in the tenant, its own people first, as rows of a table."""
    require(who, "manage-people")
    return [{"name": m.name, "of": m.home, "role": m.role} for m in house.store.memberships.members(who.tenant)]


def join(house: House, who: Principal, name: str, *, home: str, role: str, now: datetime) -> None:
    """Give a person of another tenant a role in this one; a second time changes it.

    Args:
        house: whose people.
        who: who does it; they have to be able to speak for both tenants.
        name: of the person.
        home: the tenant that their account belongs to.
        role: a key of `ROLES`.
        now: present instant.

    Raises:
        InputError: there is no such role, or the person is of this tenant.
        NotFoundError: there is no such person, or whoever asks may not know of them.
    """
    _check_guest(who, home, role)
    with house.store.deed(who.tenant, who.name, now) as deed:
        if home not in who.tenants or not house.store.memberships.put(
            deed.connection, who.tenant, Member(name, home, role), now
        ):
            raise NotFoundError(_no_person(name, home))
        deed.tell("person.joined", f"person {name} of {home}", {"name": name, "home": home, "role": role})


def leave(house: House, who: Principal, name: str, *, home: str, now: datetime) -> None:
    """Take from a person of another tenant the role they have in this one; it holds at once.

    Raises:
        NotFoundError: they have none.
    """
    require(who, "manage-people")
    with house.store.deed(who.tenant, who.name, now) as deed:
        if not house.store.memberships.remove(deed.connection, who.tenant, home, name):
            raise NotFoundError(_no_person(name, home))
        deed.tell("person.left", f"person {name} of {home}", {"name": name, "home": home})


def _check_guest(who: Principal, home: str, role: str) -> None:
    require(who, "manage-people")
    problems = []
    if role not in ROLES:
        problems.append(_bad_role(role))
    if home == who.tenant:
        problems.append(
            Problem("--of", f"they are of {home} already", "add them with `nines user add`", code="at-home")
        )
    if problems:
        raise InputError(*problems)


def _bad_role(role: str) -> Problem:
    return Problem("--role", f"{role!r} is no role", f"write one of {', '.join(ROLES)}", code="bad-role")


def _no_person(name: str, home: str) -> Problem:
    return Problem(f"{name} of {home}", "there is no such person", "check name and tenant", code="no-person")


def anybody(house: House) -> bool:
    """Return whether anybody can sign in yet."""
    return house.store.accounts.anybody()


def set_up_link(house: House, url: str, *, now: datetime) -> str | None:
    """Return a one-time link that makes the first account, or None when somebody can sign in already."""
    if house.store.accounts.anybody() or house.open_on_loopback:
        return None
    return f"{url}/set-up?link={house.store.accounts.make_link('default', now)}"


def set_up(house: House, link: str, name: str, password: str, *, now: datetime) -> str:
    """Make the first account with a one-time link, and return the secret of a session.

    Raises:
        InputError: name or password are refused; the link still holds.
        ForbiddenError: the link does not hold, or somebody can sign in already.
    """
    _check_person(name, password)
    if house.store.accounts.anybody():
        raise ForbiddenError(Problem("link", "the first account was made already", "sign in with it", code="bad-link"))
    with house.store.deed("default", name, now) as deed:
        tenant = house.store.accounts.use_link(deed.connection, link, now)
        if tenant is None:
            raise ForbiddenError(
                Problem(
                    "link",
                    "it was used, or is older than an hour",
                    "start `nines serve` again for a new one",
                    code="bad-link",
                )
            )
        person = Person(tenant, name, "admin")
        house.store.accounts.add(deed.connection, person, password, now)
        deed.tell("person.added", f"person {name}", {"name": name, "role": "admin"})
    return house.store.accounts.begin_session(person, now)


def _check_person(name: str, password: str) -> None:
    problems = password_problems(name, password)
    if not name.strip() or len(name) > 100:  # noqa: PLR2004 - as the column has it
        problems.append(Problem("name", "a name has 1 to 100 characters", code="bad-person"))
    if problems:
        raise InputError(*problems)


def sign_in(house: House, name: str, password: str, *, now: datetime) -> str:
    """Return the secret of a new session.

    Raises:
        NotSignedInError: name and password do not fit, or too many tries failed; which of them is not told.
    """
    person = house.store.accounts.check(name, password, now)
    if person is None:
        raise NotSignedInError(
            Problem(
                "",
                "name and password do not fit",
                "after five failures in a row wait five minutes",
                code="bad-password",
            )
        )
    return house.store.accounts.begin_session(person, now)


def sign_out(house: House, session: str) -> None:
    """End a session."""
    house.store.accounts.end_session(session)


def add_person(house: House, who: Principal, name: str, password: str, *, role: str, now: datetime) -> None:
    """Add somebody who may sign in.

    Raises:
        InputError: role, name or password are refused.
        ConflictError: there is somebody of that name.
    """
    require(who, "manage-people")
    if role not in ROLES:
        raise InputError(_bad_role(role))
    _check_person(name, password)
    try:
        with house.store.deed(who.tenant, who.name, now) as deed:
            house.store.accounts.add(deed.connection, Person(who.tenant, name, role), password, now)
            deed.tell("person.added", f"person {name}", {"name": name, "role": role})
    except ConflictError as error:
        raise ConflictError(
            Problem(name, "there is somebody of that name", "choose another", code="person-twice")
        ) from error


def make_token(
    house: House, who: Principal, name: str, *, scopes: tuple[str, ...], days: int, now: datetime
) -> MadeToken:
    """Make a token; it may never do more than who makes it.

    Raises:
        InputError: a scope is not known.
        ForbiddenError: a scope goes beyond one's own rights.
        ConflictError: there is a token of that name.
    """
    require(who, "make-token")
    unknown = [s for s in scopes if s not in DEEDS]
    if unknown or not scopes:
        what = f"{unknown[0]!r} is no scope" if unknown else "it has no scope"
        raise InputError(Problem("--scope", what, f"scopes are {', '.join(DEEDS)}", code="bad-scope"))
    beyond = sorted(set(scopes) - who.deeds)
    if beyond:
        raise ForbiddenError(
            Problem("--scope", f"{who.name} has no right to {beyond[0]!r} to give on", code="forbidden")
        )
    expires = now + timedelta(days=days)
    token = Token(who.tenant, name, "", scopes, who.name, now, expires, None)
    try:
        with house.store.deed(who.tenant, who.name, now) as deed:
            secret = house.store.accounts.make_token(deed.connection, token)
            deed.tell(
                "token.made", f"token {name}", {"name": name, "scopes": list(scopes), "expires": expires.isoformat()}
            )
    except ConflictError as error:
        raise ConflictError(
            Problem(name, "there is a token of that name", "choose another name", code="token-twice")
        ) from error
    return MadeToken(name, secret, expires)


def tokens(house: House, who: Principal) -> list[Token]:
    """Return the tenant's tokens, newest first."""
    require(who, "make-token")
    return house.store.accounts.tokens(who.tenant)


def token_rows(house: House, who: Principal, *, now: datetime) -> list[dict[str, object]]:
    """Return tokens as rows of a table."""
    return [
        {
            "name": t.name,
            "prefix": f"{t.prefix}...",
            "scopes": ", ".join(t.scopes),
            "expires": f"{t.expires_at:%Y-%m-%d}",
            "state": "revoked" if t.revoked_at else "expired" if t.expires_at <= now else "holds",
        }
        for t in tokens(house, who)
    ]


def revoke_token(house: House, who: Principal, name: str, *, now: datetime) -> None:
    """Revoke a token at once.

    Raises:
        NotFoundError: no token of that name or prefix holds.
    """
    require(who, "make-token")
    with house.store.deed(who.tenant, who.name, now) as deed:
        if not house.store.accounts.revoke(deed.connection, who.tenant, name, now):
            raise NotFoundError(Problem(name, "no such token holds", "`nines token list` shows them", code="no-token"))
        deed.tell("token.revoked", f"token {name}", {"name": name})
