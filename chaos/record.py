"""What one undisturbed release does: every call to Azure about its app, every deferral, every task. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel

from demo.airflow_api import TaskInstance

CALL, EFFECT = "call", "effect"
READ = "GET"


class Entry(BaseModel):
    """One line of the simulator's journal, as far as it is needed here.

    `kind` is `call`, or `effect` for what happens later than the call that asked for it. `began` and `ended` are
    real time. `caller` is the process that called, `fault` the one that acted on the call, as it was ordered.
    """

    n: int
    kind: str = CALL
    app: str | None
    method: str | None = None
    operation: str
    began: datetime
    ended: datetime
    fault: dict[str, Any] | None = None
    caller: int | None = None


class Maker(str, Enum):
    """Which process makes a call."""

    TASK = "task"
    TRIGGERER = "triggerer"


@dataclass(frozen=True)
class Write:
    """The `number`-th call of a writing operation about the app. A release makes the same ones every time."""

    operation: str
    number: int


@dataclass(frozen=True)
class Call:
    """One call of a release.

    Attributes:
        task: the one under way.
        maker: which process makes it.
        method, operation: as the journal has them.
        number: which one of this operation it is, of those about the app that follow `since`.
        since: the last write before it; None: there was none, or it is a write itself. How often a wait asks depends
            on how long it takes, so a read cannot be counted from the beginning.
    """

    task: str
    maker: Maker
    method: str
    operation: str
    number: int
    since: Write | None = None


@dataclass(frozen=True)
class Record:
    """An undisturbed release.

    Attributes:
        story: how it was told, such as `promoted`.
        calls: in order.
        deferrals: the tasks that handed their wait to the triggerer.
        tasks: those that ran, in order.
    """

    story: str
    calls: tuple[Call, ...]
    deferrals: tuple[str, ...]
    tasks: tuple[str, ...]


def record_of(
    story: str,
    entries: Iterable[Entry],
    tasks: Sequence[TaskInstance],
    deferred: Iterable[str],
    triggerer: Iterable[int],
) -> Record:
    """The record of one release.

    Args:
        story: its name.
        entries: the journal, from the release's trigger to its end, about its app alone.
        tasks: how they ended.
        deferred: the tasks that were seen deferred.
        triggerer: the numbers of the triggerer's processes; every other caller was a task.
    """
    ran = sorted((task for task in tasks if task.start_date), key=_start)
    pids, seen = set(triggerer), set(deferred)
    order = [task.task_id for task in ran]
    made = sorted((entry for entry in entries if entry.kind == CALL), key=lambda entry: entry.began)
    calls = list(_calls(made, ran, pids))
    return Record(story, tuple(calls), tuple(task for task in order if task in seen), tuple(order))


def _calls(made: Iterable[Entry], ran: Sequence[TaskInstance], triggerer: set[int]) -> Iterator[Call]:
    """Each call once: of a wait that asks several times the same, only the first."""
    writes: Counter[str] = Counter()
    reads: Counter[str] = Counter()
    since: Write | None = None
    previous: Call | None = None
    for entry in made:
        task, method = _under_way(ran, entry), str(entry.method)
        maker = Maker.TRIGGERER if entry.caller in triggerer else Maker.TASK
        if method != READ:
            writes[entry.operation] += 1
            reads.clear()
            since = Write(entry.operation, writes[entry.operation])
            previous = Call(task, maker, method, since.operation, since.number)
            yield previous
            continue
        reads[entry.operation] += 1
        call = Call(task, maker, method, entry.operation, reads[entry.operation], since)
        if not (previous and maker is Maker.TRIGGERER and previous == replace(call, number=previous.number)):
            yield call
        previous = call


def _start(task: TaskInstance) -> datetime:
    assert task.start_date is not None
    return task.start_date


def _under_way(ran: Sequence[TaskInstance], entry: Entry) -> str:
    """A release does one thing after another: the task under way is the last that had started."""
    started = [task.task_id for task in ran if _start(task) <= entry.began]
    return started[-1] if started else ran[0].task_id
