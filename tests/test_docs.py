"""The papers cannot drift: what can be set, asked for or go wrong is explained, links lead somewhere, examples hold."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from inspect import getsource, isclass
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from app_service_canary import errors
from app_service_canary.dag_factory import release_dag
from app_service_canary.hooks import app_service, connection, management, operations
from app_service_canary.release.durations import parse_duration
from app_service_canary.release.plan import plan_release
from app_service_canary.release.policy import ReleasePolicy
from app_service_canary.release.release_file import read_release_file
from app_service_canary.run_form import run_params

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference.md"
PAPERS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("include/**/*.md")]
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)

SMALLEST = "app: storefront\nresource_group: storefront-rg\nslot: canary\nsteps: [{weight: 10, bake: 15m}]\n"
ZIP = read_release_file(SMALLEST, "zip.yaml")
CONTAINER = read_release_file(f"{SMALLEST}artifact: {{type: container}}\n", "container.yaml")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@dataclass(frozen=True)
class Block:
    """A fenced block of a paper; `line` is that of its fence, for finding it."""

    paper: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{named(self.paper)}:{self.line}"


def blocks(paper: Path) -> Iterator[Block]:
    opened: tuple[int, str] | None = None
    inside: list[str] = []
    for number, line in enumerate(paper.read_text(encoding="utf-8").splitlines(), start=1):
        fence = re.match(r"\s*```(\w*)", line)
        if fence and opened is None:
            opened, inside = (number, fence[1]), []
        elif fence and opened is not None:
            yield Block(paper, *opened, text="\n".join(inside) + "\n")
            opened = None
        else:
            inside.append(line)
    assert opened is None, f"{named(paper)}:{opened and opened[0]}: this block is never closed"


BLOCKS = [block for paper in PAPERS for block in blocks(paper)]


def without_blocks(paper: Path) -> str:
    return re.sub(r"^\s*```.*?^\s*```", "", paper.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def section(title: str, paper: Path = REFERENCE) -> str:
    """The text below a heading, up to the next heading of its kind."""
    text = paper.read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"{named(paper)} has no section {title!r}"
    return found[1]


def rows(title: str, paper: Path = REFERENCE) -> dict[str, list[str]]:
    """The table below a heading: the first cell's words in code style, each with the row's other cells."""
    table: dict[str, list[str]] = {}
    for line in section(title, paper).splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            first, *others = [cell.strip() for cell in line.strip("|").split("|")]
            table.update(dict.fromkeys(re.findall(r"`([^`]+)`", first), others))
    return table


def keys_of(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of the release file that holds a value, as people write it, with its default."""
    for name, field in model.model_fields.items():
        inner = [part for part in (field.annotation, *get_args(field.annotation)) if isclass(part)]
        sections = [part for part in inner if issubclass(part, BaseModel)]
        if not sections:
            yield f"{before}{name}", field.default
        elif sections[0] is field.annotation or type(None) in get_args(field.annotation):
            yield from keys_of(sections[0], f"{before}{name}.")
        else:
            yield f"{before}{name}", field.default
            yield from keys_of(sections[0], f"{before}{name}[].")


REQUIRED = object()

OF_OPTIONAL_SECTIONS = ("analysis.sources.",)
"""One key of such a section makes it be there, so the whole would differ from one without it."""

KEYS = dict(keys_of(ReleasePolicy))
DEFAULTS = {key: REQUIRED if default is PydanticUndefined else default for key, default in KEYS.items()}


def test_every_key_of_the_release_file_is_explained_and_no_other() -> None:
    assert set(KEYS) == set(rows("The release file"))


@pytest.mark.parametrize("key", KEYS)
def test_the_default_of_each_key_is_the_one_explained(key: str) -> None:
    written = rows("The release file")[key][1]
    default = _without(SMALLEST, key)
    if default is REQUIRED:
        assert written == "required"
    elif default is None:
        assert written in ("none", "the type's own")
    else:
        value = yaml.safe_load(written.strip("`"))
        if not key.startswith(OF_OPTIONAL_SECTIONS):
            assert _set(key, value) == _set(key, None), f"{key}: {written}"
        elif isinstance(default, timedelta):
            assert parse_duration(value) == default
        else:
            assert (tuple(value) if isinstance(value, list) else value) == default


