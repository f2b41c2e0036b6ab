"""Airflow's task runner at work in this process: what it says to its supervisor, and what it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from traceback import extract_tb
from typing import Any
from unittest import mock

import msgspec
import structlog
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import comms, context, task_runner
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from pydantic import TypeAdapter
from tests.release_engine.process import AIRFLOW, CURRENT, Killed, Point, Process, calls_to_azure_are_points

from app_service_canary.errors import AppServiceCanaryError

REQUESTS: TypeAdapter[Any] = TypeAdapter(comms.ToSupervisor)

SILENT = structlog.wrap_logger(structlog.ReturnLogger(), processors=[structlog.processors.KeyValueRenderer()])
"""For what the task runner says of each task; the plugin's own sentences go to the tasks' own loggers."""


class _Messages:
    """What `SUPERVISOR_COMMS` is in a task process or triggerer: asks the database of the run that is running."""

    def send(self, msg: Any) -> Any:
        process = CURRENT.get()
        assert isinstance(process, AirflowProcess), f"{msg!r} was sent outside a run"
        return process.send(msg)

    async def asend(self, msg: Any) -> Any:
        return self.send(msg)


class AirflowProcess(Process):
    """A process that talks to Airflow as well.

    Args:
        name, counts, watch: as in `Process`.
        answer: the database's answer to a message.
        is_trigger: it runs a trigger; a few messages are answered to these alone.

    Attributes:
        last_word: how the task ended, as its process told Airflow; None when it did not come to that.
    """

    def __init__(
        self,
        name: str,
        counts: dict[str, int],
        watch: Callable[[Point], None],
        answer: Callable[[Any], Any],
        *,
        is_trigger: bool = False,
    ) -> None:
        super().__init__(name, counts, watch)
        self.answer, self.is_trigger, self.last_word = answer, is_trigger, None

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
            answer = self.answer(received)
            if isinstance(answer, comms.ErrorResponse) and answer.error is ErrorType.API_SERVER_ERROR:
                raise AirflowRuntimeError(answer)
            return answer


class _ContextsOfThread(threading.local):
    """The stack of contexts of tasks, apart for each thread."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self.append, self.pop = self._stack.append, self._stack.pop


def _decoded(frame: bytearray) -> Any:
    return msgspec.msgpack.decode(bytes(frame[4:]))[1]


@contextmanager
def in_this_process() -> Iterator[None]:
    """Puts Airflow's task runner to work in this process, in any thread of it; once for all runs."""
    with (
        calls_to_azure_are_points(),
        mock.patch.object(task_runner, "SUPERVISOR_COMMS", _Messages(), create=True),
        # A list for the whole process, which has one task in Airflow, and several in different threads here.
        mock.patch.object(context, "_CURRENT_CONTEXT", _ContextsOfThread()),
        # The task runner sets a handler for SIGTERM, which is for a process of its own.
        mock.patch("signal.signal"),
    ):
        yield


def run_task(process: AirflowProcess, ti: RuntimeTaskInstance) -> str:
    """Runs one try of a task, or goes on with it after a deferral; how that went, in a line for people."""

    def run() -> str:
        CURRENT.set(process)
        try:
            state, _, error = task_runner.run(ti, ti.get_template_context(), SILENT)
        except Killed:
            return "killed"
        return f"{state.value}{f': {_told(error)}' if error else ''}"

    return copy_context().run(run)


def _told(error: BaseException) -> str:
    """An error in a line; of one that nobody meant to raise, where it came from."""
    line = f"{type(error).__name__}: {error}"
    if isinstance(error, AppServiceCanaryError):
        return line
    frames = extract_tb(error.__traceback__)[-4:]
    return f"{line} at {' < '.join(f'{frame.filename}:{frame.lineno}' for frame in reversed(frames))}"
