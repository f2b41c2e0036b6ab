"""Waiting for a manager."""

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from app_service_canary.triggers import approval
from app_service_canary.triggers.approval import ApprovalTrigger, decision_of_response

KEY = "canary_approval__canary_release.storefront__manual__2026-11-22"


def gate(**changed: Any) -> ApprovalTrigger:
    arguments = {
        "variable_key": KEY,
        "ti_id": "01890000-0000-7000-8000-000000000001",
        "approvers": [],
        "poll_interval_seconds": 0.01,
        "deadline": None,
    }
    return ApprovalTrigger(**{**arguments, **changed})


MIDNIGHT = datetime(2026, 11, 22, tzinfo=timezone.utc)


def airflow_has_an_answer(monkeypatch: pytest.MonkeyPatch, given_at: datetime) -> None:
    """Maria has approved."""
    answered = SimpleNamespace(
        response_received=True,
        responded_at=given_at,
        chosen_options=["Approve"],
        params_input={"comment": "go"},
        responded_by_user=SimpleNamespace(id="maria", name="Maria"),
    )
    monkeypatch.setattr(f"{approval.__name__}.get_hitl_detail_content_detail", lambda ti_id: answered)


@pytest.fixture
def set_variable(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the run's Variable, where Airflow looks first."""
    return lambda value: monkeypatch.setenv(f"AIRFLOW_VAR_{KEY}".upper(), value)


def test_without_a_variable_the_gate_stays_shut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ApprovalTrigger, "_variable", lambda self: None)
    assert gate().look_at_variable() is None


@pytest.mark.parametrize(("value", "decision"), [("Approve", "approved"), ("REJECTED", "rejected")])
def test_a_decision_in_the_variable_opens_it(set_variable: Any, value: str, decision: str) -> None:
    set_variable(value)
    ending = gate().look_at_variable()
    assert ending is not None
    assert (ending["decision"]["decision"], ending["decision"]["door"]) == (decision, "variable")


def test_anything_else_is_refused_once_with_what_is_allowed(set_variable: Any, caplog: Any) -> None:
    set_variable("yes please")
    trigger, said = gate(), []
    trigger.log.warning = lambda *words: said.append(words[0] % words[1:])
    assert [trigger.look_at_variable(), trigger.look_at_variable()] == [None, None]
    assert len(said) == 1
    assert "found 'yes please'; allowed: approve, approved, reject or rejected" in said[0]
    assert "Still waiting" in said[0]


def test_with_named_approvers_a_variable_is_refused_because_it_does_not_tell_who_wrote_it(set_variable: Any) -> None:
    set_variable(json.dumps({"decision": "approve", "by": "maria"}))
    trigger, said = gate(approvers=["maria"]), []
    trigger.log.warning = lambda *words: said.append(words[0] % words[1:])
    assert trigger.look_at_variable() is None
    assert "one of them has to respond under Required Actions" in said[0]


async def test_a_response_that_came_before_the_task_was_deferred_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow_has_an_answer(monkeypatch, MIDNIGHT)
    ending = await gate().look()
    assert ending is not None
    assert ending["decision"] == {
        "decision": "approved",
        "by": "maria",
        "door": "required action",
        "comment": "go",
    }


@pytest.mark.parametrize("in_doubt_since", [None, MIDNIGHT - timedelta(seconds=5)])
async def test_an_answer_to_a_question_that_was_put_as_its_task_was_killed_counts(
    monkeypatch: pytest.MonkeyPatch, in_doubt_since: datetime | None
) -> None:
    airflow_has_an_answer(monkeypatch, MIDNIGHT)
    ending = await gate(in_doubt_since=in_doubt_since).look()
    assert ending is not None
    assert ending["decision"]["by"] == "maria"


async def test_an_answer_from_before_the_task_was_cleared_is_none_to_a_question_not_yet_put_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    airflow_has_an_answer(monkeypatch, MIDNIGHT)
    ending = await gate(in_doubt_since=MIDNIGHT + timedelta(seconds=5)).look()
    assert ending is not None
    assert ending[approval.NOT_ASKED] is True
    assert "decision" not in ending


async def test_later_responses_resume_the_task_without_this_trigger(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(f"{approval.__name__}.get_hitl_detail_content_detail", lambda ti_id: asked.append(1))
    monkeypatch.setattr(ApprovalTrigger, "_variable", lambda self: None)
    trigger = gate()
    assert [await trigger.look(), await trigger.look()] == [None, None]
    assert len(asked) == 1


@pytest.mark.parametrize(("options", "approved"), [(["Approve"], True), (["Reject"], False), ([], False)])
def test_only_the_option_approve_approves(options: list[str], approved: bool) -> None:
    assert decision_of_response(options, None, "maria").approved is approved
