"""A manager is asked once and heard once, whenever the task that asks may die."""

from collections.abc import Callable

import pytest
from tests.faults.scene import Scene
from tests.faults.test_verdicts import NEVER_ENOUGH
from tests.release_engine.process import AFTER, BEFORE, Killed, Point
from tests.release_engine.release_run import ReleaseRun

MakeScene = Callable[..., Scene]

ASKS = "CreateHITLDetailPayload"
"""The message with which a task puts a question under Required Actions."""

ANSWERS = {"canary_30.watch": "Go on", "approval": "Approve", "watch_promoted": "Go on"}


def told_with_a_task_killed_as_it_asked(scene: MakeScene, task: str, when: str) -> tuple[Scene, list[str]]:
    """A release whose every question is answered at once; one task dies before or after its own has reached Airflow.

    Returns:
        The scene when it is over, and who asked for each answer that Airflow took.
    """
    told, taken = scene(analysis=NEVER_ENOUGH), list[str]()
    run = told.release()

    def kill(point: Point) -> None:
        if (point.process, point.call, point.when) == (task, ASKS, when) and not run.kills:
            raise Killed

    def answer(run: ReleaseRun) -> None:
        taken.extend(asking for asking, option in ANSWERS.items() if run.respond(option, task_id=asking))

    run.watchers.append(kill)
    told.people.append(answer)
    told.tell(run)
    assert run.kills == 1, "\n".join(run.story)
    assert run.outcome["outcome"] == "promoted", "\n".join(run.story)
    return told, taken


@pytest.mark.parametrize("task", ANSWERS)
@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_a_manager_is_asked_once_though_the_task_that_asks_is_killed_as_it_does(
    scene: MakeScene, task: str, when: str
) -> None:
    told, taken = told_with_a_task_killed_as_it_asked(scene, task, when)
    assert taken == list(ANSWERS)
    assert (told.version(), told.swaps()) == ("2.0.0", 1)
