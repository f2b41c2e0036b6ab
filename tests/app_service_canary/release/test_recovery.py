"""The way back."""

from dataclasses import replace
from itertools import product

import pytest
from tests.app_service_canary.release.policies import READY, SLOT, swapped

from app_service_canary.release.app_state import AppState, AppTarget, Before, TrafficRule
from app_service_canary.release.recovery import Undo, by_hand, to_undo

BEFORE = Before.of(READY)
OURS = TrafficRule("stage", SLOT.host, 25.0)
OTHER = TrafficRule("beta", "storefront-beta.azurewebsites.net", 5.0)


def stopped(state: AppState) -> AppState:
    """The same with the slot stopped."""
    assert state.slot is not None
    return replace(state, slot=replace(state.slot, state="Stopped"))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (READY, ()),
        (stopped(READY), ()),
        (replace(READY, slot=None), ()),
        (replace(READY, rules=(OTHER,)), ()),
        (replace(READY, rules=(OTHER, OURS)), (Undo.CLEAR_RULE,)),
        (replace(READY, rules=(replace(OURS, name="STAGE"),)), (Undo.CLEAR_RULE,)),
        (replace(READY, rules=(replace(OURS, weight=0.0),)), (Undo.CLEAR_RULE,)),
        (swapped(), (Undo.SWAP_BACK,)),
        (stopped(swapped()), (Undo.START_SLOT, Undo.SWAP_BACK)),
        (replace(swapped(), rules=(OURS,)), (Undo.CLEAR_RULE, Undo.SWAP_BACK)),
        (replace(stopped(swapped()), rules=(OURS,)), (Undo.CLEAR_RULE, Undo.START_SLOT, Undo.SWAP_BACK)),
    ],
)
def test_what_is_left_to_undo_is_judged_by_what_azure_says_now(now: AppState, expected: tuple[Undo, ...]) -> None:
    assert expected == to_undo(BEFORE, now, "stage", swap_asked=True)


STATES = [replace(state, rules=rules) for state, rules in product((READY, swapped()), ((), (OURS,)))]


@pytest.mark.parametrize("now", STATES)
def test_without_a_swap_of_this_run_only_its_rule_is_undone(now: AppState) -> None:
    assert set(to_undo(BEFORE, now, "stage", swap_asked=False)) <= {Undo.CLEAR_RULE}


def test_somebody_elses_swap_is_left_alone() -> None:
    hotfix = replace(READY, production=replace(READY.production, deployment_id="storefront__hotfix"))

    assert to_undo(BEFORE, hotfix, "stage", swap_asked=True) == ()


@pytest.mark.parametrize("now", [*STATES, stopped(swapped())])
def test_doing_all_of_it_leaves_nothing_to_undo(now: AppState) -> None:
    for undo in to_undo(BEFORE, now, "stage", swap_asked=True):
        if undo is Undo.CLEAR_RULE:
            now = replace(now, rules=())
        elif undo is Undo.START_SLOT:
            assert now.slot is not None
            now = replace(now, slot=replace(now.slot, state="Running"))
        else:
            now = swapped(now)

    assert now == READY
    assert to_undo(BEFORE, now, "stage", swap_asked=True) == ()


def prepared(state: AppState) -> AppState:
    """The same with a swap with preview pending."""
    return replace(state, production=replace(state.production, prepared_for="Stage"))


def test_a_preview_is_cancelled_after_this_run_asked_for_a_swap_and_only_then() -> None:
    assert to_undo(BEFORE, prepared(READY), "stage", swap_asked=True) == (Undo.CANCEL_PREVIEW,)
    assert to_undo(BEFORE, prepared(READY), "stage", swap_asked=False) == ()


def test_a_preview_with_another_slot_is_left_alone() -> None:
    other = replace(READY, production=replace(READY.production, prepared_for="beta"))
    assert to_undo(BEFORE, other, "stage", swap_asked=True) == ()


TARGET = AppTarget("storefront-rg", "storefront", "stage")


def test_a_person_finishes_the_way_back_with_one_command_for_each_thing_left() -> None:
    left = (Undo.CLEAR_RULE, Undo.CANCEL_PREVIEW, Undo.START_SLOT, Undo.SWAP_BACK)
    assert by_hand(TARGET, left, ()).split("; ") == [
        "az webapp traffic-routing clear -g storefront-rg -n storefront",
        "az webapp deployment slot swap -g storefront-rg -n storefront --slot stage --action reset",
        "az webapp start -g storefront-rg -n storefront --slot stage",
        "az webapp deployment slot swap -g storefront-rg -n storefront --slot stage --target-slot production",
    ]


def test_the_command_that_clears_the_rule_keeps_the_other_slots_users() -> None:
    rules = (OTHER, OURS, TrafficRule("Fade", "STOREFRONT-fade.azurewebsites.net", 1.5))
    assert by_hand(TARGET, (Undo.CLEAR_RULE,), rules) == (
        "az webapp traffic-routing set -g storefront-rg -n storefront --distribution beta=5 Fade=1.5"
    )


SCRIPT = "docs/watchdog.sh --clear -g storefront-rg -n storefront --slot stage, which keeps the other slots' rules"


@pytest.mark.parametrize(
    "other",
    [
        TrafficRule("beta", "storefront-beta-a1b2c3d4e5f6g7h8.westeurope-01.azurewebsites.net", 5.0),
        TrafficRule("beta", "storefront-beta.azurewebsites.us", 5.0),
        TrafficRule("beta", "fade.example", 5.0),
        replace(OTHER, has_more=True),
        replace(OTHER, ramps_by_itself=True, has_more=True),
    ],
)
def test_where_az_would_write_another_slots_rule_otherwise_the_command_keeps_it_as_it_is(other: TrafficRule) -> None:
    assert by_hand(TARGET, (Undo.CLEAR_RULE,), (OTHER, OURS, other)) == SCRIPT


def test_az_cuts_the_name_of_an_app_when_it_builds_a_host() -> None:
    target = replace(TARGET, app="a" * 41)
    assert "watchdog.sh" in by_hand(
        target, (Undo.CLEAR_RULE,), (TrafficRule("beta", f"{target.app}-beta.azurewebsites.net", 5.0),)
    )


def test_where_the_rules_could_not_be_read_the_command_reads_them_and_keeps_the_others() -> None:
    assert by_hand(TARGET, (Undo.CLEAR_RULE,), None).split("; ") == [
        "az webapp traffic-routing show -g storefront-rg -n storefront",
        SCRIPT,
    ]


def test_with_nothing_left_a_person_is_told_how_to_see_it() -> None:
    assert by_hand(TARGET, (), ()) == "az webapp traffic-routing show -g storefront-rg -n storefront"
