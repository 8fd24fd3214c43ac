"""The journal: read it, and prove that nothing in it was changed."""

from __future__ import annotations

from dataclasses import dataclass

from nines.definitions.load import load_texts
from nines.definitions.revisions import digest
from nines.errors import Problem
from nines.journal.facts import Fact
from nines.operations.house import House
from nines.people.rights import Principal, require


@dataclass(frozen=True, slots=True)
class Verified:
    """What verification found.

    Attributes:
        facts: how many there are.
        problems: rows that were changed, removed or inserted.
    """

    facts: int
    problems: tuple[Problem, ...]

    @property
    def summary(self) -> str:
        """One sentence for people."""
        if self.problems:
            return f"the journal does not verify: {len(self.problems)} problems in {self.facts} facts"
        return f"the journal verifies: {self.facts} facts, each as it was recorded"


def verify(house: House, who: Principal) -> Verified:
    """Check the hash chain of the tenant's journal."""
    require(who, "audit")
    number, problems = house.store.verify(who.tenant, digest_of=_digest)
    return Verified(number, tuple(problems))


def _digest(text: str) -> str:
    """Return the digest of a stored document's text, so that one edited by hand is found out."""
    documents = list(load_texts([("", text)]).documents.values())
    return digest(documents[0]) if documents else "unreadable"


def journal(house: House, who: Principal, *, newest: int = 200) -> list[Fact]:
    """Return the newest facts of the tenant, newest first."""
    require(who, "see-journal")
    return house.store.journal(who.tenant, newest=newest)
