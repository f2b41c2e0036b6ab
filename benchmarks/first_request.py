"""From a task's start to its first request to Azure, with Azure's client imported before tasks are forked and without.

Two Airflows, one after the other, run the same DAG: one with this repository's plugins folder, one with a copy that
lacks `airflow_local_settings.py`. A task reads the state of the slot, which is stopped and is left so. It starts when
its supervisor says so (the task instance's start date, just after the fork); its first request is the first the
simulator answers after that, a call to Entra ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.table import Table

from benchmarks.figures import Figure, Result, amount
from benchmarks.journal import Call, first_between
from benchmarks.project import Project
from benchmarks.setting import Setting, setting
from demo.airflow_api import TaskInstance
from demo.airflow_home import REPOSITORY
from demo.azure import APP, SLOT
from demo.errors import DemonstrationError

SETTINGS_FILE = "airflow_local_settings.py"
DAG_ID = "first_request"
TASKS = 12  # one after another; ten are enough for a median that a slow one does not move
SPEED = 60.0  # as in the demonstration; nothing here takes Azure any time
BELOW = 0.3  # seconds


def dag_file(tasks: int) -> str:
    """A DAG of so many tasks, one after another, each of which reads the slot's state."""
    return f"""
from airflow.sdk import DAG, chain
from app_service_canary.operators.slot import AppServiceStopSlotOperator

target = dict(resource_group="contoso-rg", app="{APP}", slot="{SLOT}")
with DAG("{DAG_ID}", schedule=None) as dag:
    chain(*(AppServiceStopSlotOperator(task_id=f"read_{{number}}", **target) for number in range({tasks})))
"""


@dataclass(frozen=True)
class Delays:
    """Seconds from each task's start to its first request, and from its start to its end."""

    to_first_request: Sequence[float]
    to_end: Sequence[float]


def delays(tasks: Sequence[TaskInstance], calls: Sequence[Call]) -> Delays:
    """What the tasks' times and the journal say together; tasks must not overlap.

    Raises:
        DemonstrationError: a task did not succeed, or asked Azure nothing.
    """
    to_first_request, to_end = [], []
    for task in tasks:
        if task.state != "success" or task.start_date is None or task.end_date is None:
            raise DemonstrationError(f"task {task.task_id} ended as {task.state}; see its log under .run/bench")
        first = first_between(calls, task.start_date, task.end_date)
        if first is None:
            raise DemonstrationError(f"task {task.task_id} made no request between its start and its end")
        to_first_request.append((first.ended - task.start_date).total_seconds())
        to_end.append((task.end_date - task.start_date).total_seconds())
    return Delays(to_first_request, to_end)


def table(measured: dict[str, Delays]) -> Table:
    """One row for each Airflow."""
    result = Table(title=f"From a task's start, {TASKS} tasks each")
    for heading in ("plugins folder", "first request: median", "fastest", "slowest", "end: median"):
        result.add_column(heading, justify="left" if heading == "plugins folder" else "right")
    for what, found in measured.items():
        first = found.to_first_request
        times = (median(first), min(first), max(first), median(found.to_end))
        result.add_row(what, *(amount(seconds, "s") for seconds in times))
    return result


def measure() -> Result:
    """Runs the DAG in both Airflows."""
    with setting(SPEED) as place:
        project = Project(place.path / "project")
        (project.dags / f"{DAG_ID}.py").write_text(dag_file(TASKS), encoding="utf-8")
        without = project.plugins_without(SETTINGS_FILE)
        measured = {
            f"with {SETTINGS_FILE}": _run(place, "with", project.dags, REPOSITORY / "plugins"),
            "without it": _run(place, "without", project.dags, without),
        }
    ours, other = measured.values()
    figures = [
        Figure("task start to first request", median(ours.to_first_request), "s", below=BELOW),
        Figure(f"the same without {SETTINGS_FILE}", median(other.to_first_request), "s"),
    ]
    return Result("first_request", figures, [table(measured)])


def _run(place: Setting, name: str, dags: Path, plugins: Path) -> Delays:
    with place.airflow(name, dags, plugins, DAG_ID) as airflow:
        before = place.last_call()
        run = airflow.finish(DAG_ID, airflow.trigger(DAG_ID, {}))
        return delays(airflow.api.task_instances(DAG_ID, run.dag_run_id), place.calls(before))