def _without(text: str, key: str) -> Any:
    """The value of a key that is left out; REQUIRED when it may not be."""
    if key in ("app", "resource_group", "slot", "steps") or key.startswith("steps[]"):
        return REQUIRED
    value: Any = read_release_file(text, "default.yaml")
    for part in key.split("."):
        if value is None:  # a section that may be left out
            return DEFAULTS[key]
        value = getattr(value, part)
    return value


def _set(key: str, value: Any) -> ReleasePolicy:
    """The smallest release file with one key set; None: not set."""
    content = yaml.safe_load(SMALLEST)
    if value is not None:
        *parents, last = key.split(".")
        target = content
        for parent in parents:
            target = target.setdefault(parent, {})
        target[last] = value
    return read_release_file(yaml.safe_dump(content), "set.yaml")


def test_the_long_example_shows_every_key() -> None:
    examples = [yaml.safe_load(block.text) for block in BLOCKS if block.paper == REFERENCE and block.language == "yaml"]
    shown = {key for example in examples for key in _paths(example)}
    assert set(KEYS) - {"steps"} <= shown


def _paths(value: Any, before: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{before}.{key}" if before else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from _paths(inner, f"{before}[]")
    else:
        yield before


def test_every_run_parameter_is_explained_and_no_other() -> None:
    assert {*run_params(ZIP), *run_params(CONTAINER)} == set(rows("Run parameters"))


def test_the_example_of_run_parameters_can_be_followed() -> None:
    example = next(
        json.loads(block.text) for block in BLOCKS if block.language == "json" and '"package_uri"' in block.text
    )
    two_steps = read_release_file(
        SMALLEST.replace("[{weight: 10, bake: 15m}]", "[{weight: 10, bake: 15m}, {weight: 50, bake: 1h}]"), "two.yaml"
    )
    assert set(example) <= set(run_params(two_steps))
    assert [step.weight for step in plan_release(two_steps, example).steps] == [5.0, 25.0]


@pytest.mark.parametrize(
    ("paper", "title"), [("reference.md", "The tasks of a release"), ("architecture.md", "The life of a release")]
)
def test_every_task_is_explained_in_its_order(paper: str, title: str) -> None:
    tasks = [task.task_id for task in release_dag("storefront", ZIP).topological_sort()]
    explained = [name.replace("<w>", "10") for name in rows(title, ROOT / "docs" / paper)]
    assert tasks == explained


def test_every_error_is_explained_and_no_other() -> None:
    kinds = {name for name, kind in vars(errors).items() if isclass(kind) and issubclass(kind, Exception)}
    assert kinds == set(rows("Errors"))


def test_every_field_of_the_connection_is_explained_and_no_other() -> None:
    read = set(re.findall(r'extra(?:\.get\(|\[)"(\w+)"', getsource(connection)))
    listed = next(
        ast.literal_eval(node.iter)
        for node in ast.walk(ast.parse(getsource(connection)))
        if isinstance(node, ast.comprehension) and isinstance(node.iter, ast.Tuple) and len(node.iter.elts) > 2
    )
    refused = {"key_path", "key_json"}
    assert read | set(listed) == set(rows("The connection")) | refused
    assert all(name in section("The connection") for name in refused)


def test_every_make_target_is_explained_and_no_other() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {f"make {target}" for target in targets} | {"make"} == set(rows("Make targets"))


# Each call of the hook, and what Azure asks for it.
# https://learn.microsoft.com/azure/role-based-access-control/permissions/web-and-mobile
ACTIONS = {
    "list": {"sites/Read"},
    "get": {"sites/Read"},
    "get_slot": {"sites/slots/Read"},
    "get_configuration": {"sites/config/Read"},
    "get_configuration_slot": {"sites/slots/config/Read"},
    "start_slot": {"sites/slots/start/Action"},
    "stop_slot": {"sites/slots/stop/Action"},
    "restart_slot": {"sites/slots/restart/Action"},
    "list_application_settings": {"sites/config/list/Action"},
    "list_connection_strings": {"sites/config/list/Action"},
    "list_slot_configuration_names": {"sites/config/Read"},
    "begin_create_or_update_slot": {"sites/slots/Write", "serverfarms/join/Action"},
    "update_configuration": {"sites/config/Write"},
    "update_configuration_slot": {"sites/slots/config/Write"},
    "/extensions/onedeploy": {
        "sites/slots/extensions/Write",
        "sites/slots/deployments/Read",
    },
    "reset_slot_configuration_slot": {"sites/slots/resetSlotConfig/Action"},
    "/deployments/": {"sites/deployments/Read", "sites/slots/deployments/Read"},
    "/slotsswap": {
        "sites/slots/slotsswap/Action",
        "sites/slots/operationresults/Read",
    },
}


FOR_CREATING_A_SLOT = {
    "list_application_settings",
    "list_connection_strings",
    "begin_create_or_update_slot",
}
"""Calls whose actions are a role of their own: one of them reads production's secrets."""


@pytest.mark.parametrize(
    ("role", "for_creating_a_slot"),
    [("least-privilege-role.json", False), ("least-privilege-role-create-slot.json", True)],
)
def test_a_role_permits_what_the_hook_calls_and_nothing_else(role: str, for_creating_a_slot: bool) -> None:
    calls = [call for call in ACTIONS if (call in FOR_CREATING_A_SLOT) is for_creating_a_slot]
    needed = {f"Microsoft.Web/{action}" for call in calls for action in ACTIONS[call]}
    actions = json.loads((ROOT / "docs" / role).read_text(encoding="utf-8"))["Actions"]
    assert needed == set(actions)
    assert len(set(actions)) == len(actions)


def test_each_call_of_the_hook_has_its_actions() -> None:
    source = "".join(map(getsource, (app_service, operations, management)))
    called = set(re.findall(r"client\.web_apps\.(\w+)\(", source))
    called |= set(re.findall(r'path(?:\(target\))?\}(/[\w/]+)["{]', source))
    assert set(ACTIONS) == called


def test_every_permission_is_explained_and_no_other() -> None:
    needed = {action for actions in ACTIONS.values() for action in actions}
    assert needed == set(rows("Permissions in Azure"))


def test_decisions_are_numbered_without_a_gap_and_all_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    decisions = sorted(path.name for path in folder.glob("0*.md"))
    assert [int(name[:4]) for name in decisions] == list(range(1, len(decisions) + 1))
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert listed == decisions
    for name in decisions:
        headings = re.findall(r"^#+ (.+)$", (folder / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert headings[1:] == ["Context", "Decision", "Consequences"], name


@pytest.mark.parametrize("paper", PAPERS, ids=named)
def test_every_relative_link_leads_somewhere(paper: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_blocks(paper)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = paper.parent / file if file else paper
        assert target.exists(), f"{named(paper)}: {link}"
        if anchor:
            assert anchor in _anchors(target), f"{named(paper)}: {link}"


def _anchors(paper: Path) -> set[str]:
    """The addresses of a paper's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(paper), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in ("json", "yaml")], ids=str)
def test_every_block_of_json_and_yaml_can_be_read(block: Block) -> None:
    if block.language == "json":
        json.loads(block.text)
        return
    content = yaml.safe_load(block.text)
    if isinstance(content, dict) and {"app", "steps"} <= set(content):
        read_release_file(block.text, str(block))


def test_there_are_release_files_among_the_examples() -> None:
    assert [block for block in BLOCKS if block.language == "yaml" and block.text.startswith("app: ")]


def test_the_licence_is_the_one_that_is_named() -> None:
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text(encoding="utf-8")
