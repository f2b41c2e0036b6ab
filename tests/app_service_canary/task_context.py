"""What Airflow hands to a task, kept in memory: for tests of single tasks against the simulator."""

from typing import Any
from uuid import UUID

DAG_ID, RUN_ID = "canary_release.storefront", "manual__2026-11-22"
TI_ID = UUID("01890000-0000-7000-8000-000000000001")


class StateStore(dict[str, Any]):
    """`context["task_state_store"]`."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        self.pop(key, None)


class TaskInstance:
    """`context["ti"]`: XComs by task and key, and the states of the run's tasks."""

    dag_id, run_id, id, map_index = DAG_ID, RUN_ID, TI_ID, -1
    try_number = 1

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.xcoms: dict[tuple[str, str], Any] = {}
        self.states: dict[str, str] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[self.task_id, key] = value

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.xcoms.get((task_ids, key))

    def get_task_states(self, dag_id: str, task_ids: list[str], run_ids: list[str]) -> dict[str, dict[str, str]]:
        assert (dag_id, run_ids) == (self.dag_id, [self.run_id])
        return {self.run_id: {task: state for task, state in self.states.items() if task in task_ids}}


def task_context(task_id: str = "task", **returned: Any) -> dict[str, Any]:
    """A context; `returned` are the return values of other tasks, by id, and what preflight noted."""
    ti = TaskInstance(task_id)
    for task, value in returned.items():
        ti.xcoms[task, "record" if "before" in value else "return_value"] = value
    return {"ti": ti, "task_state_store": StateStore(), "params": {}}


def failure_of(context: dict[str, Any]) -> str:
    """The sentence that the task left for `outcome`."""
    ti = context["ti"]
    return str(ti.xcoms[ti.task_id, "failure"])
