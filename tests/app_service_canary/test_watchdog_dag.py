"""From release files to the watchdog's DAG."""

import runpy
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from app_service_canary.watchdog_dag import watchdog_dag

ROOT = Path(__file__).resolve().parents[2]
FILE = """
app: {app}
resource_group: storefront-rg
slot: canary
connection: {app}_azure
steps:
  - {{weight: 10, bake: 5m}}
"""


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """A project with the real DAG files and two release files."""
    shutil.copytree(ROOT / "dags", tmp_path / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "include" / "releases"
    folder.mkdir(parents=True)
    for name in ("storefront", "checkout"):
        (folder / f"{name}.yaml").write_text(FILE.format(app=f"{name}-app"))
    return folder


def dag_of_the_file(releases: Path) -> DAG:
    loaded: dict[str, Any] = runpy.run_path(str(releases.parent.parent / "dags" / "canary_watchdog.py"))
    dag = loaded["canary_watchdog"]
    assert isinstance(dag, DAG)
    return dag


def test_each_release_file_has_a_task_that_knows_its_app_and_its_releases(releases: Path) -> None:
    dag = watchdog_dag(releases)
    tasks = {task.task_id: task for task in dag.tasks}
    assert set(tasks) == {"checkout", "storefront"}
    task: Any = tasks["checkout"]
    assert (task.app, task.slot, task.azure_app_service_conn_id) == ("checkout-app", "canary", "checkout-app_azure")
    assert task.release_dag_id == "canary_release.checkout"
    assert all(not task.upstream_list for task in dag.tasks)


def test_a_release_file_that_cannot_be_used_does_not_keep_the_others_from_being_watched(releases: Path) -> None:
    (releases / "not-yaml.yaml").write_text("app: [")
    (releases / "incomplete.yaml").write_text("app: storefront")
    (releases / "not-text.yaml").write_bytes(b"\xff\xfe\x00")
    (releases / "not a name.yaml").write_text(FILE.format(app="another-app"))
    (releases / "ending.yml").write_text(FILE.format(app="ending-app"))
    (releases / "zecond.yaml").write_text(FILE.format(app="STOREFRONT-app"))
    (releases / "folder.yaml").mkdir()
    assert {task.task_id for task in watchdog_dag(releases).tasks} == {"checkout", "storefront"}


def test_a_folder_without_release_files_makes_a_dag_without_tasks(tmp_path: Path) -> None:
    assert watchdog_dag(tmp_path).tasks == []


def test_the_dag_runs_by_itself_one_run_at_a_time_and_looks_back_at_three(releases: Path) -> None:
    dag = watchdog_dag(releases, every=timedelta(minutes=2))
    assert (dag.schedule, dag.catchup, dag.max_active_runs) == (timedelta(minutes=2), False, 1)
    assert dag.is_paused_upon_creation is False
    for task in dag.tasks:
        assert task.forgotten_after == timedelta(minutes=6)
        assert (task.retries, task.execution_timeout) == (3, timedelta(minutes=2))


def test_somebody_can_be_told_of_every_task_that_fails(releases: Path) -> None:
    def tell(context: Any) -> None:
        """A notifier."""

    assert [[tell], [tell]] == [
        list(task.on_failure_callback) for task in watchdog_dag(releases, on_failure=tell).tasks
    ]


def test_airflow_can_keep_the_dag(releases: Path) -> None:
    kept = DagSerialization.to_dict(dag_of_the_file(releases))
    assert kept["dag"]["dag_id"] == "canary_watchdog"


def test_a_task_reads_its_own_release_file_and_not_those_of_the_other_apps(
    releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {task.task_id for task in dag_of_the_file(releases).tasks} == {"checkout", "storefront"}
    # What Airflow sets in a task's process while that reads the DAG file.
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "canary_watchdog")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", "storefront")
    assert {task.task_id for task in dag_of_the_file(releases).tasks} == {"storefront"}
