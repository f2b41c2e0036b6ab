"""The list of guards, which is docs/guards.md itself: what people read is what is tried."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAPER = ROOT / "docs" / "guards.md"

_GUARD = re.compile(r"^### (?P<name>.+?)\n(?P<body>.*?)(?=^#{1,3} |\Z)", re.DOTALL | re.MULTILINE)
_DIFF = re.compile(r"^```diff\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_TEST = re.compile(r"^\* `(?P<test>[^`]+)`$", re.MULTILINE)
_PLACE = re.compile(r"^--- (?P<path>\S+?)(?:: (?P<function>[\w.]+))?$")


class ListInvalid(ValueError):
    """The list cannot be followed; says which guard, what was found and what was expected."""


@dataclass(frozen=True)
class Edit:
    """One change to the source, as a diff shows it.

    Attributes:
        path: the file, from the project's root.
        function: the function or class in it that holds the lines, such as `Class.method`; empty: the whole file.
        old: the lines to be found there, exactly once.
        new: what is put in their place.
    """

    path: str
    function: str
    old: tuple[str, ...]
    new: tuple[str, ...]

    def applied(self, source: str) -> str:
        """The file's text after the change.

        Raises:
            ListInvalid: the lines are not there exactly once, or Python cannot read what comes of it.
        """
        lines = source.splitlines()
        first, last = self._bounds(source)
        size = len(self.old)
        found = [at for at in range(first, last - size + 1) if tuple(lines[at : at + size]) == self.old]
        if len(found) != 1:
            raise ListInvalid(f"{self}: found {len(found)} times; expected once: {self.old[0].strip()!r} …")
        changed = "\n".join([*lines[: found[0]], *self.new, *lines[found[0] + size :]]) + "\n"
        try:
            compile(changed, self.path, "exec")
        except SyntaxError as error:
            raise ListInvalid(f"{self}: what comes of it is no Python: {error}") from None
        return changed

    def _bounds(self, source: str) -> tuple[int, int]:
        """The lines of the function, as indexes."""
        if not self.function:
            return 0, len(source.splitlines())
        for name, node in _definitions(ast.parse(source)):
            if name == self.function:
                return node.lineno - 1, node.end_lineno or node.lineno
        raise ListInvalid(f"{self}: there is no such function or class")

    def __str__(self) -> str:
        return f"{self.path}{f': {self.function}' if self.function else ''}"


@dataclass(frozen=True)
class Guard:
    """Something in the source that keeps users safe, or makes a thing happen once.

    Attributes:
        name: a heading of the paper.
        edits: what takes it away.
        tests: the tests that must fail then, as pytest names them, without parameters.
    """

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


def _definitions(
    tree: ast.AST, before: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield f"{before}{node.name}", node
            yield from _definitions(node, f"{before}{node.name}.")


def read_guards(text: str) -> list[Guard]:
    """The guards of the paper: each heading of the third level, with its diffs and its tests.

    Raises:
        ListInvalid: a guard is incomplete, or there twice.
    """
    guards = [_guard(found["name"], found["body"]) for found in _GUARD.finditer(text)]
    names = [guard.name for guard in guards]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ListInvalid(f"guard {twice[0]!r} is there twice")
    return guards


def _guard(name: str, body: str) -> Guard:
    edits = tuple(edit for diff in _DIFF.finditer(body) for edit in _edits(name, diff["text"]))
    tests = tuple(found["test"] for found in _TEST.finditer(body))
    if not edits or not tests:
        raise ListInvalid(f"guard {name!r} has {len(edits)} edits and {len(tests)} tests; expected at least one each")
    return Guard(name, edits, tests)


def _edits(name: str, diff: str) -> Iterator[Edit]:
    parts = re.split(r"^(?=--- )", diff, flags=re.MULTILINE)
    for part in filter(str.strip, parts):
        head, *lines = part.splitlines()
        place = _PLACE.match(head)
        if place is None:
            raise ListInvalid(f"guard {name!r}: found {head!r}; expected '--- path: function' before the lines")
        if strange := [line for line in lines if line[:1] not in ("", " ", "+", "-")]:
            raise ListInvalid(f"guard {name!r}: found {strange[0]!r}; a diff's lines begin with ' ', '-' or '+'")
        old = tuple(line[1:] for line in lines if line[:1] != "+")
        new = tuple(line[1:] for line in lines if line[:1] != "-")
        if old == new or not old:
            raise ListInvalid(f"guard {name!r}: the diff of {place['path']} changes nothing that is there")
        yield Edit(place["path"], place["function"] or "", old, new)
