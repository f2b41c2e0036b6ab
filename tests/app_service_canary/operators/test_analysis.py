"""Watching what a version does to its users."""

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from tests.app_service_canary.operators.test_traffic import TARGET, shift
from tests.app_service_canary.task_context import cleared, next_try, task_context
from tests.simulator import RunningSimulator

from app_service_canary.errors import (
    AnalysisInconclusive,
    CanaryRejected,
    InvalidReleasePlan,
)
from app_service_canary.operators.analysis import CanaryAnalysisOperator
from app_service_canary.release.analysis import Analysis
from app_service_canary.release.policy import Approval
from app_service_canary.triggers.verdicts import VERDICT_KEY
from app_service_canary.triggers.waiting import WAITER, event, now

pytestmark = pytest.mark.usefixtures("azure_connection")


def watch(**changed: Any) -> CanaryAnalysisOperator:
    arguments: dict[str, Any] = {"hosts_by_side": {"slot": "storefront-stage.azurewebsites.net"}, "bake": "10m"}
    return CanaryAnalysisOperator(task_id="watch", deferrable=True, **{**TARGET, **arguments, **changed})


def test_a_watch_begins_to_bake_and_holds_no_worker() -> None:
    context = task_context()
    with pytest.raises(TaskDeferred) as deferred:
        watch().execute(context)
    left = deferred.value.trigger.bake_until - now()
    assert timedelta(minutes=9, seconds=50) < left <= timedelta(minutes=10)


def test_a_bake_that_was_begun_is_not_begun_again_by_the_next_try() -> None:
    context, ends = task_context(), []
    for _ in range(2):
        with pytest.raises(TaskDeferred) as deferred:
            watch().execute(next_try(context))
        ends.append(deferred.value.trigger.bake_until)
    assert ends[0] == ends[1]


def test_a_watch_that_is_run_again_without_its_users_is_refused(simulator: RunningSimulator, app: str) -> None:
    shift(app, 20).execute(task_context())
    watching = CanaryAnalysisOperator(
        task_id="watch", weight="50.0", bake="10m", hosts_by_side={}, **{**TARGET, "app": app}
    )
    again = task_context()
    again["ti"].try_number = 2
    with pytest.raises(InvalidReleasePlan, match=r"should get 50 % of the users to be watched, and Azure says 20 %"):
        watching.execute(again)
    shift(app, 50).execute(task_context())
    with pytest.raises(TaskDeferred):
        watching.execute(again)


def test_a_watch_that_a_person_clears_bakes_anew() -> None:
    context = task_context()
    with pytest.raises(TaskDeferred) as first:
        watch(bake="1s").execute(context)
    with pytest.raises(TaskDeferred) as second:
        watch(bake="10m").execute(cleared(context))
    assert second.value.trigger.bake_until > first.value.trigger.bake_until + timedelta(minutes=9)


def test_a_manual_bake_has_no_end() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        watch(bake="manual").execute(task_context())
    assert deferred.value.trigger.bake_until is None


@pytest.mark.parametrize("bake", [None, "", "None"])
def test_a_step_beyond_the_end_is_not_watched(bake: Any) -> None:
    assert watch(bake=bake).execute(task_context())["outcome"] == "skipped"


def test_a_bake_that_is_no_duration_is_refused() -> None:
    with pytest.raises(InvalidReleasePlan, match="bake: 'soon' is not a duration"):
        watch(bake="soon").execute(task_context())


def test_an_unknown_side_is_refused() -> None:
    with pytest.raises(InvalidReleasePlan, match="allowed: slot, visitors"):
        watch(hosts_by_side={"moon": "moon.example"}).execute(task_context())


