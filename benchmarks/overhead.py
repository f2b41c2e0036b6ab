"""What a release costs beyond its bakes and Azure's own time, and what it asks of Azure, next to az in a script.

All against one simulator, one after another: the bare calls (Azure's own time), a bash script with az that
checks nothing, the same script looking before it begins and reading back what it wrote, as the DAG does, and the DAG in
a real Airflow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import yaml
from rich.table import Table

from benchmarks import first_request
from benchmarks.az import Az
from benchmarks.bare_release import BareRelease
from benchmarks.figures import Figure, Result, amount
from benchmarks.journal import Call, Calls, by_operation, count
from benchmarks.project import RELEASE, Project
from benchmarks.setting import RunningAirflow, Setting, setting
from demo.airflow_api import AirflowApi, TaskInstance
from demo.airflow_home import REPOSITORY
from demo.approval import Gate
from demo.azure import APP, SLOT
from demo.errors import DemonstrationError
from demo.playground import DAG_ID, package_url
from demo.progress import APPROVAL

# A swap takes some twelve seconds, and a bake ten. With much less, what is measured is how the simulator rounds
# Retry-After up to a second (az waits for it) and that no deferred task is resumed in its first seconds (see SETTLE in
# triggers/waiting.py); neither shows beside a real swap's minute and a real bake.
SPEED = 5.0
WEIGHTS = (10, 25, 50)
BAKE, PROMOTED_BAKE = 10, 10  # seconds; taken off
DRAIN = 10  # seconds; over when the watch after the swap ends, so that nobody waits for it
BAKES = BAKE * len(WEIGHTS) + PROMOTED_BAKE

OURS = "this project"
PLAIN = "az without checks"
CHECKED = "az with the same checks"


@dataclass(frozen=True)
class Cost:
    """One release: seconds from its start to its end, those of them that its approval took, and its calls."""

    seconds: float
    calls: Calls
    operations: dict[str, int]
    approval: float = 0.0

    def overhead(self, azure: float) -> float:
        """Seconds beyond the bakes, the approval (the script has none) and Azure's own time."""
        return self.seconds - BAKES - self.approval - azure


def table(costs: dict[str, Cost], azure: float) -> Table:
    """One row for each way to release."""
    result = Table(title=f"One release: {BAKES} s of bakes and {amount(azure, 's')} of Azure's own time taken off")
    for heading in ("way", "overhead", "reads", "writes", "sign-ins", "refused"):
        result.add_column(heading, justify="left" if heading == "way" else "right")
    for way, cost in costs.items():
        calls = (cost.calls.reads, cost.calls.writes, cost.calls.sign_ins, cost.calls.refused)
        result.add_row(way, amount(cost.overhead(azure), "s"), *map(str, calls))
    return result


def operations_table(costs: dict[str, Cost]) -> Table:
    """How often each operation was called on each way."""
    result = Table(title="Calls by operation")
    result.add_column("operation")
    for way in costs:
        result.add_column(way, justify="right")
    for name in sorted({name for cost in costs.values() for name in cost.operations}):
        result.add_row(name, *(str(cost.operations.get(name, 0)) for cost in costs.values()))
    return result


def time_table(tasks: Sequence[TaskInstance]) -> Table:
    """Where the run's time went: each task in order of its start, and the wait since the one before had ended."""
    result = Table(title="Where this project's run spent its time")
    for heading in ("task", "waited", "took"):
        result.add_column(heading, justify="left" if heading == "task" else "right")
    previous: datetime | None = None
    for start, end, name in sorted((t.start_date, t.end_date, t.task_id) for t in tasks if t.start_date and t.end_date):
        waited = amount((start - previous).total_seconds(), "s") if previous else ""
        result.add_row(name, waited, amount((end - start).total_seconds(), "s"))
        previous = end
    return result


def figures(costs: dict[str, Cost], azure: float) -> list[Figure]:
    """This project against the script that does the same; the script without the checks is there to be compared."""
    ours, checked, plain = costs[OURS], costs[CHECKED], costs[PLAIN]
    return [
        Figure("overhead", ours.overhead(azure), "s", below=checked.overhead(azure), why=CHECKED),
        Figure(f"the same, {PLAIN}", plain.overhead(azure), "s"),
        Figure(
            "calls to Resource Manager", ours.calls.resource_manager, below=checked.calls.resource_manager, why=CHECKED
        ),
        Figure(f"the same, {PLAIN}", plain.calls.resource_manager),
        Figure("of them writes", ours.calls.writes),
    ]


