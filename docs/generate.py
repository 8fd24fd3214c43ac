"""Writes the generated parts of docs/reference anew; `tests/test_docs.py` checks that they are current."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by docs/generate.py (`make docs`); change the code, not this page. -->\n"


def commands() -> str:
    """Return the page of commands, from the command line itself."""
    import click
    from typer.main import get_command

    from nines.cli.main import app

    lines = ["# Commands\n", NOTE, "Exit codes: see [exit codes](exit-codes.md). Every command takes `--help`.\n"]

    def walk(command: click.Command, name: str) -> None:
        children = getattr(command, "commands", None)
        if children:
            if name != "nines":
                lines.append(f"## `{name}`\n\n{command.help}\n")
            for child in children.values():
                walk(child, f"{name} {child.name}")
            return
        lines.append(f"## `{name}`\n\n{command.help}\n")
        rows = []
        for parameter in command.params:
            if parameter.name == "help":
                continue
            shown = ", ".join(f"`{o}`" for o in parameter.opts) if parameter.param_type_name == "option" else f"`{parameter.name.upper()}`"
            default = getattr(parameter, "default", None)
            plain = default if isinstance(default, str | int | float) and not isinstance(default, bool) and default != "" else ""
            rows.append(f"| {shown} | {(getattr(parameter, 'help', '') or '').strip()} | {f'`{plain}`' if plain != '' else ''} |")
        if rows:
            lines.append("| argument or option | meaning | default |\n|---|---|---|\n" + "\n".join(rows) + "\n")

    walk(get_command(app), "nines")
    return "\n".join(lines)


def settings() -> str:
    """Return the page of settings."""
    from nines.cli.settings import SETTINGS

    rows = [f"| `{s.name}` | `{s.default}` | {s.help} |" if s.default else f"| `{s.name}` | | {s.help} |" for s in SETTINGS]
    return "\n".join(
        ["# Settings\n", NOTE, "Read from the environment by the command line; an option on the command wins.\n"]
        + ["| variable | unless set | meaning |\n|---|---|---|", *rows, ""]
    )


def exit_codes() -> str:
    """Return the page of exit codes and the error classes behind them."""
    from nines.errors import NinesError

    meaning = {0: "yes, or done", 1: "no: missed, failed, different", 2: "the input is wrong", 3: "cannot tell", 4: "a system it depends on failed", 5: "internal error"}
    lines = ["# Exit codes\n", NOTE, "Where several hold, the first of 5, 4, 2, 1, 3.\n", "| code | means | errors |", "|---|---|---|"]
    for code, words in meaning.items():
        classes = [f"`{kind.__name__}`: {kind.__doc__}" for kind in NinesError.__subclasses__() if kind.exit_code == code]
        lines.append(f"| {code} | {words} | {'<br>'.join(classes)} |")
    return "\n".join(lines) + "\n"


def problem_codes() -> dict[str, list[str]]:
    """Return every problem code in the source with the modules that raise it."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "src" / "nines").rglob("*.py")):
        room = path.relative_to(ROOT / "src" / "nines").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                for keyword in node.keywords:
                    if keyword.arg == "code" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
                        rooms = found.setdefault(keyword.value.value, [])
                        if room not in rooms:
                            rooms.append(room)
    return found


def events() -> str:
    """Return the page of event columns."""
    from nines.telemetry.event import COLUMNS, STAMPS

    lines = ["# Event columns\n", NOTE, "What predicates can name; OpenTelemetry names are aliases. Anything else is `attributes['name']`.\n"]
    lines += ["| column | type | alias of | meaning |", "|---|---|---|---|"]
    lines += [f"| `{c.name}` | {c.type} | {f'`{c.alias}`' if c.alias else ''} | {c.meaning} |" for c in COLUMNS]
    lines += ["\nThe lake adds:\n", "| column | type | meaning |", "|---|---|---|"]
    lines += [f"| `{c.name}` | {c.type} | {c.meaning} |" for c in STAMPS]
    return "\n".join(lines) + "\n"


def problems() -> str:
    """Return the page of problem codes."""
    lines = ["# Problems\n", NOTE, "Every problem has a code that scripts can rely on; the words may be mended.\n", "| code | told by |", "|---|---|"]
    lines += [f"| `{code}` | {', '.join(rooms)} |" for code, rooms in sorted(problem_codes().items())]
    return "\n".join(lines) + "\n"


def alerting_life() -> str:
    """Return the page of an alert's life: the table, and the diagram made from it."""
    from nines.alerting.life import SIGNS, STATES, TABLE, diagram

    lines = ["# The life of an alert\n", NOTE, "What the signs mean, and why it is so, stands in [alerting](alerting.md#life).\n"]
    lines += ["```mermaid", diagram().rstrip(), "```\n", "| state | " + " | ".join(f"`{s}`" for s in SIGNS) + " |", "|---|" + "---|" * len(SIGNS)]
    for state in STATES:
        cells = [(TABLE[state][s].to, TABLE[state][s].tells) for s in SIGNS]
        shown = [f"**{to}**, tells `{tells}`" if tells else to if to != state else "stays" for to, tells in cells]
        lines.append(f"| `{state}` | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def burn_policies() -> str:
    """Return the page of published burn policies."""
    from datetime import timedelta

    from nines.alerting.catalogue import PUBLISHED, published
    from nines.reading import duration_text
    from nines.showing import percent

    lines = ["# Published burn policies\n", NOTE, "Names that `alerting.policy` of an SLO takes; on the window shown. How they are decided: [alerting](alerting.md).\n"]
    for name, entry in PUBLISHED.items():
        window = timedelta(days=30) if not entry.windows or timedelta(days=30) in entry.windows else entry.windows[0]
        policy = published(name, window)
        known = ", ".join(duration_text(w) for w in entry.windows) or (f"{duration_text(entry.shortest)} or more" if entry.shortest else "any")
        lines += [f"## `{name}`\n", f"{entry.source}. Windows: {known}. Fires {'on the line' if policy.comparison == 'gte' else 'above the line only'}.\n"]
        lines += [f"| on {duration_text(window)} | factor | share of the budget | long | short | waits |", "|---|---|---|---|---|---|"]
        for rule in policy.rules:
            short = duration_text(rule.short) if rule.short < rule.long else "none"
            waits = duration_text(rule.lasts) if rule.lasts else ""
            lines.append(f"| {rule.severity} | {float(rule.factor(window)):.4g} | {percent(rule.share_on(window))} | {duration_text(rule.long)} | {short} | {waits} |")
        lines.append("")
    return "\n".join(lines)


PAGES = {"alerting-life.md": alerting_life, "burn-policies.md": burn_policies, "commands.md": commands, "settings.md": settings, "exit-codes.md": exit_codes, "events.md": events, "problems.md": problems}


def main() -> int:
    """Write every generated page; with --check only say which would change."""
    stale = []
    for name, make in PAGES.items():
        path, text = REFERENCE / name, make()
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text)
    for name in stale:
        print(f"{'stale' if '--check' in sys.argv else 'wrote'} docs/reference/{name}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
