"""Tasks and progress for tests, at fixed times."""

import io
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from rich.console import Console, RenderableType

from demo.airflow_api import TaskInstance
from demo.picture import Picture, Share, VersionTraffic
from demo.progress import Progress

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)

TASKS = [
    "preflight",
    "start_slot",
    "deploy",
    "slot_ready",
    "canary_10.shift",
    "canary_10.watch",
    "canary_50.shift",
    "canary_50.watch",
    "approval",
    "swap",
    "watch_promoted",
    "drain",
    "stop_slot",
    "restore",
    "outcome",
]

LEFT_BEHIND: dict[str, dict[str, Any]] = {
    "preflight": {"stable_version": "1.0.0"},
    "canary_10.shift": {"requested": 10.0, "applied": 10.0},
    "canary_10.watch": {"outcome": "pass", "reasons": ["It answered.", "Always."]},
    "canary_50.shift": {"requested": 50.0, "applied": 50.0},
    "approval": {"decision": "approved", "by": "manager", "comment": "looks good"},
    "outcome": {"outcome": "promoted", "sentence": "Version 2.0.0 was promoted."},
}


def task(task_id: str, state: str | None, began: float | None = None, took: float | None = None) -> TaskInstance:
    """A task that began so many seconds after noon and took so many; None for not yet."""
    start = None if began is None else NOON + timedelta(seconds=began)
    end = None if start is None or took is None else start + timedelta(seconds=took)
    return TaskInstance(task_id=task_id, state=state, start_date=start, end_date=end)


def progress(until: str, state: str = "running", ended: str = "success") -> Progress:
    """A release in which every task before `until` ended, each 10 s long, and that one is in `state`."""
    reached = TASKS.index(until)
    finished = state in {"success", "failed", "skipped"}
    tasks = [task(each, ended, number * 10, 10) for number, each in enumerate(TASKS[:reached])]
    tasks.append(task(until, state, reached * 10, 10 if finished else None))
    tasks += [task(each, None) for each in TASKS[reached + 1 :]]
    told = TASKS[: reached + 1] if finished else TASKS[:reached]
    return Progress(tasks, {each: LEFT_BEHIND[each] for each in told if each in LEFT_BEHIND})


def printed(what: RenderableType, width: int, height: int = 60) -> list[str]:
    """The lines it takes on a screen of this size."""
    output = io.StringIO()
    Console(file=output, width=width, height=height).print(what)
    return output.getvalue().splitlines()


def picture(shown: Progress, seconds: float = 75, **changes: Any) -> Picture:
    fields: Mapping[str, Any] = {
        "at": NOON + timedelta(seconds=seconds),
        "elapsed": timedelta(seconds=seconds),
        "progress": shown,
        "requested": shown.requested_share,
        "observed": Share(300, 10.5, 7.5, 14.5),
        "versions": [VersionTraffic("1.0.0", 1234, 0, 3.2, 8.0), VersionTraffic("2.0.0", 56, 0, 2.6, 5.4)],
    }
    return Picture(**{**fields, **changes})
