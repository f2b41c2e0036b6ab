"""The cases of the crash matrix: discovered in records, chosen by name or as a spread sample. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest

from chaos.record import Call, Record


class Killed(str, Enum):
    """What is killed."""

    CALLER = "caller"
    """The process that makes a call, at that instant: a task's, or the triggerer's."""
    TRIGGERER = "triggerer"
    """The triggerer, right after a task has handed its wait to it."""
    SCHEDULER = "scheduler"
    """The scheduler, and with it the executor and the tasks it runs, as a task begins or has ended."""


BEFORE, AFTER = "before", "after"
DEFERRED = "deferred"
BEGINS, ENDED = "begins", "ended"


@dataclass(frozen=True)
class Case:
    """One release, and the one kill it has to survive.

    Attributes:
        story: how the release is told, and so how it has to end.
        killed: what is killed.
        task: the one under way.
        moment: `before` or `after` the effect of the call, `deferred`, or `begins` or `ended` of the task.
        call: at which call; None for the others.
    """

    story: str
    killed: Killed
    task: str
    moment: str
    call: Call | None = None

    @property
    def name(self) -> str:
        """Words that tell it from every other case."""
        if self.call is None:
            return f"{self.story} {self.task} {self.killed.value} {self.moment}"
        call = self.call
        since = f"since {_short(call.since.operation)} {call.since.number} " if call.since else ""
        return f"{self.story} {self.task} {call.method} {_short(call.operation)} {call.number} {since}{self.moment}"

    @property
    def victim(self) -> str:
        """Which process dies."""
        return self.call.maker.value if self.call else self.killed.value

    @property
    def hits_all(self) -> bool:
        """Whether the kill also hits the releases that run beside it."""
        return self.victim != "task"


def _short(operation: str) -> str:
    return operation.removeprefix("WebApps_")


def discover(promoted: Record, others: Sequence[Record] = ()) -> list[Case]:
    """Every case: all of the promoted release, and of each other one what only it does."""
    cases = _cases(promoted, promoted.calls, promoted.deferrals, promoted.tasks)
    for record in others:
        calls = beyond(promoted.calls, record.calls)
        tasks = {call.task for call in calls}
        cases += _cases(
            record,
            calls,
            [task for task in record.deferrals if task in tasks],
            [task for task in record.tasks if task in tasks],
        )
    return cases


def beyond(known: Sequence[Call], calls: Sequence[Call]) -> list[Call]:
    """The calls from the first on that differs from the known release."""
    same = 0
    for mine, theirs in zip(calls, known, strict=False):
        if (mine.task, mine.operation) != (theirs.task, theirs.operation):
            break
        same += 1
    return list(calls[same:])


def _cases(record: Record, calls: Iterable[Call], deferrals: Iterable[str], tasks: Iterable[str]) -> list[Case]:
    story = record.story
    return [
        *(Case(story, Killed.CALLER, call.task, moment, call) for call in calls for moment in (BEFORE, AFTER)),
        *(Case(story, Killed.TRIGGERER, task, DEFERRED) for task in deferrals),
        *(Case(story, Killed.SCHEDULER, task, moment) for task in tasks for moment in (BEGINS, ENDED)),
    ]


def named(cases: Sequence[Case], words: str) -> list[Case]:
    """The case of this name, or those in whose name all the words are found, in any case of letters."""
    exact = [case for case in cases if case.name == words]
    wanted = words.lower().split()
    return exact or [case for case in cases if all(word in case.name.lower() for word in wanted)]


def sample(cases: Sequence[Case], count: int, seed: int) -> list[Case]:
    """So many cases, spread over what is killed and the stories; the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - a sample needs no cryptography
    shuffled = list(cases)
    dice.shuffle(shuffled)
    # In turn a task before a call's effect, a task after it, the triggerer and the scheduler.
    kinds = _by(shuffled, lambda case: f"{case.victim} {case.moment}" if case.victim == "task" else case.victim)
    stories = [_by(kind, lambda case: case.story) for kind in kinds]
    for told in stories:
        dice.shuffle(told)
    return in_running_order(_in_turn(map(_in_turn, stories))[:count])


def _by(cases: Iterable[Case], key: Callable[[Case], str]) -> list[list[Case]]:
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(key(case), []).append(case)
    return [groups[name] for name in sorted(groups)]


def _in_turn(groups: Iterable[list[Case]]) -> list[Case]:
    """One of each group, then the next of each, until all are used up."""
    return [case for turn in zip_longest(*groups) for case in turn if case is not None]


def in_running_order(cases: Iterable[Case]) -> list[Case]:
    """First those that disturb nobody else, so that each of them meets its own kill alone."""
    return sorted(cases, key=lambda case: (case.hits_all, case.victim))
