"""The sentence with which a run ends."""

from typing import Any

import pytest
from tests.app_service_canary.task_context import task_context

from app_service_canary.errors import ReleaseNotPromoted
from app_service_canary.operators.outcome import ReleaseOutcomeOperator

ORDER = ["preflight", "canary_10.watch", "approval", "swap", "watch_promoted", "drain", "stop_slot"]


def outcome() -> ReleaseOutcomeOperator:
    return ReleaseOutcomeOperator(task_id="outcome", app="storefront", version="2.0.0", order=ORDER)


def context_of(states: dict[str, str], **failures: str) -> dict[str, Any]:
    context = task_context("outcome")
    context["ti"].states = {"restore": "success", **states}
    for task, sentence in failures.items():
        context["ti"].xcoms[task, "failure"] = sentence
    return context


def test_a_promoted_release_succeeds_and_says_who_approved() -> None:
    context = context_of(dict.fromkeys(ORDER, "success"))
    context["ti"].xcoms["approval", "return_value"] = {
        "decision": "approved",
        "by": "maria",
        "door": "required action",
    }
    assert outcome().execute(context) == {
        "outcome": "promoted",
        "sentence": "Version 2.0.0 of app 'storefront' is promoted: it serves all users, "
        "approved by maria (required action).",
    }


def test_an_approval_by_marking_the_task_is_told_as_such() -> None:
    sentence = outcome().execute(context_of(dict.fromkeys(ORDER, "success")))["sentence"]
    assert "approved by marking the task" in sentence


def test_a_rejection_that_was_overruled_by_marking_the_task_is_not_called_the_rejecters_approval() -> None:
    context = context_of(dict.fromkeys(ORDER, "success"))
    context["ti"].xcoms["approval", "return_value"] = {"decision": "rejected", "by": "maria", "door": "variable"}
    sentence = outcome().execute(context)["sentence"]
    assert "maria" not in sentence
    assert "approved by marking the task" in sentence


def test_a_release_that_did_not_promote_fails_and_still_leaves_its_sentence() -> None:
    context = context_of({"preflight": "success", "approval": "failed"}, approval="The release was rejected by maria.")
    context["ti"].xcoms["restore", "return_value"] = {"sentence": "New users are on the stable version."}
    with pytest.raises(ReleaseNotPromoted, match="was not promoted") as error:
        outcome().execute(context)
    assert context["ti"].xcom_pull("outcome") == {"outcome": "rolled_back", "sentence": str(error.value)}
    assert str(error.value) == (
        "Version 2.0.0 of app 'storefront' was not promoted: task approval failed: The release was rejected by "
        "maria. New users are on the stable version."
    )


def test_a_clean_up_that_failed_after_the_promotion_does_not_unmake_it() -> None:
    states = {**dict.fromkeys(ORDER, "success"), "stop_slot": "failed"}
    returned = outcome().execute(context_of(states, stop_slot="Azure answered 403."))
    assert returned["outcome"] == "promoted"
    assert "Afterwards, task stop_slot failed: Azure answered 403." in returned["sentence"]