@pytest.mark.parametrize(
    ("details", "error"),
    [
        ({"outcome": "fail"}, CanaryRejected),
        ({}, AnalysisInconclusive),
        ({"outcome": "splendid"}, AnalysisInconclusive),
    ],
)
def test_only_a_pass_goes_on_and_the_figures_are_kept_either_way(
    details: dict[str, Any], error: type[Exception]
) -> None:
    context = task_context("watch")
    with pytest.raises(error, match="because"):
        watch().execute_complete(context, event("failed", "because", reasons=["because"], **details))
    assert context["ti"].xcom_pull("watch") == {"reasons": ["because"], **details}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was put under Required Actions."""
    questions: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "airflow.sdk.execution_time.hitl.upsert_hitl_detail", lambda **question: questions.append(question)
    )
    return questions


INCONCLUSIVE = event(
    "failed",
    "Not enough to judge failures.",
    outcome="inconclusive",
    reasons=["…"],
    evidence={"probe": {"kept": 1}},
    own={"o": 1},
)


def response(option: str, user: str = "maria", comment: str = "") -> dict[str, Any]:
    """As Airflow hands it to the task that it resumes."""
    return {
        "chosen_options": [option],
        "params_input": {"comment": comment},
        "responded_by_user": {"id": user, "name": user},
    }


def held(context: Any, **changed: Any) -> CanaryAnalysisOperator:
    """A watch that had no verdict, and has asked."""
    task = watch(**changed)
    with pytest.raises(TaskDeferred):
        task.execute(context)
    with pytest.raises(TaskDeferred):
        task.execute_complete(context, INCONCLUSIVE)
    return task


def test_without_a_verdict_a_manager_is_asked_and_the_version_is_watched_on(asked: list[dict[str, Any]]) -> None:
    context = task_context("watch")
    task = watch(approval=Approval.model_validate({"approvers": ["maria"], "timeout": "2h"}))
    with pytest.raises(TaskDeferred):
        task.execute(context)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute_complete(context, INCONCLUSIVE)
    [question] = asked
    assert question["options"] == ["Go on", "Roll back"]
    assert "Not enough to judge failures." in question["body"]
    assert question["assigned_users"] == [{"id": "maria", "name": "maria"}]
    trigger = deferred.value.trigger
    assert timedelta(minutes=119) < trigger.hold_until - now() <= timedelta(minutes=120)
    assert trigger.evidence == {"probe": {"kept": 1}}
    assert trigger.asked_of == str(context["ti"].id)


def test_a_manager_is_asked_once_however_often_the_task_is_tried(asked: list[dict[str, Any]]) -> None:
    context = task_context("watch")
    task = held(context)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(next_try(context))
    assert len(asked) == 1
    assert deferred.value.trigger.asked_of is not None


@pytest.mark.usefixtures("asked")
def test_a_manager_may_let_it_go_on_and_the_evidence_so_far_is_kept() -> None:
    context = task_context("watch")
    returned = held(context).execute_complete(context, response("Go on", comment="the shop is closed"))
    assert "own" not in returned, "what was asked while the manager thought is not known"
    assert (returned["outcome"], returned["evidence"]) == ("inconclusive", {"probe": {"kept": 1}})
    assert (returned["decided"]["by"], returned["decided"]["comment"]) == ("maria", "the shop is closed")


def test_an_answer_to_what_was_asked_before_the_task_was_cleared_decides_nothing() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        watch().execute_complete(task_context("watch"), response("Go on"))
    assert deferred.value.trigger.asked is False


def test_an_answer_to_roll_back_counts_though_the_task_was_cleared_since_it_had_asked() -> None:
    with pytest.raises(AnalysisInconclusive, match=r"cleared when it had asked.* to roll back was decided by maria"):
        watch().execute_complete(task_context("watch"), response("Roll back"))
    approval = Approval(approvers=("maria",))
    with pytest.raises(TaskDeferred):
        watch(approval=approval).execute_complete(task_context("watch"), response("Roll back", "oliver"))


def test_a_bad_verdict_is_not_forgotten_by_a_try_that_is_killed_with_it() -> None:
    context = task_context("watch")
    with pytest.raises(CanaryRejected, match="503 twice"):
        watch().execute_complete(context, event("failed", "503 twice", outcome="fail", reasons=[]))
    with pytest.raises(CanaryRejected, match="503 twice"):
        watch().execute(next_try(context))
    with pytest.raises(TaskDeferred):
        watch().execute(cleared(context))


def test_a_watch_that_a_person_has_cleared_does_not_read_what_was_before(simulator: RunningSimulator, app: str) -> None:
    earlier = {"first": {"evidence": {"probe": {"n": 1, "until": "2026-11-22T10:00:00+00:00"}}}}
    context = cleared(task_context("watch", **earlier))
    with pytest.raises(TaskDeferred) as deferred:
        watch(look_task_ids=["first"]).execute(context)
    assert deferred.value.trigger.evidence == {"probe": {"n": 1, "until": None}}


@pytest.mark.usefixtures("asked")
def test_a_decision_to_go_on_does_not_outlive_a_bad_verdict_that_this_try_had_reached_before() -> None:
    context = task_context("watch")
    task, ti = held(context), context["ti"]
    bad = event("failed", "503 at /health, twice.", outcome="fail", reasons=["503 at /health, twice."])
    ti.xcom_push(VERDICT_KEY, {**bad, WAITER: "another try"})
    assert task.execute_complete(context, response("Go on"))["outcome"] == "inconclusive"
    ti.xcom_push(VERDICT_KEY, {**bad, WAITER: str(ti.id)})
    with pytest.raises(CanaryRejected, match="503 at /health"):
        task.execute_complete(context, response("Go on"))
    assert ti.xcom_pull("watch") == {"outcome": "fail", "reasons": ["503 at /health, twice."]}


@pytest.mark.usefixtures("asked")
def test_what_was_seen_before_a_manager_was_asked_counts_on() -> None:
    context, task = task_context("watch"), watch()
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    assert deferred.value.trigger.seen_here == {}
    with pytest.raises(TaskDeferred) as deferred:
        task.execute_complete(context, {**INCONCLUSIVE, "seen_here": {"probe": 45}})
    assert deferred.value.trigger.seen_here == {"probe": 45}


@pytest.mark.usefixtures("asked")
def test_a_manager_may_roll_it_back() -> None:
    context = task_context("watch")
    with pytest.raises(AnalysisInconclusive, match=r"Not enough.*, and to roll back was decided by maria"):
        held(context).execute_complete(context, response("Roll back"))


@pytest.mark.usefixtures("asked")
def test_somebody_who_is_no_approver_does_not_let_it_go_on() -> None:
    context = task_context("watch")
    with pytest.raises(AnalysisInconclusive, match="does not count: not one of the approvers"):
        held(context, approval=Approval(approvers=("maria",))).execute_complete(context, response("Go on", "oliver"))


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("on_timeout", ["reject", "approve"])
def test_silence_means_what_the_release_file_says(on_timeout: str) -> None:
    context = task_context("watch")
    task = held(context, approval=Approval.model_validate({"on_timeout": on_timeout}))
    if on_timeout == "approve":
        later = {**INCONCLUSIVE, "evidence": {"probe": {"n": 8}}, "own": {"o": 8}}
        decided = task.execute_complete(context, later)
        assert decided["own"] == {"o": 8}
        assert decided["decided"]["door"] == "timeout"
        assert decided["evidence"] == {"probe": {"n": 8}}, "what came in while nobody decided counts on"
    else:
        with pytest.raises(AnalysisInconclusive, match="nobody decided in time"):
            task.execute_complete(context, INCONCLUSIVE)


@pytest.mark.usefixtures("asked")
def test_evidence_that_comes_in_while_a_manager_is_asked_decides() -> None:
    context = task_context("watch")
    task = held(context)
    assert task.execute_complete(context, event("succeeded", "fine", outcome="pass", reasons=[]))["outcome"] == "pass"
    with pytest.raises(CanaryRejected):
        task.execute_complete(context, event("failed", "bad", outcome="fail", reasons=[]))


def test_the_evidence_of_the_last_watch_that_left_any_counts_on() -> None:
    earlier = {"first": {"evidence": {"probe": {"n": 1}}}, "second": {"evidence": {"probe": {"n": 2}}, "own": {"o": 2}}}
    context = task_context("watch", **earlier)
    with pytest.raises(TaskDeferred) as deferred:
        watch(look_task_ids=["first", "second", "third"]).execute(context)
    assert deferred.value.trigger.evidence == {"probe": {"n": 2}}
    assert deferred.value.trigger.own is None, "what the third has asked is not known, for a person ended it"
    with pytest.raises(TaskDeferred) as deferred:
        watch(look_task_ids=["first", "second"]).execute(context)
    assert deferred.value.trigger.own == {"o": 2}


@pytest.mark.parametrize(("step", "closing"), [(0, False), (1, True), (2, False), (None, False)])
def test_the_last_step_of_the_run_is_the_one_that_closes(step: int | None, closing: bool) -> None:
    plan = {"steps": [{"weight": 10.0}, {"weight": 25.0}, {"weight": None}]}
    with pytest.raises(TaskDeferred) as deferred:
        watch(step=step).execute(task_context("watch", preflight=plan))
    assert deferred.value.trigger.closing is closing


def test_the_closing_look_is_not_taken_again_by_a_later_try_unless_a_person_orders_to_watch_anew() -> None:
    context, closing = task_context("watch", preflight={"steps": [{"weight": 10.0}]}), []
    watch(step=0).execute_complete(context, event("succeeded", "fine", outcome="pass", reasons=[], closing_look=True))
    for again in (next_try, cleared):
        with pytest.raises(TaskDeferred) as deferred:
            watch(step=0).execute(again(context))
        closing.append(deferred.value.trigger.closing)
    assert closing == [False, True]


def test_a_record_is_kept_where_the_release_file_says_by_run_task_and_try() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        watch(analysis=Analysis(record="file:///records/")).execute(task_context("canary_10.watch"))
    path = deferred.value.trigger.record_path
    assert path == "file:///records/canary_release.storefront/manual__2026-11-22/canary_10.watch.1.json"
