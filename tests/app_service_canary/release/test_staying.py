"""What is said of production when the way back leaves it as it is."""

from dataclasses import replace

import pytest
from tests.app_service_canary.release.policies import PRODUCTION, SLOT

from app_service_canary.errors import RestoreIncomplete
from app_service_canary.release.app_state import AppTarget, Before, SlotState
from app_service_canary.release.staying import FOREIGN, STABLE, said_of_production

TARGET = AppTarget("storefront-rg", "storefront", "stage")
BEFORE = Before(PRODUCTION.deployment_id, SLOT.deployment_id, slot_running=True)
CANARY, THIRD = (replace(PRODUCTION, deployment_id=found) for found in (SLOT.deployment_id, "of-slot-dev"))


def said(
    production: SlotState, before: Before = BEFORE, *, asked: bool = False, promoted: bool = False, bad: bool = False
) -> str:
    return said_of_production(TARGET, before, production, swap_asked=asked, promoted=promoted, rejected=bad)


@pytest.mark.parametrize("asked", [False, True])
def test_users_are_on_the_stable_version_where_production_holds_what_it_held(asked: bool) -> None:
    assert said(PRODUCTION, asked=asked) == STABLE


@pytest.mark.parametrize("production", [CANARY, THIRD])
def test_without_a_swap_of_this_run_somebody_else_swapped(production: SlotState) -> None:
    assert said(production) == FOREIGN
    unknown = replace(BEFORE, slot_deployment_id=None)
    assert said(production, unknown) == FOREIGN


def test_what_is_neither_version_is_not_called_stable() -> None:
    with pytest.raises(RestoreIncomplete) as raised:
        said(THIRD, asked=True)
    assert str(raised.value).startswith(
        "Production of app 'storefront' holds deploymentId of-slot-dev, and held storefront before this release, which "
        "asked to swap in storefront__63f1: somebody swapped another slot into production"
    )
    assert "az webapp deployment slot list -g storefront-rg -n storefront" in str(raised.value)


def test_what_this_run_had_promoted_is_for_a_person_to_say_when_it_is_rejected() -> None:
    assert said(CANARY, promoted=True).endswith("or somebody swapped in since; it was not swapped back.")
    with pytest.raises(RestoreIncomplete, match="the slot may hold anything by now"):
        said(CANARY, promoted=True, bad=True)
    assert said(THIRD, promoted=True, bad=True) == FOREIGN
