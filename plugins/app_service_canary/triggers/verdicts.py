"""Notes a bad verdict as soon as it is reached, so that it stands whatever happens to the trigger that reached it.

A manager's decision resumes the watching task at once, and a triggerer may be killed: either way the event of a trigger
that is just clearing a rule, or writing a record, is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from logging import Logger
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from app_service_canary.triggers.waiting import WAITER, read_event

if TYPE_CHECKING:
    from airflow.sdk import Context

VERDICT_KEY = "bad_verdict"
"""XCom key of the watching task. Airflow removes it when the next try begins, which watches anew."""

NOTING_LIMIT = 20.0
"""Seconds. The first question that a triggerer asks Airflow was seen to take 9, for it builds an API server then."""


async def note_verdict(about: dict[str, Any], waiter: str, ending: dict[str, Any], log: Logger) -> None:
    """Keeps a bad verdict with the task that is watching; where that cannot be done, it is acted upon all the same.

    Args:
        about: the ids of DAG, run and task.
        waiter: the try of the task that watches; empty: nobody waits for a verdict.
        ending: the event that the task is to be resumed with.
        log: of the trigger.
    """
    if waiter:
        from airflow.sdk.execution_time.xcom import XCom

        await _within_limit(lambda: XCom.set(VERDICT_KEY, {**ending, WAITER: waiter}, **_key(about)), log)


async def noted_verdict(about: dict[str, Any], waiter: str, log: Logger) -> dict[str, Any] | None:
    """The bad verdict that another triggerer had reached in this very try, and may have died before acting upon it."""
    if not waiter:
        return None
    from airflow.sdk.execution_time.xcom import XCom

    return _of(waiter, await _within_limit(lambda: XCom.get_one(key=VERDICT_KEY, **_key(about)), log))


def verdict_noted_in(context: Context, log: Logger) -> dict[str, Any] | None:
    """The bad verdict of this try whose event was lost when somebody decided to go on; None without one."""
    ti = context["ti"]
    noted = _of(str(ti.id), ti.xcom_pull(task_ids=ti.task_id, key=VERDICT_KEY))
    if noted:
        log.warning("A bad verdict was reached before that was decided, and stands.")
    return noted


def _of(waiter: str, noted: Any) -> dict[str, Any] | None:
    """None where it is another try's: its trigger may have gone on for a moment after a person cleared the task."""
    return read_event(noted, waiter) if isinstance(noted, dict) and noted.get(WAITER) == waiter else None


def _key(about: dict[str, Any]) -> dict[str, str]:
    return {name: about[name] for name in ("dag_id", "run_id", "task_id")}


async def _within_limit(ask: Callable[[], Any], log: Logger) -> Any:
    """What Airflow answers. Its own calls block, and `dag.test()` has no others."""
    try:
        return await asyncio.wait_for(sync_to_async(ask)(), NOTING_LIMIT)
    except Exception as error:  # whatever Airflow's client raises; a verdict matters more than its note
        log.warning("Airflow does not keep a verdict now: %s: %s", type(error).__name__, error)
        return None
