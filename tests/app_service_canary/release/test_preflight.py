"""Whether a release may start."""

from dataclasses import replace
from typing import Any

import pytest
from tests.app_service_canary.release.policies import PRODUCTION, READY, SLOT, policy

from app_service_canary.release.app_state import AppState, TrafficRule
from app_service_canary.release.preflight import TIERS_WITHOUT_SLOTS, objections


def production(**changes: Any) -> AppState:
    """The app that may be released, but for its production slot."""
    return replace(READY, production=replace(PRODUCTION, **changes))


def slot(**changes: Any) -> AppState:
    """The app that may be released, but for its canary slot."""
    return replace(READY, slot=replace(SLOT, **changes))


@pytest.mark.parametrize(
    "state",
    [
        READY,
        slot(state="Stopped"),
        production(kind="app,linux,container"),
        *(production(sku=sku) for sku in ("Standard", "PremiumV3", "IsolatedV2", "")),
        replace(READY, rules=(TrafficRule("beta", "b.example", 5.0),)),
    ],
)
def test_nothing_speaks_against_an_app_that_is_ready(state: AppState) -> None:
    assert objections(state, policy(), 50) == []


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (production(kind="functionapp,linux"), "App 'storefront' is a Function App (kind 'functionapp,linux')"),
        (production(deployment_id=""), "Azure gives no deploymentId for app 'storefront'"),
        (production(state="Stopped"), "Production of app 'storefront' is Stopped; a swap needs both slots running."),
        (production(state="QuotaExceeded"), "Production of app 'storefront' is QuotaExceeded;"),
        (production(operation_id="af92"), "App Service is carrying out operation af92 on app 'storefront'"),
        (production(prepared_for="beta"), "A swap with preview with slot 'beta' is pending on app 'storefront'"),
        (slot(operation_id="af92"), "App Service is carrying out operation af92 on slot 'stage' of app 'storefront'"),
        (
            replace(READY, auto_swap_slot="production"),
            "Slot 'stage' of app 'storefront' swaps by itself into 'production' after each deployment",
        ),
        (
            replace(READY, rules=(TrafficRule("beta", "b.example", 5.0, ramps_by_itself=True),)),
            "Traffic rule 'beta' of app 'storefront' changes its weight by itself",
        ),
        (
            replace(READY, rules=(TrafficRule("Stage", SLOT.host, 12.5),)),
            "App 'storefront' already sends 12.5 % of its users to slot 'stage'",
        ),
        (
            replace(READY, rules=(TrafficRule("stage", SLOT.host, 0.0),)),
            "App 'storefront' already sends 0 % of its users to slot 'stage'",
        ),
    ],
)
def test_one_thing_amiss_is_one_objection(state: AppState, expected: str) -> None:
    (said,) = objections(state, policy(), 50)

    assert said.startswith(expected)
    assert said[0].isupper()


@pytest.mark.parametrize("tier", [tier.capitalize() for tier in TIERS_WITHOUT_SLOTS])
def test_a_tier_without_slots_is_named_with_what_to_do(tier: str) -> None:
    (said,) = objections(production(sku=tier), policy(), 50)

    assert f"is on the {tier} tier, which has no deployment slots; scale its plan up to Standard" in said


def test_a_missing_slot_is_refused_with_the_command_that_makes_it() -> None:
    (said,) = objections(replace(READY, slot=None), policy(), 50)

    command = "az webapp deployment slot create -g storefront-rg -n storefront --slot stage"
    assert command in said
    assert "create_slot: true" in said


def test_a_missing_slot_that_will_be_created_is_no_objection() -> None:
    assert objections(replace(READY, slot=None), policy(create_slot=True), 50) == []


def test_the_command_that_clears_a_rule_which_was_left_keeps_other_slots_rules() -> None:
    left, beta = TrafficRule("stage", SLOT.host, 5.0), TrafficRule("beta", "storefront-beta.azurewebsites.net", 2.0)
    [said] = objections(replace(READY, rules=(left, beta)), policy(), 50)
    assert said.endswith("clear it: az webapp traffic-routing set -g storefront-rg -n storefront --distribution beta=2")
    [said] = objections(replace(READY, rules=(left,)), policy(), 50)
    assert said.endswith("clear it: az webapp traffic-routing clear -g storefront-rg -n storefront")


def test_everything_that_is_amiss_is_said() -> None:
    state = AppState(
        replace(PRODUCTION, state="Stopped", sku="Basic", operation_id="af92"),
        replace(SLOT, operation_id="bb01"),
        (TrafficRule("stage", SLOT.host, 10.0, ramps_by_itself=True),),
        auto_swap_slot="production",
    )

    assert len(objections(state, policy(), 50)) == 7


def test_a_rule_under_another_name_that_leads_to_the_slot_is_refused() -> None:
    rules = (TrafficRule("beta", SLOT.host.upper(), 5),)
    (said,) = objections(replace(READY, rules=rules), policy(), 50)
    assert "Traffic rule 'beta' of app 'storefront' sends 5 % of the users to slot 'stage' under another name" in said


@pytest.mark.parametrize(("others", "refused"), [(50.0, False), (50.5, True)])
def test_other_rules_and_the_last_step_together_cannot_be_more_than_everybody(others: float, refused: bool) -> None:
    rules = (TrafficRule("beta", "elsewhere.example", others),)
    said = objections(replace(READY, rules=rules), policy(), 50)
    assert ["can get at most 49.5 %, and the last step asks for 50 %" in sentence for sentence in said] == (
        [True] if refused else []
    )
