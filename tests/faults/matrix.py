"""Which faults meet which calls of a release: the calls are found in the journal of an undisturbed one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.faults.judging import problems
from tests.faults.scene import Scene
from tests.release_engine.process import Point
from tests.release_engine.release_run import ReleaseRun
from tests.simulator import RunningSimulator

from app_service_simulator.faults.fault import Fault

EVERYTHING = os.environ.get("FAULTS") == "all"
"""Each fault at each call in a release of its own, for minutes; else a spread of them beside the sweeps."""

AT_ONCE = 4
"""Releases at a time; two cores are busy with that."""

READING = ("GET", "HEAD")


@dataclass(frozen=True)
class Story:
    """How a release goes when nothing goes wrong.

    Attributes:
        ends: the outcome's word.
        decision: what the manager answers.
        turns_bad: the new version does, once it serves everybody.
        turns_at: the task at whose wait the story parts from the first one; faults begin there. None: at once.
    """

    name: str
    ends: str
    decision: str = "Approve"
    turns_bad: bool = False
    turns_at: str | None = None


PROMOTED = Story("promoted", "promoted")
REJECTED = Story("rejected", "rolled_back", decision="Reject", turns_at="approval")
SWAPPED_BACK = Story("swapped_back", "rolled_back", turns_bad=True, turns_at="watch_promoted")
STORIES = (PROMOTED, REJECTED, SWAPPED_BACK)


@dataclass(frozen=True)
class Call:
    """One call of a release: the `nth` of its `operation` since the story's faults begin.

    `may_not_come`: a question before it was asked again and again, so how often depends on the machine, and the
    next release may not come to that number.
    """

    operation: str
    method: str
    nth: int
    may_not_come: bool = False

    @property
    def writes(self) -> bool:
        return self.method not in READING

    def __str__(self) -> str:
        return f"{self.operation} #{self.nth}"


def tell(
    simulator: RunningSimulator,
    story: Story,
    order: Callable[[Scene], Iterable[Fault]] = lambda scene: (),
    watcher: Callable[[Point], None] | None = None,
    **policy: Any,
) -> tuple[Scene, ReleaseRun, list[dict[str, Any]]]:
    """Tells a story with faults.

    Args:
        order: the faults, once it is time for them.
        watcher: looks at each point that a process of the release reaches from then on, and may kill it there.
        policy: what the release file says besides the usual.

    Returns:
        The scene, closed; the run; and what became of each fault, as the simulator's controls say it.
    """
    scene = Scene(simulator, **policy)
    ordered: list[int] = []

    def disturb(_: object = None) -> None:
        scene.mark_turn()
        run.points.clear()
        if watcher:
            run.watchers.append(watcher)
        if faults := list(order(scene)):
            ordered.extend(fault["id"] for fault in simulator.controls.add_faults(*faults))

    if story.turns_at:
        scene.once_waiting(story.turns_at, disturb)
    if story.turns_bad:
        scene.once_waiting("watch_promoted", lambda run: scene.turn_bad())
    scene.manager(story.decision)
    run = scene.release()
    try:
        if not story.turns_at:
            disturb()
        scene.tell(run)
        return scene, run, [fault for fault in simulator.controls.faults() if fault["id"] in ordered]
    finally:
        for fault in ordered:
            simulator.controls.remove_fault(fault)


def calls_of(scene: Scene) -> list[Call]:
    """The calls of a release since its turn, a question that is asked again and again counting once."""
    found: list[Call] = []
    counts: dict[str, int] = {}
    asked_again: set[str] = set()
    last = ""
    for entry in scene.calls_of_release():
        operation = entry["operation"]
        counts[operation] = counts.get(operation, 0) + 1
        if operation != last:
            found.append(Call(operation, entry["method"], counts[operation], operation in asked_again))
        else:
            asked_again.add(operation)
        last = operation
    return found


def sweep(app: str, calls: Iterable[Call], pattern: Callable[[int], bool], **fault: Any) -> list[Fault]:
    """Faults that meet every call of a release at its first try.

    Args:
        calls: of the undisturbed release.
        pattern: whether the n-th call of an operation meets the fault. A call that failed is made again, so
            odd numbers meet each call once, and two of three each call twice.
    """
    counts: dict[str, int] = {}
    for call in calls:
        counts[call.operation] = counts.get(call.operation, 0) + 1
    return [
        Fault(operation=operation, app=app, nth=n, **fault)
        for operation, count in counts.items()
        if any(pattern(n) for n in range(1, count + 1))
        for n in range(1, 3 * count + 3)
        if pattern(n)
    ]


def odd(n: int) -> bool:
    """Each call fails once, and is well when it is made again."""
    return n % 2 == 1


def even(n: int) -> bool:
    """The other calls."""
    return n % 2 == 0


def two_of_three(n: int) -> bool:
    """Each call fails twice."""
    return n % 3 != 0


def all_end_well(cases: dict[str, Callable[[], list[str]]]) -> None:
    """Runs the cases side by side, for most of their time they wait.

    Raises:
        AssertionError: with everything that is wrong with each.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = {name: pool.submit(case) for name, case in cases.items()}
    wrong = {name: future.exception() or future.result() for name, future in told.items()}
    assert not any(wrong.values()), "\n\n".join(
        f"{name}:\n  " + (repr(found) if isinstance(found, BaseException) else "\n  ".join(found))
        for name, found in wrong.items()
        if found
    )


def judged(
    simulator: RunningSimulator, story: Story, order: Callable[[Scene], list[Fault]], *, may_not_come: bool = False
) -> list[str]:
    """Tells a story with faults that must not change its end; what is wrong with how it went.

    Args:
        may_not_come: it is no mistake when no fault has met a call.
    """
    scene, run, faults = tell(simulator, story, order)
    wrong = problems(scene, run, ends=story.ends)
    met = {fault["operation"] for fault in faults if "operation" in fault and fault["acted"]}
    ordered = {fault["operation"] for fault in faults if "operation" in fault}
    if not may_not_come:
        wrong += [f"no fault has met {operation}" for operation in sorted(ordered - met)]
        if not any(fault["acted"] for fault in faults):
            wrong.append("no fault has met any call")
    scene.close()
    return [*wrong, *run.story] if wrong else []