def measure() -> Result:
    """Releases four versions in turn."""
    with setting(SPEED) as place:
        releases = _Releases(place)
        bare = BareRelease(place.azure)
        azure = bare.run(releases.package("2.0.0"), WEIGHTS)
        az = Az(place.address, place.path / "az")
        costs = {
            PLAIN: releases.with_az(az, "3.0.0", checks="no"),
            CHECKED: releases.with_az(az, "4.0.0", checks="yes"),
        }
        project = Project(place.path / "project")
        project.write_release(release_file())
        (project.dags / f"{first_request.DAG_ID}.py").write_text(first_request.dag_file(tasks=1), encoding="utf-8")
        with place.airflow("release", project.dags, REPOSITORY / "plugins", DAG_ID, first_request.DAG_ID) as airflow:
            # az has run before, when it signed in; Airflow's first task ever takes seconds that no later one does.
            airflow.finish(first_request.DAG_ID, airflow.trigger(first_request.DAG_ID, {}))
            costs[OURS], times = releases.with_airflow(airflow, "5.0.0")
    return Result("overhead", figures(costs, azure), [table(costs, azure), operations_table(costs), times])


def release_file() -> dict[str, Any]:
    """The repository's release file with this benchmark's times."""
    policy: dict[str, Any] = yaml.safe_load(RELEASE.read_text(encoding="utf-8"))
    policy["steps"] = [{"weight": weight, "bake": f"{BAKE}s"} for weight in WEIGHTS]
    policy["watch"]["promoted_bake"] = f"{PROMOTED_BAKE}s"
    policy["drain"] = f"{DRAIN}s"
    return policy


class _Releases:
    """Releases in one setting, each with what it asked of Azure."""

    def __init__(self, place: Setting) -> None:
        self.place = place

    def package(self, version: str) -> str:
        return package_url(self.place.azure, self.place.path / "packages", version, {})

    def with_az(self, az: Az, version: str, checks: str) -> Cost:
        resource_group = self.place.azure.site.split("/")[4]
        choices: dict[str, object] = {
            "GROUP": resource_group,
            "APP": APP,
            "SLOT": SLOT,
            "VERSION": version,
            "CHECKS": checks,
            "PACKAGE_URI": self.package(version),
            "WEIGHTS": " ".join(map(str, WEIGHTS)),
            "BAKE": BAKE,
            "PROMOTED_BAKE": PROMOTED_BAKE,
            "DRAIN": DRAIN,
            "FRONT_END": self.place.address.front_end,
        }
        variables = {name: str(value) for name, value in choices.items()}
        return self._counted(version, lambda: (az.release(variables), 0.0))

    def with_airflow(self, airflow: RunningAirflow, version: str) -> tuple[Cost, Table]:
        conf = {"version": version, "package_uri": self.package(version)}
        manager = _Manager(airflow)
        tasks: list[TaskInstance] = []

        def release() -> tuple[float, float]:
            began = datetime.now(timezone.utc)
            run = airflow.trigger(DAG_ID, conf)
            run = airflow.finish(DAG_ID, run, lambda: manager.attend(run.dag_run_id))
            if run.state != "success" or run.end_date is None:
                raise DemonstrationError(f"the run ended as {run.state}; see the logs under .run/bench")
            tasks.extend(_tasks(airflow.api, run.dag_run_id))
            return (run.end_date - began).total_seconds(), approval_seconds(tasks)

        cost = self._counted(version, release)
        return cost, time_table(tasks)

    def _counted(self, version: str, release: Callable[[], tuple[float, float]]) -> Cost:
        before = self.place.last_call()
        seconds, approval = release()
        calls: list[Call] = self.place.calls(before)
        found = self.place.azure.production_version()
        if found != version:
            raise DemonstrationError(f"production runs {found}, not the version {version} that was released")
        return Cost(seconds, count(calls), by_operation(calls), approval)


class _Manager:
    """Approves one run by its Variable, as a pipeline would, when the approval has deferred."""

    def __init__(self, airflow: RunningAirflow) -> None:
        self.airflow = airflow
        self.decided = False

    def attend(self, run_id: str) -> None:
        """To be called again and again while the run is under way."""
        api = self.airflow.api
        if self.decided or not any(_is_approval(task) and task.state == "deferred" for task in _tasks(api, run_id)):
            return
        api.set_variable(Gate(api, DAG_ID, run_id, page="").variable, "approve")
        self.decided = True


def _tasks(api: AirflowApi, run_id: str) -> list[TaskInstance]:
    return api.task_instances(DAG_ID, run_id)


def _is_approval(task: TaskInstance) -> bool:
    return task.task_id == APPROVAL


def approval_seconds(tasks: Sequence[TaskInstance]) -> float:
    """How long the approval took, the manager and Airflow together."""
    return sum(
        (task.end_date - task.start_date).total_seconds()
        for task in tasks
        if _is_approval(task) and task.start_date and task.end_date
    )
