"""The question whether to go on without a verdict."""

import re
from datetime import datetime, timezone
from typing import Any

import pytest
from tests.app_service_canary.operators.test_analysis import watch
from tests.app_service_canary.task_context import task_context

from app_service_canary.operators.hold import ask_to_go_on
from app_service_canary.release.policy import Approval

DEADLINE = datetime(2026, 11, 22, 18, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(("on_timeout", "silence"), [("reject", "is rolled back"), ("approve", "goes on")])
def test_the_question_says_why_what_each_answer_does_and_what_silence_means(
    on_timeout: str, silence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr("airflow.sdk.execution_time.hitl.upsert_hitl_detail", lambda **question: asked.update(question))
    task = watch(approval=Approval.model_validate({"on_timeout": on_timeout}))
    ask_to_go_on(task_context("canary_10.watch"), task, "Not enough to judge failures.", DEADLINE)
    assert asked["subject"] == "Go on with the release of storefront without a verdict?"
    assert "> Not enough to judge failures." in asked["body"]
    assert "**Go on** lets it go on now, **Roll back** sends all users to the stable version." in asked["body"]
    assert f"Unanswered until 2026-11-22 18:00 UTC, the release {silence}." in asked["body"]
    assert asked["assigned_users"] == []
    assert list(asked["params"]) == ["comment"]


def test_a_question_says_when_it_was_asked_and_is_in_the_log_for_airflow_keeps_its_first_text(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("airflow.sdk.execution_time.hitl.upsert_hitl_detail", lambda **it: asked.append(it["body"]))
    with caplog.at_level("INFO"):
        ask_to_go_on(task_context("canary_10.watch"), watch(), "Not enough to judge failures.", DEADLINE)
    assert re.search(r"_Asked 20\d\d-\d\d-\d\d \d\d:\d\d UTC\. Airflow goes on showing this text", asked[0])
    assert asked[0] in caplog.text
