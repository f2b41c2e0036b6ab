"""Rules of the whole code base, which find their own subjects."""

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.serde import deserialize, serialize
from airflow.triggers.base import BaseTrigger

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ROOT / "plugins" / "app_service_canary"
PACKAGE = "app_service_canary"

LAYERS = [
    "errors",
    "release",
    "patience",
    "hooks",
    "triggers",
    "operators",
    "sensors",
    "run_form",
    "broken_release",
    "dag_factory",
    "watchdog_dag",
    "__main__",
]
"""From the lowest; what stands later may import what stands earlier."""

SAME_LEVEL = {("sensors", "operators")}
"""Sensors share with operators what every task has in common (operators/task.py)."""

PURE_MAY_NOT_IMPORT = {"airflow", "azure", "httpx", "asyncio", "random", "os", "time", "aiohttp", "requests", "socket"}


def modules() -> Iterator[Path]:
    yield from sorted(path for path in PLUGIN.rglob("*.py") if path.name != "__init__.py")


def layer(module: Path) -> str:
    relative = module.relative_to(PLUGIN)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(module: Path) -> Iterator[tuple[str, bool]]:
    """Each imported module's full name, and whether it is imported when the module is."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) not in late


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(PLUGIN)))
def test_imports_go_down_a_layer(module: Path) -> None:
    own = layer(module)
    for name, _ in imports(module):
        if name.startswith(f"{PACKAGE}."):
            other = name.split(".")[1]
            assert (own, other) in SAME_LEVEL or LAYERS.index(other) <= LAYERS.index(own), f"{own} imports {other}"


@pytest.mark.parametrize(
    "module", [path for path in modules() if layer(path) in ("release", "errors")], ids=lambda path: path.stem
)
def test_the_pure_parts_import_no_airflow_no_azure_no_network_and_no_clock(module: Path) -> None:
    assert {name.split(".")[0] for name, _ in imports(module)} & PURE_MAY_NOT_IMPORT == set()
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)}
    assert {call for call in calls if call.endswith((".now", ".utcnow", ".today"))} == set()


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(PLUGIN)))
def test_azures_client_is_only_imported_in_hooks_and_never_with_a_module(module: Path) -> None:
    for name, at_import in imports(module):
        if name.startswith("azure"):
            assert layer(module) == "hooks"
            assert not at_import, f"{name} is imported with the module"


def test_the_simulator_and_the_plugin_do_not_know_each_other() -> None:
    for path in [*PLUGIN.rglob("*.py"), *(ROOT / "dags").glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert "app_service_simulator" not in text, path
        assert "_simulator" not in text, path
    for path in (ROOT / "include" / "app_service_simulator").rglob("*.py"):
        assert PACKAGE not in path.read_text(encoding="utf-8"), path


WITHOUT_TESTS_OF_THEIR_OWN: set[Path] = set()
"""May only shrink."""


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(PLUGIN)))
def test_every_module_has_its_tests(module: Path) -> None:
    relative = module.relative_to(PLUGIN)
    tests = ROOT / "tests" / PACKAGE / relative.parent / f"test_{relative.name}"
    assert tests.is_file() or relative in WITHOUT_TESTS_OF_THEIR_OWN


def triggers() -> Iterator[type[BaseTrigger]]:
    for module in modules():
        if layer(module) == "triggers":
            loaded = importlib.import_module(f"{PACKAGE}.triggers.{module.stem}")
            for _, found in inspect.getmembers(loaded, inspect.isclass):
                if (
                    issubclass(found, BaseTrigger)
                    and found.__module__ == loaded.__name__
                    and not inspect.isabstract(found)
                ):
                    yield found


def example_argument(name: str) -> Any:
    from datetime import datetime, timezone

    examples: dict[str, Any] = {
        "deadline": datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc),
        "bake_until": datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc),
        "poll_interval_seconds": 5.0,
        "answer_timeout_seconds": 10.0,
        "good_statuses": [200, 204],
        "consecutive": 3,
        "failure_limit": 3,
        "min_answers": 3,
        "clear_on_failure": True,
        "hosts_by_side": {"slot": "storefront-canary.azurewebsites.net"},
        "approvers": ["maria"],
        "began": datetime(2026, 11, 22, 11, 0, tzinfo=timezone.utc),
        "hold_until": datetime(2026, 11, 22, 13, 0, tzinfo=timezone.utc),
        "analysis": {"sources": {"probe": {"rate": 2.0}}},
        "evidence": {"probe": {"until": None}},
        "before": {"probe": {"requests": 10, "failures": 1}},
        "closing": True,
        "about": {"app": "storefront"},
        "operation": "swap",
    }
    return examples.get(name, f"some {name}")


def argument_names(trigger: type[BaseTrigger]) -> set[str]:
    names: set[str] = set()
    for ancestor in trigger.__mro__:
        if ancestor.__module__.startswith(PACKAGE) and "__init__" in vars(ancestor):
            parameters = inspect.signature(vars(ancestor)["__init__"]).parameters.values()
            names |= {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
            if not any(each.kind is each.VAR_KEYWORD for each in parameters):
                break
    return names


@pytest.mark.parametrize("trigger", triggers(), ids=lambda trigger: trigger.__name__)
def test_every_trigger_survives_the_way_to_the_triggerer(trigger: type[BaseTrigger]) -> None:
    arguments = {name: example_argument(name) for name in argument_names(trigger)}
    path, kwargs = trigger(**arguments).serialize()
    assert path == f"{trigger.__module__}.{trigger.__qualname__}"
    assert kwargs == arguments
    assert deserialize(serialize(kwargs)) == arguments


def test_the_triggers_were_found() -> None:
    assert {trigger.__name__ for trigger in triggers()} >= {
        "CanaryAnalysisTrigger",
        "SlotReadyTrigger",
        "ApprovalTrigger",
    }


def test_airflow_loads_the_plugins_folder_without_an_error() -> None:
    script = (
        "from airflow.plugins_manager import get_import_errors, ensure_plugins_loaded as load; load(); "
        "import sys; print(get_import_errors(), 'task' in sys.modules)"
    )
    try:
        from airflow.plugins_manager import get_import_errors  # noqa: F401
    except ImportError:
        script = (
            "from airflow import plugins_manager as p; p._get_plugins(); import sys; "
            "print(p._get_plugins()[1], 'task' in sys.modules)"
        )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip().splitlines()[-1] == "{} False"
