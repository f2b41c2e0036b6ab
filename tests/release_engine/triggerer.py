"""Runs triggers, each made from what the database has of it, and only while it is looked at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from contextvars import copy_context
from importlib import import_module
from typing import Any

from airflow.sdk.serde import deserialize
from tests.release_engine.metadata import TaskRow
from tests.release_engine.process import CURRENT, Killed
from tests.release_engine.supervisor import AirflowProcess


class Triggerer:
    """The triggers of one run. Between two looks time stands still for them.

    Args:
        process: makes the process in which the trigger of a task runs.
    """

    def __init__(self, process: Callable[[TaskRow], AirflowProcess]) -> None:
        self._process = process
        self._loop = asyncio.new_event_loop()
        self._waiting: dict[str, asyncio.Task[Any]] = {}

    def look(self, deferred: Iterable[TaskRow], wait: float) -> dict[str, Any]:
        """Lets the triggers of these tasks go on for at most `wait` seconds.

        Returns:
            What those that ended ended with, by task: an event, None without one, or an exception. A trigger that
            was killed took the whole triggerer with it; the next look makes all of them anew.
        """
        for row in deferred:
            if row.task_id not in self._waiting:
                self._waiting[row.task_id] = copy_context().run(self._start, row)
        if self._waiting:
            waiting = self._waiting.values()
            self._loop.run_until_complete(asyncio.wait(waiting, timeout=wait, return_when=asyncio.FIRST_COMPLETED))
        else:
            self._loop.run_until_complete(asyncio.sleep(wait))
        ended = {task_id: task for task_id, task in self._waiting.items() if task.done()}
        results = {task_id: task.exception() or task.result() for task_id, task in ended.items()}
        for task_id in ended:
            del self._waiting[task_id]
        if any(isinstance(result, Killed) for result in results.values()):
            self.restart()
        return {task_id: result for task_id, result in results.items() if not isinstance(result, Killed)}

    def forget(self, task_id: str) -> None:
        """Ends a task's trigger, if it runs: its task has ended, or goes on without it."""
        self._end([self._waiting.pop(task_id)] if task_id in self._waiting else [])

    def restart(self) -> None:
        """Ends all triggers, as a triggerer that is told to end does."""
        waiting, self._waiting = list(self._waiting.values()), {}
        self._end(waiting)

    def close(self) -> None:
        """Ends for good."""
        self.restart()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _end(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks))

    def _start(self, row: TaskRow) -> asyncio.Task[Any]:
        assert row.trigger is not None
        CURRENT.set(self._process(row))
        classpath, arguments = row.trigger
        module, _, name = classpath.rpartition(".")
        trigger = getattr(import_module(module), name)(**deserialize(json.loads(arguments)))

        async def first_event() -> Any:
            async for event in trigger.run():
                return event
            return None

        return self._loop.create_task(first_event())
