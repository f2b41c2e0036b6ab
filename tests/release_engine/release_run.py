"""Runs a release's real DAG in this process: Airflow's own task runner, without its scheduler and database.

process.py      what runs a task or a trigger, and where it can die
metadata.py     what Airflow's database keeps of one run, and what it answers
release_run.py  decides what runs next, as Airflow's scheduler and triggerer do, and runs it, step by step
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime, timedelta, timezone
from importlib import import_module
from traceback import format_exception
from typing import Any
from unittest import mock

import structlog
from airflow.sdk.api.datamodels._generated import TIRunContext
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import comms, task_runner
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.sdk.serde import deserialize, serialize
from pydantic import TypeAdapter
from tests.release_engine.metadata import FINISHED, Metadata, TaskRow
from tests.release_engine.process import AIRFLOW, CURRENT, Killed, Point, Process, calls_to_azure_are_points
from uuid6 import uuid7

REQUESTS: TypeAdapter[Any] = TypeAdapter(comms.ToSupervisor)

SILENT = structlog.wrap_logger(structlog.ReturnLogger(), processors=[structlog.processors.KeyValueRenderer()])
"""For what the task runner says of each task; the plugin's own sentences go to the tasks' own loggers."""

RUNNING_STATES = ("running", "deferred")


class _Messages:
    """What `SUPERVISOR_COMMS` is in a task process or triggerer: asks the database of the run that is running."""

    def send(self, msg: Any) -> Any:
        process = CURRENT.get()
        assert isinstance(process, _AirflowProcess), f"{msg!r} was sent outside a run"
        return process.send(msg)

    async def asend(self, msg: Any) -> Any:
        return self.send(msg)


class _AirflowProcess(Process):
    """A process that talks to Airflow as well."""

    def __init__(self, name: str, run: ReleaseRun, *, is_trigger: bool = False) -> None:
        super().__init__(name, run.counts, run.reached)
        self.run, self.is_trigger, self.last_word = run, is_trigger, None

    def send(self, msg: Any) -> Any:
        # Over the wire, as Airflow sends it: what cannot be sent there does not get by here.
        frame = comms._RequestFrame(id=0, body=msg.model_dump()).as_bytes()
        received = REQUESTS.validate_python(_decoded(frame))
        with self.calling(AIRFLOW, type(msg).__name__):
            if isinstance(received, comms.SucceedTask | comms.TaskState | comms.DeferTask | comms.RetryTask):
                self.last_word = received
                return None
            if isinstance(received, comms.GetHITLDetailResponse) and not self.is_trigger:
                # A worker's supervisor knows no answer to this one.
                raise AirflowRuntimeError(comms.ErrorResponse(error=ErrorType.GENERIC_ERROR))
            return self.run.metadata.answer(received)


def _decoded(frame: bytearray) -> Any:
    import msgspec

    return msgspec.msgpack.decode(bytes(frame[4:]))[1]


@contextmanager
def in_this_process() -> Iterator[None]:
    """Puts Airflow's task runner to work in this process, in any thread of it; once for all runs."""
    with (
        calls_to_azure_are_points(),
        mock.patch.object(task_runner, "SUPERVISOR_COMMS", _Messages(), create=True),
        # The task runner sets a handler for SIGTERM, which is for a process of its own.
        mock.patch("signal.signal"),
    ):
        yield


