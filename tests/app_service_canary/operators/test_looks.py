"""What one look leaves for the next."""

from typing import Any

from tests.app_service_canary.task_context import cleared, task_context

from app_service_canary.operators.looks import evidence_before, last_evidence, look_arguments, own_requests_before
from app_service_canary.operators.traffic import AppServiceSetCanaryWeightOperator
from app_service_canary.release.analysis import Analysis
from app_service_canary.release.policy import Readiness, Watch

LOOKS: dict[str, Any] = {
    "first": {"evidence": {"probe": {"n": 1, "until": "2026-11-22T10:00:00+00:00"}}},
    "second": {"applied": 10.0, "evidence": {"probe": {"n": 2, "until": None}}, "own": {"o": 2}},
}


def test_the_evidence_of_the_last_look_that_left_any_counts_on() -> None:
    context = task_context("watch", **LOOKS)
    assert last_evidence(context, ["first", "second", "third"]) == {"probe": {"n": 2, "until": None}}
    assert last_evidence(context, []) == {}


def test_a_look_that_a_person_has_cleared_does_not_read_what_was_before() -> None:
    context = task_context("watch", **LOOKS)
    assert evidence_before(context, ["first"], 0) == LOOKS["first"]["evidence"]
    assert evidence_before(cleared(context), ["first"], 0) == {"probe": {"n": 1, "until": None}}


def test_requests_of_our_own_are_known_only_when_the_look_right_before_has_left_them() -> None:
    context = task_context("watch", **LOOKS)
    assert own_requests_before(context, ["first", "second"]) == {"o": 2}
    assert own_requests_before(context, ["first", "second", "third"]) is None, "a person ended the third"
    assert own_requests_before(context, []) is None


def test_a_look_goes_by_its_tasks_settings_and_its_record_tells_which_try_of_which_task_it_was() -> None:
    task = AppServiceSetCanaryWeightOperator(
        task_id="shift",
        weight=10,
        resource_group="contoso-rg",
        app="storefront",
        slot="stage",
        readiness=Readiness(path="/ready"),
        watch=Watch(failure_limit=7),
        analysis=Analysis(record="file:///records/"),
    )
    arguments = look_arguments(task, task_context("canary_10.shift"), {"slot": "stage.example"}, {})
    assert (arguments["path"], arguments["failure_limit"], arguments["app"]) == ("/ready", 7, "storefront")
    assert (arguments["about"]["task_id"], arguments["about"]["try_number"]) == ("canary_10.shift", 1)
    assert arguments["record_path"] == (
        "file:///records/canary_release.storefront/manual__2026-11-22/canary_10.shift.1.json"
    )
    task.analysis = Analysis()
    assert look_arguments(task, task_context("canary_10.shift"), {}, {})["record_path"] is None
