"""A release's progress, as its tasks and what they left behind tell it. Pure: no clock, no network.

Task ids are the DAG's: `preflight`, `start_slot`, …, `canary_10.shift`, `canary_10.watch`, …, `outcome`.
What a task left behind (its XCom) may be missing; then the sentence does without.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from demo.airflow_api import TaskInstance

APPROVAL = "approval"
OUTCOME = "outcome"

# What each task does, in the order of things, to be read after "now" or "next".
DOES = {
    "preflight": "look at both slots and change nothing",
    "start_slot": "start the canary slot",
    "deploy": "deploy the new version to the slot",
    "slot_ready": "wait until the slot answers well",
    "approval": "ask the manager: promote or put back",
    "swap": "swap the slot into production",
    "watch_promoted": "watch production on the new version",
    "drain": "let users who are pinned to the slot drain",
    "stop_slot": "stop the slot",
    "restore": "put users back, if the release was not promoted",
    "outcome": "say how it ended",
}

# Where a task's time counts in the report.
KINDS = {
    "start_slot": "Azure",
    "deploy": "Azure",
    "slot_ready": "Azure",
    "shift": "Azure",
    "swap": "Azure",
    "stop_slot": "Azure",
    "watch": "bakes",
    "watch_promoted": "bakes",
    "approval": "approval",
    "drain": "drain",
}
OTHER = "other tasks"


@dataclass(frozen=True)
class Step:
    """One rung: its tasks' prefix, the weight that was asked for and applied (percent), and when it was watched."""

    name: str
    requested: float | None
    applied: float | None
    watched_from: datetime | None
    watched_until: datetime | None


@dataclass(frozen=True)
class Progress:
    """The tasks in the order of things, with what each left behind.

    `weights` are this run's, in percent, when they differ from the release file's, after which the steps are
    named.
    """

    tasks: Sequence[TaskInstance]
    left_behind: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    weights: Sequence[float] | None = None

    def task(self, task_id: str) -> TaskInstance | None:
        return next((task for task in self.tasks if task.task_id == task_id), None)

    @property
    def current(self) -> TaskInstance | None:
        """The first task that has begun and not finished."""
        return next((task for task in self.tasks if task.start_date and not task.finished), None)

    @property
    def upcoming(self) -> TaskInstance | None:
        """The first task that has not begun, after the current one if there is one."""
        return next((task for task in self.tasks if not task.start_date and not task.finished), None)

    @property
    def waits_for_manager(self) -> bool:
        """The approval has begun and deferred: now an answer reaches it."""
        approval = self.task(APPROVAL)
        return approval is not None and approval.state in {"deferred", "awaiting_input"}

    @property
    def steps(self) -> list[Step]:
        """The steps whose weight was set, in order; a step beyond the end of this run's weights set none."""
        steps = []
        for task in self.tasks:
            group, _, name = task.task_id.partition(".")
            shifted = self.left_behind.get(task.task_id, {})
            if name == "shift" and (weight := _number(shifted.get("requested"))) is not None:
                watch = self.task(f"{group}.watch")
                steps.append(
                    Step(
                        group,
                        weight,
                        _number(shifted.get("applied")),
                        watch.start_date if watch else None,
                        watch.end_date if watch else None,
                    )
                )
        return steps

    def does(self, task_id: str) -> str:
        """What the task does, in words: "watch users at 10 %" for `canary_10.watch`."""
        group, _, name = task_id.rpartition(".")
        if not group:
            return DOES.get(name, name.replace("_", " "))
        weight = self._weight(group)
        if weight is None:
            return f"pass {group}, a step that this run does not have"
        return f"send {weight:g} % of new users to the slot" if name == "shift" else f"watch users at {weight:g} %"

    def _weight(self, group: str) -> float | None:
        """The step's weight in percent; None beyond the end of this run's weights."""
        if self.weights is None:
            return float(group.removeprefix("canary_").replace("_", "."))
        groups = list(dict.fromkeys(task.task_id.partition(".")[0] for task in self.tasks if "." in task.task_id))
        place = groups.index(group)
        return self.weights[place] if place < len(self.weights) else None

    @property
    def requested_share(self) -> float:
        """Percent of new users that should see the new version: the last step's weight, 100 once swapped, or 0."""
        for task_id in ("restore", "outcome"):
            ended = self.task(task_id)
            if ended and ended.start_date and not self.promoted:
                return 0.0
        if _succeeded(self.task("swap")):
            return 100.0
        return next((step.requested for step in reversed(self.steps) if step.requested is not None), 0.0)

    @property
    def promoted(self) -> bool:
        """The release's own word, if it was said; before that, that production was swapped and watched."""
        said = self.left_behind.get(OUTCOME, {}).get("outcome")
        return said == "promoted" if said else _succeeded(self.task("watch_promoted"))

    @property
    def sentence(self) -> str | None:
        """The release's own sentence about how it ended."""
        return self.left_behind.get(OUTCOME, {}).get("sentence")


def detail(task: TaskInstance, left_behind: Mapping[str, Any]) -> str:
    """What is worth saying beside the task: a verdict's reasons, the manager's answer, the version found."""
    name = task.task_id.rpartition(".")[2]
    if name == "preflight" and (stable := left_behind.get("stable_version")):
        return f"production is on {stable}"
    if name == "shift" and (applied := _number(left_behind.get("applied"))) is not None:
        return f"{applied:g} % applied"
    if name in {"watch", "watch_promoted"}:
        return " ".join(str(reason) for reason in left_behind.get("reasons") or ())
    if name == APPROVAL and (decision := left_behind.get("decision")):
        by = f" by {left_behind['by']}" if left_behind.get("by") else ""
        comment = f": “{left_behind['comment']}”" if left_behind.get("comment") else ""
        return f"{decision}{by}{comment}"
    if name == OUTCOME:
        return str(left_behind.get("outcome") or "").replace("_", " ")
    return ""


def duration(task: TaskInstance, now: datetime) -> timedelta | None:
    """How long the task took, or has taken so far; None before it began."""
    if task.start_date is None:
        return None
    return (task.end_date or now) - task.start_date


def time_by_kind(progress: Progress, run_time: timedelta, now: datetime) -> dict[str, timedelta]:
    """Where a run's time went: Azure, bakes, approval, drain, other tasks, and Airflow between the tasks.

    "Azure" is what the tasks took that change something there, from their first line to their last. What no
    task accounts for is Airflow's: scheduling, starting tasks, retrying them.
    """
    kinds = {kind: timedelta() for kind in (*dict.fromkeys(KINDS.values()), OTHER)}
    for task in progress.tasks:
        kinds[KINDS.get(task.task_id.rpartition(".")[2], OTHER)] += duration(task, now) or timedelta()
    between = run_time - sum(kinds.values(), timedelta())
    return {**kinds, "Airflow between tasks": max(between, timedelta())}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _succeeded(task: TaskInstance | None) -> bool:
    return task is not None and task.state == "success"
