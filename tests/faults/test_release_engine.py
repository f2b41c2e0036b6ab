"""The engine of these tests tells a release as Airflow itself does."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.faults.scene import Scene
from tests.release_engine.metadata import Shared
from tests.release_engine.process import Killed, Point
from tests.release_engine.release_run import ReleaseRun
from tests.release_engine.supervisor import in_this_process
from tests.simulator import RunningSimulator
from tests.stories.conftest import airflow_database, connection_to, quick_simulator, story  # noqa: F401 - fixtures
from tests.stories.storyteller import Storyteller

MakeScene = Callable[..., Scene]


def alike(value: Any) -> Any:
    """A value without what differs between two releases of the same kind: names, numbers, moments, and which minutes of
    the clock a watch met."""
    if isinstance(value, dict):
        return {key: alike(item) for key, item in value.items() if key != "minutes"}
    if isinstance(value, list):
        return [alike(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return 0
    named = re.sub(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}|app-[0-9a-f]{8}|__[0-9a-f]{4}\b", "name", str(value))
    return re.sub(r"\d[\d:.T+-]*", "0", named)


def calls(simulator: RunningSimulator, app: str, after: int) -> list[str]:
    """What was asked of Azure about an app, in order; one question asked again and again counts once."""
    asked: list[str] = []
    for entry in simulator.journal(after):
        if f"/sites/{app}" in entry["path"]:
            call = f"{entry['method']} {entry['operation']}"
            if asked[-1:] != [call]:
                asked.append(call)
    return asked


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_release_told_by_the_engine_is_the_one_that_airflow_tells(story: Storyteller, decision: str) -> None:  # noqa: F811
    simulator = story.simulator
    story.policy["drain"] = "1s"
    story.manager_writes(decision)
    package, last = story.package(), int(simulator.journal()[-1]["n"])
    told = story.tell(weights=[30], package_uri=package)
    called = calls(simulator, story.app, last)

    again = Storyteller(simulator)
    again.policy["drain"] = "1s"
    try:
        dag, package, last = again.dag(), again.package(), int(simulator.journal()[-1]["n"])
        with in_this_process():
            run = ReleaseRun(
                dag,
                {"version": "2.0.0", "package_uri": package, "weights": [30]},
                shared=Shared({"azure_app_service": json.dumps(connection_to(simulator))}),
                speed=60,
            )
            while not run.over:
                run.step(wait=0.05)
                if run.states["approval"] == "deferred":
                    key = f"canary_approval__{dag.dag_id}__{run.metadata.run_id}"
                    run.metadata.variables.setdefault(key, decision)
            run.close()
        assert told.state == run.state
        assert told.tasks == run.states
        assert alike(told.xcoms) == alike({task: run.metadata.xcom(task) for task in told.xcoms})
        assert {task for task, key in run.metadata.xcoms if key == "return_value"} == set(told.xcoms)
        assert called == calls(simulator, again.app, last)
        assert not [key for key in run.metadata.variables if key.startswith("canary_approval")]
    finally:
        again.end()


def test_a_task_that_is_killed_is_tried_again(scene: MakeScene) -> None:
    told = scene()
    told.manager("Approve")
    run, killed = told.release(), list[Point]()

    def kill(point: Point) -> None:
        if point.call.endswith("/extensions/onedeploy") and not killed:
            killed.append(point)
            raise Killed

    run.watchers.append(kill)
    told.tell(run)
    assert [(point.when, point.process) for point in killed] == [("before", "deploy")]
    assert run.tasks["deploy"].try_number == 2
    assert told.version() == "2.0.0"


def test_a_trigger_whose_triggerer_is_killed_is_made_anew(scene: MakeScene) -> None:
    told = scene()
    told.manager("Approve")
    run, killed = told.release(), list[Point]()

    def kill(point: Point) -> None:
        if point.process == "trigger of deploy" and point.side == "azure" and len(killed) < 2:
            killed.append(point)
            raise Killed

    run.watchers.append(kill)
    told.tell(run)
    assert len(killed) == 2
    assert run.tasks["deploy"].try_number == 1
    assert run.state == "success"


def test_an_aborted_run_fails_what_runs_skips_what_is_left_and_still_goes_back(scene: MakeScene) -> None:
    told = scene()
    run = told.release()
    told.people.append(lambda run: run.abort() if run.states["approval"] == "deferred" else None)
    told.tell(run)
    assert {task: run.states[task] for task in ("approval", "swap", "restore", "outcome")} == {
        "approval": "failed",
        "swap": "skipped",
        "restore": "success",
        "outcome": "failed",
    }
    assert run.state == "failed"
    assert told.rules() == []


def test_a_cleared_task_runs_again_and_what_comes_after_it(scene: MakeScene) -> None:
    told = scene(after_rollback="keep")
    run = told.release()
    told.people.append(lambda run: run.respond("Reject"))
    while not run.over:
        told.people[0](run)
        run.step(wait=0.02)
    assert run.states["approval"] == "failed"
    run.clear(*list(run.tasks)[list(run.tasks).index("canary_30.shift") :])
    told.people[:] = [lambda run: run.respond("Approve")]
    told.tell(run)
    assert run.state == "success"
    assert told.version() == "2.0.0"


def test_a_step_that_is_cleared_alone_when_its_run_is_over_sends_nobody_to_the_rejected_version(
    scene: MakeScene,
) -> None:
    told = scene(after_rollback="keep")
    run = told.release()
    told.manager("Reject")
    while not run.over:
        told.people[0](run)
        run.step(wait=0.02)
    run.clear("canary_30.shift")
    told.tell(run)
    assert run.states["canary_30.shift"] == "failed"
    assert "Clear this task together with all" in str(run.metadata.xcom("canary_30.shift", "failure"))
    assert told.rules() == []


def test_what_a_release_leaves_is_json(scene: MakeScene) -> None:
    told = scene()
    run = told.release()
    told.manager("Reject")
    told.tell(run)
    assert all(isinstance(json.loads(value), object) for value in run.metadata.xcoms.values())
    assert run.outcome["outcome"] == "rolled_back"
    assert told.failed_visits == []


def test_a_task_that_a_person_marks_as_success_lets_the_release_go_on(scene: MakeScene) -> None:
    told = scene()
    told.once_waiting("approval", lambda run: run.mark("approval", "success"))
    run = told.tell(told.release())
    assert run.state == "success"
    assert "approved by marking the task" in run.outcome["sentence"]
