"""Commands that exchange definitions with other tools: import, export."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nines.cli.options import FormatOption, Paths
from nines.cli.output import Format, document, rows, say, tell_problems
from nines.errors import InputError, Problem


class ForeignName(StrEnum):
    """Whose definitions are imported."""

    sloth = "sloth"
    pyrra = "pyrra"
    openslo = "openslo"


class TargetName(StrEnum):
    """What definitions are exported as."""

    prometheus = "prometheus"
    grafana = "grafana"
    openslo = "openslo"


class FormName(StrEnum):
    """Whose way of writing rules."""

    exact = "exact"
    sloth = "sloth"
    pyrra = "pyrra"


SkipOption = Annotated[
    bool, typer.Option("--skip-refused", help="Leave out what is refused; else one refusal refuses all.")
]
OutOption = Annotated[Path | None, typer.Option("--out", help="File to write; standard output unless given.")]


def import_(
    foreign: Annotated[ForeignName, typer.Argument(help="Whose definitions they are.")],
    files: Annotated[list[Path], typer.Argument(help="Files or folders.")],
    url: Annotated[str, typer.Option("--url", help="Address of the Prometheus they are about.")] = "",
    period: Annotated[str, typer.Option("--period", help="Sloth: window of the SLOs.")] = "30d",
    windows: Annotated[
        list[Path] | None, typer.Option("--windows", help="Sloth: files with AlertWindows; may be repeated.")
    ] = None,
    skip_refused: SkipOption = False,
    out: OutOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Make definitions of ours from another tool's, with a list of what was lost; nothing is stored."""
    from nines.operations import importing
    from nines.operations.checking import problem_row

    asked = importing.Wanted(
        foreign.value, url, _length(period), tuple(importing.read_files(windows or [])), skip_refused
    )
    found = importing.import_files(files, asked)
    if form is Format.json:
        told = [problem_row(p) for p in found.problems]
        document({"definitions": list(found.documents.values()), "problems": told})
        return
    if form is Format.csv:
        rows(("where", "severity", "code", "what", "fix"), [problem_row(p) for p in found.problems], form)
        return
    tell_problems(found.problems)
    _write(found.text, out)
    say(importing.summary(found))


def _length(text: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a timedelta, imported only when needed
    from nines.reading import duration

    try:
        return duration(text)
    except ValueError as error:
        raise InputError(Problem("--period", str(error), "write a length like 30d", code="bad-duration")) from error


def _write(text: str, out: Path | None) -> None:
    import sys

    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")
        say(f"wrote {out}")


def export(
    target: Annotated[TargetName, typer.Argument(help="What to write them as.")],
    paths: Paths,
    form: Annotated[FormName, typer.Option("--form", help="Prometheus: whose way of writing rules.")] = FormName.exact,
    promtool_tests: Annotated[
        Path | None, typer.Option("--promtool-tests", help="Prometheus: file to write unit tests to; needs --out.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="Prometheus: KEY=VALUE on every recorded series.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="Prometheus: leave out recordings or alerts.")
    ] = None,
    skip_refused: SkipOption = False,
    out: OutOption = None,
) -> None:
    """Write definitions as Prometheus rules, a Grafana dashboard or OpenSLO, and tell what was lost."""
    from nines.operations import exporting

    found = exporting.load_checked(paths)
    if target is TargetName.grafana:
        _write(_json(exporting.grafana(found)), out)
    elif target is TargetName.openslo:
        text, lost = exporting.openslo(found)
        tell_problems(lost)
        _write(text, out)
    else:
        left_out = _parts(without or [])
        asked = exporting.Wanted(
            form.value, _labels(label or []), "recordings" not in left_out, "alerts" not in left_out, skip_refused
        )
        made = exporting.rules(found, asked)
        tell_problems(made.problems)
        _write(made.text, out)
        if promtool_tests is not None:
            _write(made.tests(_beside(out, promtool_tests)), promtool_tests)


def _json(found: object) -> str:
    import json

    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _beside(out: Path | None, tests: Path) -> str:
    """Return the rule file's name as promtool finds it from the tests."""
    import os

    if out is None:
        raise InputError(
            Problem("--promtool-tests", "tests need the name of the rule file", "give --out as well", code="no-file")
        )
    return os.path.relpath(out.resolve(), tests.resolve().parent)


def _parts(without: list[str]) -> set[str]:
    wrong = set(without) - {"recordings", "alerts"}
    if wrong:
        what = f"{', '.join(sorted(wrong))} cannot be left out"
        raise InputError(Problem("--without", what, "write recordings or alerts", code="bad-choice"))
    return set(without)


def _labels(texts: list[str]) -> dict[str, str]:
    found = dict(t.partition("=")[::2] for t in texts)
    if "" in found or any("=" not in t for t in texts):
        raise InputError(Problem("--label", "a label is KEY=VALUE", "write it like team=shop", code="bad-label"))
    return found


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("import")(import_)
    app.command()(export)