class ReleaseRun:
    """One run of a release's DAG.

    Args:
        dag: as the factory makes it.
        conf: what the release is asked to do.
        connections, variables: see `Metadata`.
        speed: how many times faster than usual retries come, as the simulator's is for Azure.
    """

    def __init__(
        self,
        dag: Any,
        conf: dict[str, Any],
        *,
        connections: dict[str, str],
        variables: dict[str, str] | None = None,
        speed: float = 1.0,
    ) -> None:
        self.dag, self.speed = dag, speed
        run_id = f"manual__{uuid.uuid4().hex[:12]}"
        self.metadata = Metadata(dag.dag_id, run_id, conf, connections, {} if variables is None else variables)
        self.metadata.tasks = {task.task_id: TaskRow(task.task_id, task.retries) for task in dag.topological_sort()}
        self.counts: dict[str, int] = {}
        self.story: list[str] = []
        """What happened, for people who look into a failure."""
        self.watchers: list[Callable[[Point], None]] = []
        """Called at every point of every process of this run; may raise Killed."""
        self._loop = asyncio.new_event_loop()
        self._waiting: dict[str, asyncio.Task[Any]] = {}

    def close(self) -> None:
        """Ends the triggerer."""
        self.restart_triggerer()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        assert self.metadata.trouble == []

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
        for watcher in self.watchers:
            try:
                watcher(point)
            except Killed:
                self.story.append(f"killed {point}")
                raise

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
        for waiting in self._waiting.values():
            waiting.cancel()
        if self._waiting:
            self._loop.run_until_complete(asyncio.wait(self._waiting.values()))
        self._waiting.clear()

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
        process = _AirflowProcess(row.task_id, self)
        told = copy_context().run(self._run_in, process, row)
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

    def _run_in(self, process: _AirflowProcess, row: TaskRow) -> str:
        CURRENT.set(process)
        ti = RuntimeTaskInstance.model_construct(
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
        try:
            state, _, error = task_runner.run(ti, ti.get_template_context(), SILENT)
        except Killed:
            return "killed"
        return f"{state}{f': {type(error).__name__}: {error}' if error else ''}"

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
        if waiting := self._waiting.pop(row.task_id, None):
            waiting.cancel()
            self._loop.run_until_complete(asyncio.wait([waiting]))

    # -- the triggerer --------------------------------------------------------------------------------

    def _trigger(self, wait: float) -> bool:
        """Lets every trigger go on for a while, and resumes the tasks of those that have fired."""
        for row in self.tasks.values():
            if row.state == "deferred" and row.task_id not in self._waiting:
                self._waiting[row.task_id] = copy_context().run(self._start, row)
        if not self._waiting:
            return _pause(wait)
        waiting = self._waiting.values()
        self._loop.run_until_complete(asyncio.wait(waiting, timeout=wait, return_when=asyncio.FIRST_COMPLETED))
        ended = [task_id for task_id, task in self._waiting.items() if task.done()]
        for task_id in ended:
            self._fired(self.tasks[task_id], self._waiting.pop(task_id))
        return bool(ended)

    def _start(self, row: TaskRow) -> asyncio.Task[Any]:
        """Makes the trigger from what the database has of it, as every start of a triggerer does."""
        assert row.trigger is not None
        CURRENT.set(_AirflowProcess(f"trigger of {row.task_id}", self, is_trigger=True))
        classpath, arguments = row.trigger
        module, _, name = classpath.rpartition(".")
        trigger = getattr(import_module(module), name)(**deserialize(json.loads(arguments)))

        async def first_event() -> Any:
            async for event in trigger.run():
                return event
            return None

        return self._loop.create_task(first_event())

    def _fired(self, row: TaskRow, task: asyncio.Task[Any]) -> None:
        error = task.exception()
        if isinstance(error, Killed):
            # The whole triggerer is gone, with all that waited in it; the next one begins anew.
            self.restart_triggerer()
        elif error is not None or task.result() is None:
            self.story.append(f"trigger of {row.task_id}: {error!r}")
            traceback = format_exception(type(error), error, error.__traceback__) if error else None
            self._resume(row, {"error": "Trigger failure", "traceback": traceback}, method="__fail__")
        else:
            self._resume(row, {**deserialize(row.next_kwargs or {}), "event": task.result().payload})

    def _resume(self, row: TaskRow, arguments: dict[str, Any], method: str | None = None) -> None:
        if waiting := self._waiting.pop(row.task_id, None):
            waiting.cancel()
            self._loop.run_until_complete(asyncio.wait([waiting]))
        row.next_method = method or row.next_method
        row.next_kwargs = json.loads(json.dumps(serialize(arguments)))
        row.trigger, row.state = None, "scheduled"


def _pause(seconds: float) -> bool:
    time.sleep(seconds)
    return False
