"""The watchdog over apps whose releases are no more, with a real DAG, a real database and the simulator."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import yaml
from sqlalchemy import delete, select
from tests.airflow_environment import DAGS, RELEASES
from tests.stories.storyteller import Storyteller

Watch = Callable[..., tuple[str, str]]
"""Lets the watchdog look once at the story's app, as the DAG's next run does: the task's state, and its sentence."""


@pytest.fixture
def watch(story: Storyteller) -> Iterator[Watch]:
    """The watchdog, which here takes a second look at once and drains for two seconds."""
    story.policy["drain"] = "2s"

    def look(task_id: str = "") -> tuple[str, str]:
        from airflow.dag_processing.dagbag import DagBag
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session

        story.file.write_text(yaml.safe_dump(story.policy), encoding="utf-8")
        bag = DagBag(str(DAGS))
        dag = bag.dags["canary_watchdog"]
        for task in dag.tasks:
            task.second_look = timedelta(0)
            task.retries = 0
        # As a run that a person triggers: what a look remembers must not depend on it.
        run = dag.test(logical_date=None)
        with create_session() as session:
            rows = session.scalars(select(XComModel).where(XComModel.run_id == run.run_id)).all()
            said = {row.key: XComModel.deserialize_value(row) for row in rows if row.task_id == (task_id or story.app)}
            states = {ti.task_id: str(ti.state) for ti in run.get_task_instances(session=session)}
        return states[task_id or story.app], said["failure"] if "failure" in said else said["return_value"]["sentence"]

    yield look
    _forget("canary_watchdog", story.dag_id)


def _forget(*dag_ids: str) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        session.execute(delete(DagRun).where(DagRun.dag_id.in_(dag_ids)))


def begin_release(story: Storyteller, *, paused: bool = False) -> None:
    """Airflow knows of a run of the release that goes on."""
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType

    now = datetime.now(timezone.utc)
    with create_session() as session:
        session.get_one(DagModel, story.dag_id).is_paused = paused
        session.add(
            DagRun(
                story.dag_id, "manual__now", run_type=DagRunType.MANUAL, state="running", run_after=now, start_date=now
            )
        )


def send_users(story: Storyteller, weight: float, *others: dict[str, Any]) -> None:
    """A release has got as far as this when it was lost."""
    story.simulator.arm("POST", f"{story.simulator.app_path(story.app, 'stage')}/start").raise_for_status()
    ours = {"name": "stage", "actionHostName": f"{story.app}-stage.azurewebsites.net", "reroutePercentage": weight}
    story.simulator.set_rules(story.app, [ours, *others])


def weights(story: Storyteller) -> dict[str, float]:
    return {rule["name"]: rule["reroutePercentage"] for rule in story.rules()}


def test_an_app_on_which_nothing_is_left_over_is_passed_over(story: Storyteller, watch: Watch) -> None:
    assert watch() == ("success", f"No release has left anything on app '{story.app}'.")


def test_a_rule_that_was_left_over_is_cleared_and_the_slot_stopped_when_the_last_cookie_has_run_out(
    story: Storyteller, watch: Watch
) -> None:
    story.policy |= {"watchdog": "clear", "drain": "5s"}
    other = {"name": "other", "actionHostName": f"{story.app}-other.azurewebsites.net", "reroutePercentage": 5.0}
    send_users(story, 20, other)
    assert watch() == ("success", f"Seen on app '{story.app}', and not for long enough to do or say anything: rule.")
    assert weights(story) == {"stage": 20, "other": 5}
    state, sentence = watch()
    assert (state, weights(story)) == ("success", {"other": 5})
    assert sentence.startswith(f"The traffic rule of slot 'stage' of app '{story.app}' was cleared")
    assert watch()[1].endswith("not for long enough to do or say anything: slot.")
    assert story.slot_state() == "Running"
    story.simulator.wait_until(lambda: watch()[1].endswith("was stopped, for no release answers for it."))
    assert (story.slot_state(), weights(story)) == ("Stopped", {"other": 5})
    assert watch() == ("success", f"No release has left anything on app '{story.app}'.")


def test_what_is_left_over_is_reported_by_failing_and_nothing_is_changed(story: Storyteller, watch: Watch) -> None:
    send_users(story, 20)
    assert watch()[0] == "success"
    last = story.simulator.journal()[-1]["n"]
    state, sentence = watch()
    assert state == "failed"
    assert f"App '{story.app}' sends 20 % of its users to slot 'stage' (seen since " in sentence
    assert sentence.endswith(
        "and no release of it is under way. To clear the rule: "
        f"az webapp traffic-routing clear -g contoso-rg -n {story.app}"
    )
    calls = [call for call in story.simulator.journal(last) if f"/sites/{story.app}" in call["path"]]
    assert {call["method"] for call in calls} == {"GET"}
    assert (weights(story), story.slot_state()) == ({"stage": 20}, "Running")


def test_a_living_release_is_left_alone(story: Storyteller, watch: Watch) -> None:
    story.policy["watchdog"] = "clear"
    send_users(story, 20)
    watch()
    begin_release(story)
    for _ in range(2):
        assert watch() == ("success", f"A release of app '{story.app}' is under way; it was left alone.")
    assert weights(story) == {"stage": 20}


def test_a_release_whose_dag_is_paused_is_reported_and_not_cleared(story: Storyteller, watch: Watch) -> None:
    story.policy["watchdog"] = "clear"
    send_users(story, 20)
    watch()
    begin_release(story, paused=True)
    watch()
    state, sentence = watch()
    assert state == "failed"
    assert f"its release stands still because DAG '{story.dag_id}' is paused" in sentence
    assert weights(story) == {"stage": 20}


def test_a_run_that_nobody_goes_on_with_is_reported(story: Storyteller, watch: Watch) -> None:
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    story.policy |= {"watchdog": "clear", "approval": {"timeout": "1s"}, "after_rollback": "keep"}
    told = story.tell()
    with create_session() as session:
        run = session.scalars(select(DagRun).where(DagRun.run_id == told.run_id)).one()
        run.state = "running"
        for task in run.get_task_instances(session=session):
            if task.task_id == "outcome":
                task.state = None
        session.get_one(DagModel, story.dag_id).is_paused = True
    send_users(story, 20)
    watch()
    assert "its release stands still" in watch()[1]


def test_a_pending_preview_is_reported_with_the_command_that_cancels_it(story: Storyteller, watch: Watch) -> None:
    story.policy["watchdog"] = "clear"
    slot = story.simulator.app_path(story.app, "stage")
    story.simulator.arm("POST", f"{slot}/start").raise_for_status()
    body = {"targetSlot": "production", "preserveVnet": True}
    story.simulator.arm("POST", f"{slot}/applySlotConfig", body).raise_for_status()
    watch()
    state, sentence = watch()
    assert state == "failed"
    assert f"az webapp deployment slot swap -g contoso-rg -n {story.app} --slot stage --action reset" in sentence


def test_an_app_that_azure_does_not_know_does_not_hide_another_apps_trouble(story: Storyteller, watch: Watch) -> None:
    gone = RELEASES / "gone.yaml"
    gone.write_text(yaml.safe_dump({**story.policy, "app": "no-such-app"}), encoding="utf-8")
    try:
        send_users(story, 20)
        watch()
        assert "sends 20 % of its users to slot 'stage'" in watch()[1]
        assert "Azure answered 404 ResourceNotFound" in watch("gone")[1]
    finally:
        gone.unlink()
