"""What Airflow hands to a task, kept in memory: for tests of single tasks against the simulator."""

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from airflow.sdk import Asset
from airflow.sdk.execution_time.context import OutletEventAccessors

DAG_ID, RUN_ID = "canary_release.storefront", "manual__2026-11-22"
TI_ID = UUID("01890000-0000-7000-8000-000000000001")


class StateStore(dict[str, Any]):
    """`context["task_state_store"]`, which outlives tries and clearing."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        self.pop(key, None)


class TaskInstance:
    """`context["ti"]`: XComs by task and key, the states of the run's tasks, and other runs by their ids."""

    dag_id, run_id, id, map_index = DAG_ID, RUN_ID, TI_ID, -1

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.try_number, self.max_tries = 1, 0
        self.xcoms: dict[tuple[str, str], Any] = {}
        self.states: dict[str, str] = {}
        self.others: dict[str, TaskInstance] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[self.task_id, key] = value

    def xcom_pull(self, task_ids: str, key: str = "return_value", **asked: Any) -> Any:
        run = self._of(asked.pop("run_id", self.run_id))
        assert asked in ({}, {"dag_id": self.dag_id, "map_indexes": -1})
        return run.xcoms.get((task_ids, key))

    def get_task_states(self, dag_id: str, task_ids: list[str], run_ids: list[str]) -> dict[str, dict[str, str]]:
        assert dag_id == self.dag_id
        found = {run_id: self._of(run_id).states for run_id in run_ids}
        return {run: {task: state for task, state in of.items() if task in task_ids} for run, of in found.items()}

    def _of(self, run_id: str) -> "TaskInstance":
        return self if run_id == self.run_id else self.others[run_id]


class AssetStateStores:
    """`context["asset_state_store"]`, which the runs of all DAGs share."""

    def __init__(self) -> None:
        self.stores: dict[str, StateStore] = {}

    def __getitem__(self, asset: Asset) -> StateStore:
        return self.stores.setdefault(asset.uri, StateStore())


class InletEvents:
    """`context["inlet_events"]`: what happened to the task's assets in earlier runs."""

    def __init__(self) -> None:
        self.extras: dict[str, list[dict[str, Any]]] = {}

    def happened(self, asset: Asset, extra: dict[str, Any]) -> None:
        """One more event of the asset, the latest."""
        self.extras.setdefault(asset.uri, []).append(extra)

    def __getitem__(self, asset: Asset) -> "_EventsOfAsset":
        return _EventsOfAsset(self.extras.get(asset.uri, ()))


class _EventsOfAsset(list[Any]):
    """The oldest first, as Airflow's accessor answers unless told otherwise."""

    def __init__(self, extras: Sequence[dict[str, Any]]) -> None:
        super().__init__(SimpleNamespace(extra=extra) for extra in extras)

    def ascending(self, ascending: bool) -> "_EventsOfAsset":
        if not ascending:
            self.reverse()
        return self

    def limit(self, limit: int) -> "_EventsOfAsset":
        del self[limit:]
        return self


def task_context(task_id: str = "task", **returned: Any) -> dict[str, Any]:
    """A context; `returned` are the return values of other tasks, by id, and what preflight noted."""
    ti = TaskInstance(task_id)
    for task, value in returned.items():
        ti.xcoms[task, "record" if "before" in value else "return_value"] = value
    return {
        "ti": ti,
        "task_state_store": StateStore(),
        "asset_state_store": AssetStateStores(),
        "params": {},
        "inlet_events": InletEvents(),
        "outlet_events": OutletEventAccessors(),
    }


def next_try(context: dict[str, Any]) -> dict[str, Any]:
    """The same task again, after a try that failed or was killed: Airflow removes what it left in XComs."""
    ti = context["ti"]
    ti.try_number += 1
    ti.xcoms = {(task, key): value for (task, key), value in ti.xcoms.items() if task != ti.task_id}
    return context


def cleared(context: dict[str, Any]) -> dict[str, Any]:
    """The same task again, after a person cleared it: Airflow grants an operator without retries one more try."""
    context["ti"].max_tries = context["ti"].try_number
    return next_try(context)


def deadlines(task: Any, context: dict[str, Any]) -> list[datetime]:
    """Until when a task waits in its first try, in the next, and in that after a person has cleared it."""
    found: list[datetime] = []
    task.wait_with = lambda trigger, context: found.append(trigger.deadline)
    task.execute(context)
    task.execute(next_try(context))
    task.execute(cleared(context))
    return found


def failure_of(context: dict[str, Any]) -> str:
    """The sentence that the task left for `outcome`."""
    ti = context["ti"]
    return str(ti.xcoms[ti.task_id, "failure"])
