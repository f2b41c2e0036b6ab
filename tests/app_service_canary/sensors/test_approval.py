"""The gate, as a task."""

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from tests.app_service_canary.task_context import DAG_ID, RUN_ID, cleared, next_try, task_context

from app_service_canary.errors import ApprovalDenied, CanaryRejected
from app_service_canary.release.policy import Approval
from app_service_canary.sensors.approval import ManagerApprovalSensor
from app_service_canary.triggers.approval import ApprovalTrigger
from app_service_canary.triggers.verdicts import VERDICT_KEY
from app_service_canary.triggers.waiting import WAITER, event, now
from app_service_canary.triggers.watched_approval import WatchedApprovalTrigger

KEY = f"canary_approval__{DAG_ID}__{RUN_ID}"
PLAN = {
    "stable_version": "1.0.0",
    "canary_version": "2.0.0",
    "source": "https://packages.example/web.zip?***",
    "note": "hotfix",
    "steps": [{"weight": 10.0, "bake": "5m"}, {"weight": None, "bake": None}],
}


class Airflow:
    """Airflow's Variables and required actions, kept in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.variables: dict[str, str] = {}
        self.asked: list[dict[str, Any]] = []
        monkeypatch.setattr("airflow.sdk.Variable.get", lambda key, default=None: self.variables.get(key, default))
        monkeypatch.setattr("airflow.sdk.Variable.delete", lambda key: self.variables.pop(key))
        monkeypatch.setattr(
            "airflow.sdk.execution_time.hitl.upsert_hitl_detail", lambda **request: self.asked.append(request)
        )


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    return Airflow(monkeypatch)


def gate(**approval: Any) -> ManagerApprovalSensor:
    return ManagerApprovalSensor(
        task_id="approval",
        resource_group="storefront-rg",
        app="storefront",
        slot="canary",
        approval=Approval.model_validate(approval),
        watch_task_ids=["canary_10.watch", "canary_50.watch"],
        deferrable=True,
    )


def context() -> dict[str, Any]:
    return task_context("approval", preflight=PLAN)


def open_gate(at: ManagerApprovalSensor, with_context: dict[str, Any]) -> ApprovalTrigger:
    with pytest.raises(TaskDeferred) as deferred:
        at.execute(with_context)
    trigger = deferred.value.trigger
    assert isinstance(trigger, ApprovalTrigger)
    return trigger


def response(option: str, user: str = "maria", comment: str = "") -> dict[str, Any]:
    """What Airflow resumes a task with when somebody responds under Required Actions."""
    return {
        "chosen_options": [option],
        "params_input": {"comment": comment},
        "responded_by_user": {"id": user, "name": user},
        "responded_at": now(),
        "timedout": False,
    }


def test_the_manager_is_asked_with_evidence_and_told_every_door(airflow: Airflow) -> None:
    open_gate(gate(), context())
    [asked] = airflow.asked
    assert asked["options"] == ["Approve", "Reject"]
    assert asked["subject"] == "Release version 2.0.0 of storefront?"
    assert f"`{KEY}`" in asked["body"]
    assert "| 1 | 10 % |" in asked["body"]
    assert "| 2 |" not in asked["body"]
    assert list(asked["params"]) == ["comment"]
    assert asked["assigned_users"] == []


def test_airflows_page_can_be_answered_without_a_comment(airflow: Airflow) -> None:
    """It takes a field for required unless null is one of its types."""
    open_gate(gate(), context())
    [asked] = airflow.asked
    assert "null" in asked["params"]["comment"]["schema"]["type"]


def test_named_approvers_are_the_only_ones_airflow_lets_respond(airflow: Airflow) -> None:
    trigger = open_gate(gate(approvers=["maria"]), context())
    assert airflow.asked[0]["assigned_users"] == [{"id": "maria", "name": "maria"}]
    assert trigger.approvers == ["maria"]


def test_a_variable_left_from_before_the_gate_opened_does_not_count(airflow: Airflow) -> None:
    airflow.variables[KEY] = "approve"
    open_gate(gate(), context())
    assert airflow.variables == {}


def test_a_decision_that_came_while_the_gate_was_tried_again_counts(airflow: Airflow) -> None:
    with_context = context()
    first = open_gate(gate(), with_context)
    airflow.variables[KEY] = "approve"
    assert gate().execute(next_try(with_context))["decision"] == "approved"
    assert airflow.variables == {}
    assert first.deadline is not None


def test_a_gate_that_is_tried_again_keeps_its_deadline(airflow: Airflow) -> None:
    with_context = context()
    assert open_gate(gate(), with_context).deadline == open_gate(gate(), with_context).deadline


def test_an_approval_goes_on_and_keeps_who_by_which_door_and_why(airflow: Airflow) -> None:
    with_context = context()
    open_gate(gate(), with_context)
    record = gate().execute_complete(with_context, response("Approve", comment="dashboards are fine"))
    assert record.pop("at")
    assert record == {
        "decision": "approved",
        "by": "maria",
        "door": "required action",
        "comment": "dashboards are fine",
    }


def test_a_rejection_fails_and_is_kept(airflow: Airflow) -> None:
    with_context = context()
    open_gate(gate(), with_context)
    with pytest.raises(ApprovalDenied, match=r"rejected by maria \(required action\)\. “not today”"):
        gate().execute_complete(with_context, response("Reject", comment="not today"))
    assert with_context["ti"].xcom_pull("approval")["decision"] == "rejected"


def test_a_response_by_somebody_who_is_no_approver_is_a_rejection(airflow: Airflow) -> None:
    with pytest.raises(ApprovalDenied, match=r"not one of the approvers \(maria\)"):
        gate(approvers=["maria"]).execute_complete(context(), response("Approve", user="oliver"))


@pytest.mark.parametrize(("on_timeout", "goes_on"), [("approve", True), ("reject", False)])
def test_silence_means_what_the_release_file_says(airflow: Airflow, on_timeout: str, goes_on: bool) -> None:
    silence = event("timed_out", "Nobody decided in time.")
    if goes_on:
        assert gate(on_timeout=on_timeout).execute_complete(context(), silence)["door"] == "timeout"
    else:
        with pytest.raises(ApprovalDenied, match="Nobody decided in time"):
            gate(on_timeout=on_timeout).execute_complete(context(), silence)


def test_a_variable_that_opened_the_gate_is_consumed(airflow: Airflow) -> None:
    with_context = context()
    trigger = open_gate(gate(), with_context)
    airflow.variables[KEY] = "approve"
    gate().execute_complete(with_context, trigger.look_at_variable())
    assert airflow.variables == {}


def test_a_manager_is_asked_once_however_often_the_gate_is_tried(airflow: Airflow) -> None:
    with_context = context()
    for _ in range(3):
        open_gate(gate(), next_try(with_context))
    assert len(airflow.asked) == 1


def test_a_gate_that_a_person_clears_asks_anew_and_has_all_its_time(airflow: Airflow) -> None:
    with_context = context()
    first = open_gate(gate(timeout="1h"), with_context).deadline
    second = open_gate(gate(timeout="2h"), cleared(with_context)).deadline
    assert len(airflow.asked) == 2
    assert first is not None
    assert second is not None
    assert second > first + timedelta(minutes=59)


@pytest.mark.parametrize("option", ["Approve", "Reject"])
def test_a_decision_outlives_a_task_that_was_killed_after_it(airflow: Airflow, option: str) -> None:
    with_context = context()
    open_gate(gate(), with_context)
    if option == "Approve":
        first = gate().execute_complete(with_context, response(option))
        assert gate().execute(next_try(with_context)) == first
    else:
        for attempt in (gate().execute_complete, lambda context, event: gate().execute(next_try(context))):
            with pytest.raises(ApprovalDenied, match="rejected by maria"):
                attempt(with_context, response(option))
        assert with_context["ti"].xcom_pull("approval")["decision"] == "rejected"
    assert len(airflow.asked) == 1


def test_a_decision_does_not_outlive_a_person_who_clears_the_gate(airflow: Airflow) -> None:
    with_context = context()
    open_gate(gate(), with_context)
    gate().execute_complete(with_context, response("Approve"))
    open_gate(gate(), cleared(with_context))
    assert len(airflow.asked) == 2


def watched_gate() -> ManagerApprovalSensor:
    at = gate()
    at.hosts_by_side = {"slot": "stage.example", "visitors": "www.example"}
    return at


def test_the_gate_watches_on_from_what_the_last_watch_has_seen(airflow: Airflow) -> None:
    with_context = context()
    with_context["ti"].xcoms["canary_10.watch", "return_value"] = {"evidence": {"probe": {"n": 1}}, "reasons": []}
    trigger = open_gate(watched_gate(), with_context)
    assert isinstance(trigger, WatchedApprovalTrigger)
    assert trigger.watching["evidence"] == {"probe": {"n": 1}}
    assert trigger.watching["hosts_by_side"] == {"slot": "stage.example", "visitors": "www.example"}
    assert trigger.watching["about"]["task_id"] == "approval"
    assert trigger.watching["failure_limit"] == 12, "a minute, at a poll interval of 5 s"
    assert "`canary` is watched until you decide" in airflow.asked[0]["body"]
    assert type(open_gate(gate(), context())) is ApprovalTrigger, "it knows no host to ask"


BAD = event("failed", "The canary failed 9 of 10.", outcome="fail", reasons=["The canary failed 9 of 10."])


def test_a_bad_verdict_leaves_nothing_to_approve_also_when_the_try_is_killed_with_it(airflow: Airflow) -> None:
    with_context = context()
    open_gate(watched_gate(), with_context)
    airflow.variables[KEY] = "approve"
    for attempt in (watched_gate().execute_complete, lambda context, event: watched_gate().execute(next_try(context))):
        with pytest.raises(CanaryRejected, match=r"^While a manager was asked: The canary failed 9 of 10\.$"):
            attempt(with_context, BAD)
    assert airflow.variables == {}


def test_an_approval_does_not_outlive_a_bad_verdict_that_was_reached_before(airflow: Airflow) -> None:
    with_context = context()
    ti = with_context["ti"]
    ti.xcom_push(VERDICT_KEY, {**BAD, WAITER: "another try"})
    assert watched_gate().execute_complete(with_context, response("Approve"))["decision"] == "approved"
    ti.xcom_push(VERDICT_KEY, {**BAD, WAITER: str(ti.id)})
    with pytest.raises(CanaryRejected, match="9 of 10"):
        watched_gate().execute_complete(with_context, response("Approve"))
    with pytest.raises(ApprovalDenied):
        watched_gate().execute_complete(context(), response("Reject"))


def test_without_deferral_the_variable_still_opens_the_gate(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    at = ManagerApprovalSensor(
        task_id="approval",
        resource_group="storefront-rg",
        app="storefront",
        slot="canary",
        poll_interval=timedelta(seconds=0.01),
        deferrable=False,
    )
    monkeypatch.setattr(ApprovalTrigger, "_variable", lambda self: "approve" if airflow.asked else None)
    assert at.execute(context())["door"] == "variable"
