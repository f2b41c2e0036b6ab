"""A bad verdict stands, whatever happens to the trigger that has just reached it."""

from collections.abc import Callable

import pytest
from tests.faults.scene import Scene
from tests.release_engine.process import AFTER, Killed, Point
from tests.release_engine.release_run import ReleaseRun

MakeScene = Callable[..., Scene]

NEVER_ENOUGH = {
    "sources": {"azure_monitor": {}},
    "metrics": {"failures": {"min_requests": 100_000}},
    "extend": "1s",
}
"""Every watch ends without a verdict, and asks."""


def told_with_a_verdict_that_is_lost(scene: MakeScene, watch: str, decision: str | None) -> tuple[Scene, ReleaseRun]:
    """A release whose version is bad for one moment while a manager is asked: its verdict is noted, and the triggerer
    dies before it can do or say anything more.

    Args:
        watch: whose verdict it is.
        decision: what the manager answers just then; None: nothing.
    """
    told, noted = scene(analysis=NEVER_ENOUGH), list[Point]()
    run = told.release()

    def kill(point: Point) -> None:
        if (point.process, point.call, point.when) == (f"trigger of {watch}", "SetXCom", AFTER):
            told.turn_good()
            noted.append(point)
            raise Killed

    def decide(run: ReleaseRun) -> None:
        for task in run.tasks:
            if task != watch:
                run.respond("Go on", task_id=task)
        if run.tasks[watch].human is not None and not noted:
            told.turn_bad()
        elif noted and decision:
            run.respond(decision, task_id=watch)

    run.watchers.append(kill)
    told.manager("Approve")
    told.people.append(decide)
    told.tell(run)
    assert len(noted) == 1, "\n".join(run.story)
    return told, run


@pytest.mark.parametrize("decision", ["Go on", None])
def test_a_verdict_on_the_promoted_version_is_not_lost_with_the_triggerer_that_reached_it(
    scene: MakeScene, decision: str | None
) -> None:
    told, run = told_with_a_verdict_that_is_lost(scene, "watch_promoted", decision)
    assert (run.outcome["outcome"], told.version(), told.swaps()) == ("rolled_back", "1.0.0", 2)
    assert "503" in run.outcome["sentence"]


@pytest.mark.parametrize("decision", ["Go on", None])
def test_a_verdict_on_the_canary_is_not_lost_with_the_triggerer_that_reached_it(
    scene: MakeScene, decision: str | None
) -> None:
    told, run = told_with_a_verdict_that_is_lost(scene, "canary_30.watch", decision)
    assert (run.outcome["outcome"], told.version(), told.rules(), told.swaps()) == ("rolled_back", "1.0.0", [], 0)
    assert "503" in run.outcome["sentence"]
