"""Journals and tasks for tests, at fixed times; the promoted one is cut from a real run's."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from chaos.cases import Case, Killed
from chaos.judging import CUT_OVER, Ending
from chaos.record import EFFECT, Call, Entry, Maker, Record, record_of

from demo.airflow_api import TaskInstance

NOON = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
TASK_PROCESS, TRIGGERER_PROCESS = 100, 200

PROMOTED: Sequence[tuple[str, str, str, int]] = (
    ("preflight", "GET", "WebApps_Get", TASK_PROCESS),
    ("preflight", "GET", "WebApps_GetSlot", TASK_PROCESS),
    ("start_slot", "POST", "WebApps_StartSlot", TASK_PROCESS),
    ("start_slot", "GET", "WebApps_GetSlot", TASK_PROCESS),
    ("swap", "GET", "WebApps_Get", TASK_PROCESS),
    ("swap", "PATCH", "WebApps_UpdateConfiguration", TASK_PROCESS),
    ("swap", "POST", "WebApps_SwapSlotSlot", TASK_PROCESS),
    ("swap", "GET", "WebApps_GetOperationResultSlot", TRIGGERER_PROCESS),
    ("swap", "GET", "WebApps_GetOperationResultSlot", TRIGGERER_PROCESS),
    ("swap", "GET", "WebApps_GetOperationResultSlot", TRIGGERER_PROCESS),
    ("swap", "GET", "WebApps_Get", TASK_PROCESS),
)
"""Task, method, operation and calling process of each call, one a second."""

REJECTED = (
    *PROMOTED[:4],
    ("restore", "PATCH", "WebApps_UpdateConfiguration", TASK_PROCESS),
    ("restore", "GET", "WebApps_Get", TASK_PROCESS),
)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def entry(number: int, **changes: Any) -> Entry:
    """A call made so many seconds after noon and answered half a second later."""
    fields: dict[str, Any] = {
        "n": number,
        "app": "chaos-01",
        "method": "GET",
        "operation": "WebApps_Get",
        "began": after(number),
        "ended": after(number + 0.5),
        "caller": TASK_PROCESS,
    }
    return Entry.model_validate({**fields, **changes})


def cut_over(second: float) -> Entry:
    moment = after(second)
    return entry(99, kind=EFFECT, operation=CUT_OVER, method=None, caller=None, began=moment, ended=moment)


def journal(made: Sequence[tuple[str, str, str, int]]) -> list[Entry]:
    return [
        entry(second, method=method, operation=operation, caller=caller)
        for second, (_, method, operation, caller) in enumerate(made, start=1)
    ]


def tasks(made: Sequence[tuple[str, str, str, int]]) -> list[TaskInstance]:
    """Each begins half a second before its first call."""
    began: dict[str, float] = {}
    for second, (task, *_) in enumerate(made, start=1):
        began.setdefault(task, second - 0.5)
    return [
        TaskInstance(task_id=task, state="success", start_date=after(at), end_date=after(at + 1), try_number=1)
        for task, at in began.items()
    ]


def record(story: str, made: Sequence[tuple[str, str, str, int]]) -> Record:
    return record_of(story, journal(made), tasks(made), {"swap"}, {TRIGGERER_PROCESS})


SWAP = Call("swap", Maker.TASK, "POST", "WebApps_SwapSlotSlot", 1)


def case(story: str = "promoted", moment: str = "after") -> Case:
    return Case(story, Killed.CALLER, "swap", moment, SWAP)


def ending(**changes: Any) -> Ending:
    """A promoted release whose task was killed a minute before its end."""
    fields: dict[str, Any] = {
        "run_state": "success",
        "outcome": "promoted",
        "sentence": "Version 2.0.0 of app 'chaos-01' is promoted: it serves all users.",
        "versions": ("1.0.0", "2.0.0", "2.0.0"),
        "weights": (),
        "swaps": 1,
        "tries": {"preflight": 1, "swap": 2},
        "requests": 200,
        "killed_at": NOON,
        "next_sign": after(7),
        "ended_at": after(60),
    }
    return Ending(**{**fields, **changes})
