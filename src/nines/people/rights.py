"""Who may do what: roles, deeds, and the one question that every operation asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nines.errors import ForbiddenError, NotFoundError, NotSignedInError, Problem

Kind = Literal["person", "token", "local", "nobody"]

#: Deed -> what it allows.
DEEDS: dict[str, str] = {
    "see": "see standings, definitions, exclusions, sources and statements",
    "see-artifacts": "look at what probes kept of failures: traffic, pictures, traces",
    "see-journal": "read the journal",
    "audit": "verify the journal",
    "define": "check and plan against what is in force, and put definitions in force",
    "exclude": "record and withdraw exclusions",
    "annotate": "add notes",
    "close": "close statements",
    "alert": "take alerts on, silence messages, try targets, lift and approve what spent budgets ask",
    "ingest": "send measurements",
    "make-token": "make and revoke tokens",
    "manage-people": "add people, and give people of other tenants a role",
}

#: Role -> deeds. A token's scopes are deeds.
ROLES: dict[str, frozenset[str]] = {
    "viewer": frozenset({"see"}),
    "auditor": frozenset({"see", "see-journal", "audit"}),
    "engineer": frozenset(
        {"see", "see-artifacts", "see-journal", "define", "exclude", "annotate", "alert", "ingest", "make-token"}
    ),
    "manager": frozenset({"see", "see-journal", "audit", "exclude", "annotate", "alert", "close"}),
    "admin": frozenset(DEEDS),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking.

    Attributes:
        kind: a person, a token, somebody with the files in hand ("local"), or nobody known.
        name: name for the journal.
        tenant: the tenant they speak for.
        deeds: what they may do there.
        tenants: every tenant they may speak for, sorted.
    """

    kind: Kind
    name: str
    tenant: str
    deeds: frozenset[str] = frozenset()
    tenants: tuple[str, ...] = ()

    @classmethod
    def local(cls, tenant: str, tenants: tuple[str, ...] = ()) -> Principal:
        """Return somebody who can write the installation's files: every right in the tenant they speak for.

        Args:
            tenant: the one they speak for.
            tenants: every one there is.
        """
        return cls("local", "local", tenant, frozenset(DEEDS), tuple(sorted({tenant, *tenants})))

    @classmethod
    def sender(cls, tenant: str, name: str) -> Principal:
        """Return somebody who may send measurements to one tenant and nothing else.

        Args:
            tenant: where.
            name: of the source or port that speaks for them.
        """
        return cls("token", f"sender {name}", tenant, frozenset({"ingest"}))

    @classmethod
    def nobody(cls) -> Principal:
        """Return somebody who has not signed in."""
        return cls("nobody", "nobody", "")


def allowed(who: Principal, deed: str, tenant: str) -> bool:
    """Return whether somebody may do a deed in a tenant.

    Args:
        who: who is asking.
        deed: a key of `DEEDS`.
        tenant: where.
    """
    return who.tenant == tenant and deed in who.deeds


def require(who: Principal, deed: str, tenant: str | None = None) -> None:
    """Go on only if somebody may do a deed.

    Args:
        who: who is asking.
        deed: a key of `DEEDS`.
        tenant: where, or None for the tenant they speak for.

    Raises:
        NotSignedInError: it is not known who asks.
        NotFoundError: the tenant is not theirs; whether it exists is not told.
        ForbiddenError: they lack the right.
    """
    if who.kind == "nobody":
        raise NotSignedInError(
            Problem("", "sign in, or send a token", "`nines token make` makes one", code="not-signed-in")
        )
    if tenant is not None and tenant != who.tenant:
        raise NotFoundError(Problem(f"tenant {tenant}", "there is no such tenant", "check the name", code="no-tenant"))
    if not allowed(who, deed, who.tenant):
        what = f"{who.name} may not {DEEDS[deed]}"
        raise ForbiddenError(Problem("", what, f"ask for the right {deed!r}", code="forbidden"))


def password_problems(name: str, password: str) -> list[Problem]:
    """Return why a password is refused; nothing when it is taken.

    Args:
        name: of the person.
        password: as typed.

    Source:
        NIST SP 800-63B: length and not the name; no rules about kinds of characters.
    """
    found = []
    if len(password) < 12:  # noqa: PLR2004 - NIST asks for 8 at least, and for more without a second factor
        found.append(Problem("password", "it is shorter than 12 characters", "take a few words", code="password-short"))
    if len(password) > 1024:  # noqa: PLR2004
        found.append(Problem("password", "it is longer than 1,024 characters", "take fewer", code="password-long"))
    if name and name.lower() in password.lower() and len(password) < len(name) + 8:
        found.append(Problem("password", "it is little more than the name", "take other words", code="password-name"))
    return found
