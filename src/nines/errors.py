"""What can go wrong, as values and as a few exceptions.

A person's mistakes are data: a `Problem` says where, what and how to fix it, and problems are
collected and shown together. Exceptions are for what a caller cannot go on from; each carries its
problems, and its class says how every face tells it: exit code, HTTP status and title.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, told so that a person can act on it.

    Attributes:
        where: place, `file:line` or `file:line:column`, a source's or objective's name, or "".
        what: what is wrong, one sentence without a full stop.
        fix: what to do about it, one sentence, or "".
        severity: "error" refuses the input, "warning" lets it pass, "note" informs.
        code: stable kebab-case name of this kind of problem, for scripts and docs.
    """

    where: str
    what: str
    fix: str = ""
    severity: Severity = "error"
    code: str = "invalid"

    def __str__(self) -> str:
        """Return the one-line form `where: what, and how to fix`."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}; {self.fix}" if self.fix else head


class NinesError(Exception):
    """Something nines could not do; `problems` says what and how to go on.

    Attributes:
        exit_code: what the command line ends with.
        status: HTTP status of an answer.
        title: heading of a page or of a problem document; the same for every error of the class.
    """

    exit_code: ClassVar[int] = 5
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, *problems: Problem | str) -> None:
        """Keep the problems; a bare string becomes a problem without a place."""
        self.problems = tuple(Problem("", p) if isinstance(p, str) else p for p in problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class InputError(NinesError):
    """The input is wrong; correct what the problems name (exit 2, HTTP 400)."""

    exit_code, status, title = 2, 400, "The input is wrong"


class NotFoundError(NinesError):
    """There is no such thing here, or it may not be seen (exit 2, HTTP 404)."""

    exit_code, status, title = 2, 404, "Not found"


class NotSignedInError(NinesError):
    """Who is asking is not known; sign in or send a token (exit 2, HTTP 401)."""

    exit_code, status, title = 2, 401, "Not signed in"


class ForbiddenError(NinesError):
    """The person or token has no right to this deed in this tenant (exit 2, HTTP 403)."""

    exit_code, status, title = 2, 403, "Not allowed"


class ConflictError(NinesError):
    """It changed meanwhile; read it again and repeat (exit 1, HTTP 409)."""

    exit_code, status, title = 1, 409, "Changed meanwhile"


class CannotTellError(NinesError):
    """The data cannot decide the question; silence is not success (exit 3, HTTP 422)."""

    exit_code, status, title = 3, 422, "The data cannot tell"


class DependencyError(NinesError):
    """A system this depends on failed; nothing was half done (exit 4, HTTP 502)."""

    exit_code, status, title = 4, 502, "A system this depends on failed"


class OverloadedError(NinesError):
    """Too much at once, or no room to write; try again later (exit 4, HTTP 503 with Retry-After)."""

    exit_code, status, title = 4, 503, "Too much at once"
