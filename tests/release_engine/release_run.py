"""Runs a release's real DAG in this process: Airflow's own task runner, without its scheduler and database.

process.py      what runs a task or a trigger, and where it can die
supervisor.py   Airflow's task runner, and what it says to Airflow
metadata.py     what Airflow's database keeps of one run, and what it answers
triggerer.py    runs triggers
release_run.py  decides what runs next, as Airflow's scheduler does, and runs it, step by step
"""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from traceback import format_exception
from typing import Any

from airflow.sdk.api.datamodels._generated import TIRunContext
from airflow.sdk.execution_time import comms
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.sdk.serde import deserialize, serialize
from tests.release_engine.metadata import FINISHED, Metadata, Shared, TaskRow
from tests.release_engine.process import BEFORE, Killed, Point
from tests.release_engine.supervisor import AirflowProcess, run_task
from tests.release_engine.triggerer import Triggerer
from uuid6 import uuid7

RUNNING_STATES = ("running", "deferred")


class ReleaseRun:
    """One run of a release's DAG.

    Args:
        dag: as the factory makes it.
        conf: what the release is asked to do.
        shared: what the runs of one Airflow share.
        speed: how many times faster than usual retries come, as the simulator's is for Azure.
    """

    def __init__(
        self,
        dag: Any,
        conf: dict[str, Any],
        *,
        shared: Shared,
        speed: float = 1.0,
    ) -> None:
        self.dag, self.speed = dag, speed
        run_id = f"manual__{uuid.uuid4().hex[:12]}"
        self.metadata = Metadata(dag.dag_id, run_id, conf, shared)
        self.metadata.tasks = {task.task_id: TaskRow(task.task_id, task.retries) for task in dag.topological_sort()}
        self.counts: dict[str, int] = {}
        self.points: list[Point] = []
        """Every point that a process has reached."""
        self.kills = 0
        self.story: list[str] = []
        """What happened, for people who look into a failure."""
        self.watchers: list[Callable[[Point], None]] = []
        """Called at every point of every process of this run; may raise Killed."""
        self._triggerer = Triggerer(lambda row: self._process(f"trigger of {row.task_id}", is_trigger=True))

    def close(self) -> None:
        """Ends the triggerer."""
        self._triggerer.close()
        assert not self.metadata.trouble, f"no answer to {self.metadata.trouble}"

    # -- looking -------------------------------------------------------------------------------------

    @property
    def tasks(self) -> dict[str, TaskRow]:
        return self.metadata.tasks

    @property
    def states(self) -> dict[str, str | None]:
        """The state of each task."""
        return {task: row.state for task, row in self.tasks.items()}

    @property
    def over(self) -> bool:
        return all(row.finished for row in self.tasks.values())

    @property
    def state(self) -> str:
        """The run's state, decided by its effective leaves as Airflow does."""
        if not self.over:
            return "running"
        failed = any(self.tasks[leaf].state in ("failed", "upstream_failed") for leaf in self._leaves())
        return "failed" if failed else "success"

    @property
    def outcome(self) -> dict[str, str]:
        """What the task `outcome` said."""
        return dict(self.metadata.xcom("outcome") or {})

    def reached(self, point: Point) -> None:
        """A process of this run has reached a point."""
        self.points.append(point)
        for watcher in self.watchers:
            try:
                watcher(point)
            except Killed:
                self.kills += 1
                self.story.append(f"killed {point}")
                raise

    def calls_by_process(self, side: str) -> Counter[str]:
        """How many calls each process made to Azure, or to Airflow."""
        return Counter(point.process for point in self.points if (point.side, point.when) == (side, BEFORE))

    def _leaves(self) -> Iterator[str]:
        def counts(task: Any) -> bool:
            return not task.is_teardown or task.on_failure_fail_dagrun

        for task in self.dag.tasks:
            if counts(task) and not any(counts(self.dag.get_task(down)) for down in task.downstream_task_ids):
                yield task.task_id

    # -- what people do --------------------------------------------------------------------------------

    def abort(self) -> None:
        """Marks the run failed: what runs or waits is failed, what is left is skipped, teardowns still come."""
        self.story.append("aborted")
        for task_id, row in self.tasks.items():
            if not self.dag.get_task(task_id).is_teardown and not row.finished:
                self._end(row, "failed" if row.state in RUNNING_STATES else "skipped")

    def mark(self, task_id: str, state: str) -> None:
        """Marks one task `success` or `failed`."""
        self.story.append(f"{task_id} marked {state}")
        self._end(self.tasks[task_id], state)

    def clear(self, *task_ids: str) -> None:
        """Clears tasks that have ended, and everything after them if that is what is wanted: name them too."""
        self.story.append(f"cleared {', '.join(task_ids)}")
        for task_id in task_ids:
            row = self.tasks[task_id]
            row.state, row.id = None, uuid7()
            row.max_tries = row.try_number + self.dag.get_task(task_id).retries
            row.leave_deferral()

    def respond(self, option: str, user: str = "maria", task_id: str = "approval", comment: str = "") -> bool:
        """Answers a required action; whether Airflow took the answer."""
        row = self.tasks[task_id]
        if row.human is None or row.response is not None or row.finished:
            return False
        self.story.append(f"{user} responded {option}")
        row.response = {
            "chosen_options": [option],
            "params_input": {"comment": comment},
            "responded_at": datetime.now(timezone.utc),
            "responded_by_user": {"id": user, "name": user},
        }
        if row.state == "deferred":
            self._resume(row, {"event": {**row.response, "timedout": False}})
        return True

    def restart_triggerer(self) -> None:
        """Ends the triggerer as a restart does; what waits goes on from what the database has of it."""
        self._triggerer.restart()

    # -- scheduling --------------------------------------------------------------------------------

    def finish(self, limit: float = 60.0) -> None:
        """Steps until the run is over.

        Raises:
            AssertionError: it is not over after `limit` seconds.
        """
        deadline = time.monotonic() + limit
        while not self.over:
            assert time.monotonic() < deadline, f"not over after {limit:g} s:\n" + "\n".join(self.story)
            self.step(wait=0.05)

    def step(self, wait: float = 0.0) -> bool:
        """Runs one task that can run, or lets triggers look for `wait` seconds; whether anything went on."""
        row = self._ready()
        if row is not None:
            self._run(row)
            return True
        return self._trigger(wait)

    def _ready(self) -> TaskRow | None:
        """The next task to run, states of those that never will be settled on the way."""
        for task_id, row in self.tasks.items():
            if row.state is None:
                row.state = self._after_upstream(self.dag.get_task(task_id))
        now = datetime.now(timezone.utc)
        for row in self.tasks.values():
            if row.state == "up_for_retry" and row.retry_at is not None and row.retry_at <= now:
                row.state = "scheduled"
                row.try_number += 1
            if row.state == "scheduled":
                return row
        return None

    def _after_upstream(self, task: Any) -> str | None:
        upstream = [self.tasks[task_id].state for task_id in task.upstream_task_ids]
        if task.trigger_rule.value == "all_done_setup_success":
            decided = "scheduled" if all(state in FINISHED for state in upstream) else None
        else:
            assert task.trigger_rule.value == "all_success", f"{task.task_id}: {task.trigger_rule}"
            if "failed" in upstream or "upstream_failed" in upstream:
                decided = "upstream_failed"
            elif "skipped" in upstream:
                decided = "skipped"
            else:
                decided = "scheduled" if all(state == "success" for state in upstream) else None
        if decided == "scheduled":
            self.tasks[task.task_id].try_number += 1
        return decided

    # -- running a task --------------------------------------------------------------------------------

    def _run(self, row: TaskRow) -> None:
        row.state = "running"
        process = self._process(row.task_id)
        told = run_task(process, self._instance(row))
        if row.state != "running":
            return  # a person has ended it meanwhile
        if process.dead:
            self.story.append(f"{row.task_id} try {row.try_number}: killed")
            if self._may_retry(row):
                self._retry(row, None)
            else:
                self._fail(row)
            return
        self.story.append(f"{row.task_id} try {row.try_number}: {told}")
        self._heed(row, process.last_word)

    def _process(self, name: str, *, is_trigger: bool = False) -> AirflowProcess:
        return AirflowProcess(name, self.counts, self.reached, self.metadata.answer, is_trigger=is_trigger)

    def _instance(self, row: TaskRow) -> RuntimeTaskInstance:
        return RuntimeTaskInstance.model_construct(
            id=row.id,
            task_id=row.task_id,
            dag_id=self.dag.dag_id,
            run_id=self.metadata.run_id,
            try_number=row.try_number,
            map_index=-1,
            dag_version_id=None,
            task=self.dag.get_task(row.task_id),
            _ti_context_from_server=self._context(row),
            max_tries=row.max_tries,
            start_date=datetime.now(timezone.utc),
            state="running",
        )

    def _context(self, row: TaskRow) -> TIRunContext:
        left = [key for task, key in self.metadata.xcoms if task == row.task_id]
        return TIRunContext(
            dag_run=self.metadata.run,
            max_tries=row.max_tries,
            xcom_keys_to_clear=[] if row.next_method else left,
            should_retry=self._may_retry(row),
            next_method=row.next_method,
            next_kwargs=row.next_kwargs,
        )

    def _may_retry(self, row: TaskRow) -> bool:
        return row.max_tries != 0 and row.try_number <= row.max_tries

    def _heed(self, row: TaskRow, word: Any) -> None:
        """Does what the task runner told the database."""
        if isinstance(word, comms.DeferTask):
            assert word.trigger_timeout is None, "a timeout of the deferral itself is not modelled"
            row.state, row.next_method, row.next_kwargs = "deferred", word.next_method, word.next_kwargs
            row.trigger = (word.classpath, json.dumps(word.trigger_kwargs))
        elif isinstance(word, comms.RetryTask):
            self._retry(row, word.retry_delay_seconds)
        elif isinstance(word, comms.SucceedTask):
            self.metadata.shared.note_events(word.outlet_events or [])
            self._end(row, "success")
        elif isinstance(word, comms.TaskState) and word.state.value == "skipped":
            self._end(row, "skipped")
        else:
            self._fail(row)

    def _retry(self, row: TaskRow, delay: float | None) -> None:
        seconds = delay if delay is not None else self.dag.get_task(row.task_id).retry_delay.total_seconds()
        row.state, row.id = "up_for_retry", uuid7()
        row.retry_at = datetime.now(timezone.utc) + timedelta(seconds=seconds / self.speed)
        row.leave_deferral()

    def _fail(self, row: TaskRow) -> None:
        self._end(row, "failed")
        if self.dag.fail_fast:
            for task_id, other in self.tasks.items():
                if not other.finished and not self.dag.get_task(task_id).is_teardown:
                    self._end(other, "failed" if other.state == "running" else "skipped")

    def _end(self, row: TaskRow, state: str) -> None:
        row.state = state
        row.leave_deferral()
        self._triggerer.forget(row.task_id)

    # -- the triggerer --------------------------------------------------------------------------------

    def _trigger(self, wait: float) -> bool:
        """Lets every trigger go on for a while, and resumes the tasks of those that have fired."""
        fired = self._triggerer.look([row for row in self.tasks.values() if row.state == "deferred"], wait)
        for task_id, ended in fired.items():
            row = self.tasks[task_id]
            if ended is None or isinstance(ended, BaseException):
                self.story.append(f"trigger of {task_id}: {ended!r}")
                traceback = format_exception(type(ended), ended, ended.__traceback__) if ended else None
                self._resume(row, {"error": "Trigger failure", "traceback": traceback}, method="__fail__")
            else:
                self._resume(row, {**deserialize(row.next_kwargs or {}), "event": ended.payload})
        return bool(fired)

    def _resume(self, row: TaskRow, arguments: dict[str, Any], method: str | None = None) -> None:
        self._triggerer.forget(row.task_id)
        row.next_method = method or row.next_method
        row.next_kwargs = json.loads(json.dumps(serialize(arguments)))
        row.trigger, row.state = None, "scheduled"
