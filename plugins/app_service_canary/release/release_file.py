"""Reads a release file's text, with errors that name the file, line, key, value and what is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.release.masking import without_signatures
from app_service_canary.release.policy import ReleasePolicy
from app_service_canary.release.quoting import LONGEST_TEXT, quoted

LONGEST_FILE = 64 * 1024
"""Characters. A release file has one or two thousand; what is far longer is something else, and takes long to read."""

MOST_VALUES = 5000
"""Values and keys, counted as if each alias were written out. A release file has a hundred or two."""

MOST_MISTAKES = 20
"""Lines of an error: a screen."""

LONGEST_LINE = 200
"""Characters of what the YAML parser says, which quotes what it found."""

_Path = tuple[str | int, ...]


def read_release_file(text: str, file: str) -> ReleasePolicy:
    """Turns the text of one release file into a policy.

    Args:
        text: the YAML.
        file: its name, for the errors.

    Raises:
        InvalidReleasePlan: one line per mistake, each with file, line, key, value and what is allowed.
    """
    if len(text) > LONGEST_FILE:
        raise InvalidReleasePlan(f"{file}:1: found {len(text)} characters; allowed: at most {LONGEST_FILE}")
    with _yaml_errors(file):
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        _refuse_too_many_values(root, file)
        # Before the values are made, for that writes merged keys into the nodes, where they would stand twice.
        lines, twice = _lines(root) if isinstance(root, yaml.MappingNode) else ({}, [])
        content = None if root is None else loader.construct_document(root)
    if not isinstance(root, yaml.MappingNode) or not isinstance(content, dict):
        raise InvalidReleasePlan(
            f"{file}:1: found {quoted(content)}; allowed: keys and values, such as `app: storefront`"
        )
    if twice:
        repeated = [f"{file}:{line}: {key}: this key stands here twice" for key, line in twice]
        raise InvalidReleasePlan("\n".join(_first(repeated, file)))
    try:
        return ReleasePolicy.model_validate(content)
    except ValidationError as error:
        mistakes = [_sentence(file, lines, detail) for detail in _own(error)]
        raise InvalidReleasePlan("\n".join(_first(mistakes, file))) from None


@contextmanager
def _yaml_errors(file: str) -> Iterator[None]:
    try:
        yield
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidReleasePlan(f"{file}:{line}: this is not YAML: {_one_line(error.problem or error)}") from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        # The last five escape from PyYAML when a value does not fit its tag, such as `!!bool 7`, or nests too deep.
        raise InvalidReleasePlan(f"{file}:1: this is not YAML: {_one_line(error)}") from None


def _refuse_too_many_values(root: yaml.Node | None, file: str) -> None:
    if root is not None and _values(root, {}) > MOST_VALUES:
        raise InvalidReleasePlan(
            f"{file}:1: found more than {MOST_VALUES} values, each alias counted with what it stands for; allowed: "
            f"at most {MOST_VALUES}, and no alias inside what it stands for"
        )


def _values(node: yaml.Node, known: dict[int, float]) -> float:
    """How many values a node holds, aliases followed; infinity when it holds itself.

    PyYAML follows an alias once and keeps the value; but merged keys, and whoever writes a value out, follow each.
    """
    if id(node) not in known:
        known[id(node)] = inf
        inner = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(_values(part, known) for part in inner if isinstance(part, yaml.Node))
    return known[id(node)]


def _one_line(problem: object) -> str:
    text = " ".join(without_signatures(str(problem)).split())
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"


def _first(mistakes: list[str], file: str) -> list[str]:
    more = len(mistakes) - MOST_MISTAKES
    return mistakes if more <= 0 else [*mistakes[:MOST_MISTAKES], f"{file}:1: {more} more mistakes"]


def _own(error: ValidationError) -> list[ErrorDetails]:
    """The mistakes without those that only follow from a mistake further inside."""
    details = error.errors()
    outside = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    return [detail for detail in details if detail["loc"] not in outside]


def _lines(root: yaml.MappingNode) -> tuple[dict[_Path, int], list[tuple[str, int]]]:
    """The line of every key, by its path; and the keys that stand twice."""
    lines: dict[_Path, int] = {(): root.start_mark.line + 1}
    twice: list[tuple[str, int]] = []
    walked: set[int] = set()

    def walk(node: yaml.Node, path: _Path) -> None:
        if id(node) in walked:  # an alias, which may lead round in a circle
            return
        walked.add(id(node))
        for key, mark, value in _children(node):
            here = (*path, key)
            if here in lines:
                twice.append((dotted(here), mark.line + 1))
            lines[here] = mark.line + 1
            walk(value, here)

    walk(root, ())
    return lines, twice


def _children(node: yaml.Node) -> Iterator[tuple[str | int, yaml.Mark, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield str(key.value), key.start_mark, value
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield index, value.start_mark, value


def _sentence(file: str, lines: dict[_Path, int], detail: ErrorDetails) -> str:
    path: _Path = detail["loc"]
    known = path
    while known not in lines:
        known = known[:-1]
    return f"{file}:{lines[known]}: {dotted(path)}: {problem(detail, ReleasePolicy)}"


def problem(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong with one value and what is allowed, from one of pydantic's errors."""
    kind, found, path = detail["type"], detail["input"], detail["loc"]
    context: dict[str, Any] = detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return "this key is required and missing"
    if kind == "invalid_key":
        return f"found the key {quoted(found)}; allowed: keys that are text"
    if kind == "extra_forbidden":
        return f"unknown key; allowed here: {', '.join(_keys_at(model, path[:-1]))}"
    if kind == "string_pattern_mismatch":
        return f"found {quoted(found)}; allowed: text that matches {context['pattern']}"
    return f"found {quoted(found)}; allowed: {detail['msg'].removeprefix('Input should be ')}"


def _keys_at(model: type[BaseModel], path: _Path) -> list[str]:
    """The keys that the model has at a path; list positions are passed over."""
    for part in path:
        if isinstance(part, str):
            model = _model_of(model.model_fields[part].annotation)
    return list(model.model_fields)


def _model_of(annotation: Any) -> type[BaseModel]:
    """The model inside an annotation such as `tuple[Step, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if argument is not Ellipsis:
            return _model_of(argument)
    raise TypeError(f"{annotation} holds no section")


def dotted(path: _Path) -> str:
    """`("steps", 1, "weight")` as people write it: `steps[1].weight`.

    A key that is long, or has line breaks in it, is quoted.
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f"{'.' if text else ''}{part if part.isprintable() and len(part) <= LONGEST_TEXT else quoted(part)}"
    return text or "(the file)"
