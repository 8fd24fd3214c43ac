"""YAML with the line of every value, and none of YAML's traps.

Duplicate keys, aliases that multiply, and words that YAML 1.1 silently turns into something else are refused
or kept as text, so that what is read is what was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from nines.errors import Problem

#: Largest file, deepest nesting and most nodes of one document that are read.
MOST_BYTES = 8 * 1024 * 1024
DEEPEST = 40
MOST_NODES = 200_000


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Plain scalars become text, integers, decimals, true, false or null; nothing else."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", "-+0123456789"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
):
    _Loader.add_implicit_resolver(
        _tag, re.compile(_pattern), list(_first) if _first != "~nN\0" else ["~", "n", "N", ""]
    )


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document with its places.

    Attributes:
        value: plain mappings, lists, text, numbers, true, false and null.
        file: name of the file.
        line: first line, from 1.
        lines: path of keys and indexes -> line.
        text: the document's own text.
    """

    value: Any
    file: str
    line: int
    lines: dict[tuple[str | int, ...], int] = field(default_factory=dict)
    text: str = ""

    def where(self, path: tuple[str | int, ...] = ()) -> str:
        """Return `file:line` of the value at a path, or of the nearest thing around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return f"{self.file}:{self.lines[path[:length]]}"
        return f"{self.file}:{self.line}"


def documents(text: str, file: str) -> tuple[list[Document], list[Problem]]:
    """Return the documents of a file, and what is wrong with its YAML.

    Args:
        text: the file's text.
        file: its name, for places.
    """
    if len(text) > MOST_BYTES:
        return [], [
            Problem(file, f"the file is larger than {MOST_BYTES // 2**20} MiB", "split it", code="yaml-too-large")
        ]
    found: list[Document] = []
    problems: list[Problem] = []
    source = text.splitlines(keepends=True)
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            builder = _Builder(file, problems)
            value = builder.plain(node, (), 0)
            part = "".join(source[node.start_mark.line : node.end_mark.line + 1])
            if isinstance(value, list):
                found += [_item(builder, file, part, number, one) for number, one in enumerate(value)]
            elif value is not None:
                found.append(Document(value, file, node.start_mark.line + 1, builder.lines, part))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        problems.append(
            Problem(
                place,
                f"this is not YAML: {error.problem or error.context}",
                "mend the indentation or quoting",
                code="yaml",
            )
        )
    except yaml.YAMLError as error:
        problems.append(Problem(file, f"this is not YAML: {error}", "mend the text", code="yaml"))
    finally:
        loader.dispose()
    return found, problems


def _item(builder: _Builder, file: str, text: str, number: int, value: Any) -> Document:  # noqa: ANN401 - any YAML value
    """Return one item of a document that is a list of definitions, as OpenSLO files may be."""
    lines = {path[1:]: line for path, line in builder.lines.items() if path[:1] == (number,)}
    return Document(value, file, lines.get((), 1), lines, yaml.safe_dump(value, sort_keys=False) if value else text)


@dataclass
class _Builder:
    """Turns nodes into plain values, noting lines and refusing what grows without bound."""

    file: str
    problems: list[Problem]
    lines: dict[tuple[str | int, ...], int] = field(default_factory=dict)
    nodes: int = 0

    def plain(self, node: yaml.Node, path: tuple[str | int, ...], depth: int) -> Any:  # noqa: ANN401 - any YAML value
        self.nodes += 1
        if depth > DEEPEST or self.nodes > MOST_NODES:
            raise yaml.composer.ComposerError(
                None, None, "the document is nested too deeply or grows too large", node.start_mark
            )
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, path, depth))
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(child, (*path, i), depth + 1) for i, child in enumerate(node.value)]
        return _scalar(node)

    def _pairs(self, node: yaml.MappingNode, path: tuple[str | int, ...], depth: int) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = str(_scalar(key_node)) if isinstance(key_node, yaml.ScalarNode) else "?"
            line = key_node.start_mark.line + 1
            if key in seen:
                what = f"{key!r} stands twice, first in line {seen[key]}"
                self.problems.append(
                    Problem(f"{self.file}:{line}", what, "keep one of them", code="yaml-duplicate-key")
                )
                continue
            seen[key] = line
            self.lines[(*path, key)] = line
            yield key, self.plain(value_node, (*path, key), depth + 1)


def _scalar(node: yaml.Node) -> Any:  # noqa: ANN401 - any YAML scalar
    text, tag = node.value, node.tag.rpartition(":")[2]
    if tag == "bool":
        return text.lower() == "true"
    if tag in {"int", "float"}:
        try:
            return int(text) if tag == "int" else float(text)
        except ValueError:
            return text  # tagged a number and none, or longer than any number meant
    return None if tag == "null" else text
