"""Every process of a release may die at every call that it makes: the release ends as it would have."""

from collections.abc import Callable

import pytest
from tests.faults.judging import problems
from tests.faults.matrix import EVERYTHING, PROMOTED, STORIES, Story, all_end_well, tell
from tests.release_engine.process import AFTER, AIRFLOW, AZURE, BEFORE, Killed, Point
from tests.release_engine.release_run import ReleaseRun
from tests.simulator import RunningSimulator

MakeWatcher = Callable[[], Callable[[Point], None]]


def every_process_at_its(nth: int, side: str, when: str) -> MakeWatcher:
    """Kills each task and each trigger once, at its n-th call to Azure or message to Airflow."""

    def make() -> Callable[[Point], None]:
        seen: dict[str, int] = {}

        def watch(point: Point) -> None:
            if (point.side, point.when) == (side, when):
                seen[point.process] = seen.get(point.process, 0) + 1
                if seen[point.process] == nth:
                    raise Killed

        return watch

    return make


def points_of(run: ReleaseRun, side: str) -> int:
    """The most calls that a single process of the run made."""
    return max(run.calls_by_process(side).values())


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_every_process_may_be_killed_before_and_after_every_call_to_azure(
    fast_simulator: RunningSimulator, engine: None, story: Story
) -> None:
    all_end_well(_cases(fast_simulator, story, AZURE))


def test_every_process_may_be_killed_before_and_after_every_message_to_airflow(
    fast_simulator: RunningSimulator, engine: None
) -> None:
    all_end_well(_cases(fast_simulator, PROMOTED, AIRFLOW))


def _cases(simulator: RunningSimulator, story: Story, side: str) -> dict[str, Callable[[], list[str]]]:
    scene, run, _ = tell(simulator, story)
    scene.close()
    last = points_of(run, side)
    # Dead after one call is as good as dead before the next, but for what the process did in between.
    moments = [(nth, BEFORE) for nth in range(1, last + 1)] + [(last, AFTER)]
    if EVERYTHING:
        moments += [(nth, AFTER) for nth in range(1, last)]
    elif side == AIRFLOW:
        moments = moments[::4]
    return {
        f"{story.name}: killed {when} call {nth} of every process": _case(
            simulator, story, every_process_at_its(nth, side, when)
        )
        for nth, when in moments
    }


def _case(simulator: RunningSimulator, story: Story, make: MakeWatcher) -> Callable[[], list[str]]:
    def judged() -> list[str]:
        scene, run, _ = tell(simulator, story, watcher=make())
        wrong = problems(scene, run, ends=story.ends)
        if not run.kills:
            wrong.append("nothing was killed")
        scene.close()
        return [*wrong, *run.story] if wrong else []

    return judged
