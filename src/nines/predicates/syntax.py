"""Text to syntax tree, within bounds: length, nesting and depth are limited before anything recursive looks at it.

One rule: whatever is given, the answer is a tree or problems, soon.
"""

from __future__ import annotations

from typing import ClassVar, Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokenizer_core import Token, TokenType

from nines.errors import InputError, Problem

LONGEST: Final = 4_000
#: Brackets, CASEs and NOTs open at one place; the parser's recursion grows with them.
NESTING: Final = 16
#: Levels of the tree, a run of ANDs or of ORs being one.
DEPTH: Final = 32

_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}
_DIALECT = DuckDB()


class _Parser(DuckDBParser):
    """Expressions with every function left under the name it was written with, so that only our list decides."""

    FUNCTIONS: ClassVar = {}
    FUNCTION_PARSERS: ClassVar = {k: DuckDBParser.FUNCTION_PARSERS[k] for k in ("CAST", "TRY_CAST")}
    NO_PAREN_FUNCTIONS: ClassVar = {}
    NO_PAREN_FUNCTION_PARSERS: ClassVar = {"CASE": DuckDBParser.NO_PAREN_FUNCTION_PARSERS["CASE"]}


def tree(text: str, where: str) -> exp.Expr:
    """Return the syntax tree of one expression.

    Args:
        text: SQL expression as a person wrote it.
        where: place to name in problems.

    Raises:
        InputError: empty, too long, nested too deeply, commented, several statements, or not SQL.
    """
    if len(text) > LONGEST:
        raise _refusal(where, f"an expression of {len(text)} characters is too long", f"keep it within {LONGEST}")
    if "\0" in text:
        raise _refusal(where, "the expression holds a NUL character", "take it out")
    try:
        tokens = _DIALECT.tokenize(text)
    except TokenError as reason:
        raise _refusal(
            where, "a quote or comment is opened and not closed", "close it; '' inside text is one '"
        ) from reason
    _bounded(tokens, where)
    try:
        found = _Parser(dialect=_DIALECT).parse_into(exp.Condition, tokens, text)
    except ParseError as reason:
        raise _syntax_error(reason, tokens, where) from reason
    except RecursionError as reason:
        raise _refusal(where, "the expression is nested too deeply", "use fewer brackets") from reason
    if len(found) != 1 or found[0] is None:
        raise _refusal(where, "one expression is expected", "write a condition such as http_status < 500")
    _shallow(found[0], where)
    return found[0]


def place(node: exp.Expr) -> str:
    """Return " at character n" for the leftmost place a node is known to stand, counted from 1, or ""."""
    starts = [each.meta["start"] for each in node.walk() if "start" in each.meta]
    return f" at character {min(starts) + 1}" if starts else ""


def _bounded(tokens: list[Token], where: str) -> None:
    """Refuse what needs no tree to be seen: nothing at all, comments, semicolons, brackets without end."""
    if not tokens:
        raise _refusal(where, "the expression is empty", "write a condition such as http_status < 500")
    problems = []
    depth = nots = 0
    for token in tokens:
        at = f" at character {token.start + 1}"
        depth += (token.token_type in _OPENING) - (token.token_type in _CLOSING)
        nots = nots + 1 if token.token_type is TokenType.NOT else 0
        if depth + nots > NESTING:
            problems.append((f"the expression is nested deeper than {NESTING} levels{at}", "use fewer brackets"))
            break
        if token.comments:
            # In a folded YAML text a comment would swallow the lines after it.
            problems.append((f"a comment stands near character {token.start + 1}", "put it outside the expression"))
        if token.token_type is TokenType.SEMICOLON:
            problems.append((f"a semicolon stands{at}", "write one expression"))
    if problems:
        raise InputError(*(Problem(where, what, fix, code="predicate-syntax") for what, fix in problems))


def _shallow(root: exp.Expr, where: str) -> None:
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > DEPTH:
            raise _refusal(where, f"the expression is deeper than {DEPTH} levels{place(node)}", "split it up")
        for child in node.iter_expressions():
            same_run = type(child) is type(node) and isinstance(node, exp.And | exp.Or)
            waiting.append((child, depth if same_run else depth + 1))


def _syntax_error(reason: ParseError, tokens: list[Token], where: str) -> InputError:
    """Return the parser's complaint in our words, at the token it stopped at."""
    first = reason.errors[0] if reason.errors else {}
    stopped = [t for t in tokens if (t.line, t.col) == (first.get("line"), first.get("col"))]
    if not stopped:
        return _refusal(where, "this is not an SQL expression", "see the reference of predicates")
    token = stopped[0]
    at = f"{token.text!r} at character {token.start + 1}"
    if token.token_type in {TokenType.SELECT, TokenType.WITH, TokenType.FROM}:
        return _refusal(where, f"a query starts with {at}", "write one condition over the columns of an event")
    if token is tokens[-1] and str(first.get("description", "")).startswith(("Required", "Expect")):
        return _refusal(where, f"something is missing after {at}", "complete the expression")
    return _refusal(where, f"{at} is not expected there", "check what stands before it")


def _refusal(where: str, what: str, fix: str) -> InputError:
    return InputError(Problem(where, what, fix, code="predicate-syntax"))
