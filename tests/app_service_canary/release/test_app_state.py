"""What Azure says about an app."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.app_service_canary.release.policies import PRODUCTION, READY, SLOT, swapped

from app_service_canary.release.app_state import AppState, AppTarget, Before, TrafficRule


def test_a_slot_is_named_with_its_app() -> None:
    target = AppTarget("storefront-rg", "storefront", "stage")

    assert str(target) == "slot 'stage' of app 'storefront'"
    assert target.at_start == "Slot 'stage' of app 'storefront'"


@pytest.mark.parametrize(("state", "expected"), [("Running", True), ("Stopped", False), ("QuotaExceeded", False)])
def test_a_slot_runs_when_azure_says_so_and_only_then(state: str, expected: bool) -> None:
    assert expected is replace(SLOT, state=state).running


@pytest.mark.parametrize(("asked", "expected"), [("stage", 10.0), ("STAGE", 10.0), ("beta", 5.0), ("other", None)])
def test_a_slots_rule_is_found_by_its_name_whatever_the_case(asked: str, expected: float | None) -> None:
    rules = (TrafficRule("beta", "b.example", 5.0), TrafficRule("Stage", "s.example", 10.0))

    rule = AppState(PRODUCTION, SLOT, rules).rule_for(asked)

    assert expected == (rule and rule.weight)


def test_before_keeps_who_was_where() -> None:
    assert Before("storefront", "storefront__63f1", slot_running=True) == Before.of(READY)
    stopped = replace(READY, slot=replace(SLOT, state="Stopped"))
    assert Before.of(stopped).slot_running is False
    assert Before("storefront", None, slot_running=False) == Before.of(replace(READY, slot=None))


@given(st.text(), st.none() | st.text(), st.booleans())
def test_before_survives_an_xcom(production: str, slot: str | None, running: bool) -> None:
    before = Before(production, slot, running)

    assert before == Before.from_json(json.loads(json.dumps(before.to_json())))


@pytest.mark.parametrize("missing", ["production_deployment_id", "slot_deployment_id", "slot_running"])
def test_an_incomplete_record_of_before_is_refused(missing: str) -> None:
    record = Before.of(READY).to_json()
    del record[missing]

    with pytest.raises(KeyError, match=missing):
        Before.from_json(record)


def test_a_deployment_in_production_alone_is_no_swap() -> None:
    assert not Before.of(READY).swapped_in(PRODUCTION)


def test_the_slots_content_in_production_is_a_swap() -> None:
    assert Before.of(READY).swapped_in(swapped().production)


def test_a_swap_and_a_swap_back_are_no_swap() -> None:
    assert not Before.of(READY).swapped_in(swapped(swapped()).production)


def test_what_somebody_swapped_in_from_another_slot_is_not_the_canary() -> None:
    assert not Before.of(READY).swapped_in(replace(PRODUCTION, deployment_id="storefront__hotfix"))


def test_with_a_slot_that_the_release_created_any_other_content_is_the_canary() -> None:
    before = Before.of(replace(READY, slot=None))

    assert before.swapped_in(replace(PRODUCTION, deployment_id="storefront__new"))
    assert not before.swapped_in(PRODUCTION)


def test_two_slots_that_hold_one_deployment_are_two_answers_of_which_one_is_out_of_date() -> None:
    assert not READY.contradicts_itself
    assert not replace(READY, slot=None).contradicts_itself
    assert replace(READY, slot=replace(SLOT, deployment_id=PRODUCTION.deployment_id)).contradicts_itself


def test_slots_of_which_azure_tells_no_deployment_do_not_contradict_each_other() -> None:
    unknown = replace(SLOT, deployment_id="")
    assert not AppState(replace(PRODUCTION, deployment_id=""), unknown).contradicts_itself
