"""Trouble that passes does not change how a release ends, whichever call meets it, before or after its effect."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.faults.matrix import (
    EVERYTHING,
    PROMOTED,
    STORIES,
    Call,
    Story,
    all_end_well,
    calls_of,
    even,
    judged,
    odd,
    sweep,
    tell,
    two_of_three,
)
from tests.simulator import RunningSimulator

from app_service_simulator.faults.fault import Fault

ANY_CALL: dict[str, dict[str, Any]] = {
    "throttled": {"do": "throttled", "retry_after": 0},
    "server_error": {"do": "server_error"},
    "bad_gateway": {"do": "bad_gateway"},
    "server_timeout": {"do": "server_timeout"},
    "gateway_timeout": {"do": "gateway_timeout"},
    "expired_token": {"do": "expired_token"},
    "page": {"do": "not_json"},
    "error_page": {"do": "not_json", "status": 503},
    "reset": {"do": "reset"},
    "hang": {"do": "hang", "seconds": 0.1},
    "slow": {"do": "slow", "seconds": 0.05},
}
"""Faults that any call can meet, before its effect; a write after it too."""

WRITES: dict[str, dict[str, Any]] = {
    "exclusive_lock": {"do": "exclusive_lock", "when": "before"},
    "in_progress": {"do": "in_progress", "when": "before"},
}
"""Faults with which only writes are refused."""


LATE: dict[str, Any] = {"do": "late_effect", "seconds": 0.3}
"""A write whose answer is lost, and which takes effect when its client has long given it up."""


REPRESENTATIVES = ("throttled", "gateway_timeout", "page", "reset")
"""What the way back is tried with: it makes its calls through the same hook. Everything: every kind."""


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_every_call_may_fail_once_or_twice_with_trouble_that_passes(
    fast_simulator: RunningSimulator, engine: None, story: Story
) -> None:
    scene, _, _ = tell(fast_simulator, story)
    calls = calls_of(scene)
    scene.close()
    writes = [call for call in calls if call.writes]
    cases: dict[str, Callable[[], list[str]]] = {}

    def add(name: str, calls: list[Call], pattern: Callable[[int], bool], **fault: Any) -> None:
        cases[f"{story.name}: {name}"] = lambda: judged(
            fast_simulator, story, lambda scene: sweep(scene.app, calls, pattern, **fault)
        )

    def add_after_writes(name: str, **fault: Any) -> None:
        # What has happened is not asked for again, so the calls that follow come at either place.
        add(f"{name} the first write of a kind and every other", writes, odd, **fault)
        if any(call.nth > 1 for call in writes):
            add(f"{name} the second write of a kind and every other", writes, even, **fault)

    for name, fault in ANY_CALL.items():
        if EVERYTHING or story is PROMOTED or name in REPRESENTATIVES:
            add(f"{name} before every call", calls, odd, **fault, when="before")
            add_after_writes(f"{name} after", **fault, when="after")
    add("truncated answer of every call", calls, odd, do="truncated")
    add("out of date answer to every reading", [call for call in calls if not call.writes], odd, do="stale")
    add_after_writes("late effect of", **LATE)
    for name, fault in WRITES.items():
        add(f"{name} before every write", writes, odd, **fault)
    add("gateway_timeout twice before every call", calls, two_of_three, do="gateway_timeout", when="before")
    add("gateway_timeout twice after every write", writes, two_of_three, do="gateway_timeout", when="after")
    all_end_well(cases)


@pytest.mark.skipif(not EVERYTHING, reason="make faults; the sweeps meet every call already, many to a release")
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_every_call_may_fail_alone(fast_simulator: RunningSimulator, engine: None, story: Story) -> None:
    scene, _, _ = tell(fast_simulator, story)
    calls = calls_of(scene)
    scene.close()
    cases: dict[str, Callable[[], list[str]]] = {}
    for call in calls:
        faults = {f"{name} before": {**fault, "when": "before"} for name, fault in ANY_CALL.items()}
        faults["truncated"] = {"do": "truncated"}
        if call.writes:
            faults |= {f"{name} after": {**fault, "when": "after"} for name, fault in ANY_CALL.items()}
            faults |= {**WRITES, "late": LATE}
        else:
            faults["stale"] = {"do": "stale"}
        for name, fault in faults.items():
            cases[f"{story.name}: {name} {call}"] = _alone(fast_simulator, story, call, fault)
    all_end_well(cases)


def _alone(simulator: RunningSimulator, story: Story, call: Call, fault: dict[str, Any]) -> Callable[[], list[str]]:
    return lambda: judged(
        simulator,
        story,
        lambda scene: [Fault(operation=call.operation, app=scene.app, nth=call.nth, **fault)],
        may_not_come=call.may_not_come,
    )


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_write_that_is_never_answered_is_given_up_and_looked_after(
    fast_simulator: RunningSimulator, engine: None, when: str
) -> None:
    scene, _, _ = tell(fast_simulator, PROMOTED)
    writes = [call for call in calls_of(scene) if call.writes]
    scene.close()

    hang = {"do": "hang", "when": when}
    all_end_well({f"{call} hangs {when} its effect": _alone(fast_simulator, PROMOTED, call, hang) for call in writes})
