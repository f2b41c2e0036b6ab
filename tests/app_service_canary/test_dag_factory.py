"""From release files to DAGs."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

from app_service_canary.dag_factory import release_dag
from app_service_canary.release.release_file import read_release_file

ROOT = Path(__file__).resolve().parents[2]
GOOD = """
app: storefront
resource_group: storefront-rg
slot: canary
steps:
  - {weight: 2.5, bake: 5m}
  - {weight: 50, bake: 1h}
"""


def dag_of(text: str = GOOD, name: str = "storefront") -> DAG:
    return release_dag(name, read_release_file(text, f"include/releases/{name}.yaml"))


def test_the_tasks_stand_in_the_order_of_the_release() -> None:
    assert [task.task_id for task in dag_of().topological_sort()] == [
        "preflight",
        "start_slot",
        "deploy",
        "slot_ready",
        "canary_2_5.shift",
        "canary_2_5.watch",
        "canary_50.shift",
        "canary_50.watch",
        "approval",
        "swap",
        "watch_promoted",
        "drain",
        "stop_slot",
        "restore",
        "outcome",
    ]


def test_two_groups_carry_the_stages_into_the_graph() -> None:
    groups = dag_of().task_group.children
    assert list(groups) == ["preflight", "staging", "approval", "production", "restore", "outcome"]
    assert [list(groups["staging"].children)[-1], next(iter(groups["production"].children))] == ["canary_50", "swap"]


def test_the_dags_page_says_how_long_a_release_takes() -> None:
    # 30 s + 5 min + 1 h + 3 x 32 s + 110 s + 10 min + 3 x 5 s + 11 x 3 s; and the drain, less swap and last bake
    said = "Takes about 1h19m44s to promote, and about 2h7m54s until the slot is stopped, the approval aside"
    assert said in str(dag_of().doc_md)


def test_only_one_release_of_an_app_runs_at_a_time() -> None:
    assert dag_of().max_active_runs == 1


def test_the_way_back_and_the_outcome_are_teardowns_and_only_the_outcome_decides_the_run() -> None:
    dag = dag_of()
    restore, outcome = dag.get_task("restore"), dag.get_task("outcome")
    assert (restore.is_teardown, outcome.is_teardown) == (True, True)
    assert (restore.on_failure_fail_dagrun, outcome.on_failure_fail_dagrun) == (False, True)


def test_what_to_release_is_required_and_the_pace_is_prefilled_from_the_file() -> None:
    params = dag_of().params
    assert params["weights"] == [2.5, 50]
    assert params["bake"] == "5m, 1h"
    for name in ("version", "package_uri"):
        with pytest.raises(ParamValidationError, match="No value passed"):
            params.get_param(name).resolve()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", ""),
        ("version", "two words"),
        ("package_uri", "ftp://insecure.example/web.zip"),
        ("package_uri", "web.zip"),
        ("weights", []),
        ("weights", [101]),
        ("weights", [-1]),
        ("weights", [1, 2, 3]),
        ("weights", "10"),
        ("bake", "soon"),
        ("note", "x" * 2001),
    ],
)
def test_the_form_refuses_what_a_schema_can_refuse(name: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        dag_of().params.get_param(name).resolve(value=value)


def test_a_container_is_asked_for_by_its_image() -> None:
    params = dag_of(GOOD + "artifact: {type: container}\n").params
    assert "image" in params
    assert "package_uri" not in params


def test_parsing_the_dag_file_imports_neither_azures_clients_nor_an_http_client() -> None:
    script = (
        "import sys; from airflow.dag_processing.dagbag import DagBag; "
        f"bag = DagBag({str(ROOT / 'dags')!r}); assert bag.dags and not bag.import_errors, bag.import_errors; "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'azure', 'msal', 'aiohttp'}))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip().splitlines()[-1] == "[]"


def test_a_task_builds_its_own_dag_and_not_those_of_the_other_apps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "dags", tmp_path / "dags")
    releases = tmp_path / "include" / "releases"
    releases.mkdir(parents=True)
    for name in ("storefront", "checkout"):
        (releases / f"{name}.yaml").write_text(GOOD.replace("app: storefront", f"app: {name}"))

    def dag_ids() -> set[str]:
        names = runpy.run_path(str(tmp_path / "dags" / "canary_release.py"))
        return {name for name in names if name.startswith("canary_release.")}

    assert dag_ids() == {"canary_release.checkout", "canary_release.storefront"}
    # What Airflow sets in a task's process while that reads the DAG file.
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "canary_release.storefront")
    assert dag_ids() == {"canary_release.storefront"}


@pytest.mark.parametrize("file", sorted((ROOT / "include" / "releases").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_release_file_of_the_project_becomes_a_dag(file: Path) -> None:
    assert dag_of(file.read_text(), file.stem).dag_id == f"canary_release.{file.stem}"
