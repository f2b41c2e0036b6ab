"""Release policies and app states that tests start from."""

from dataclasses import replace
from typing import Any

from app_service_canary.release.app_state import AppState, SlotState
from app_service_canary.release.policy import ReleasePolicy

PRODUCTION = SlotState("production", "Running", "storefront.azurewebsites.net", "storefront", sku="Standard")
SLOT = SlotState("stage", "Running", "storefront-stage.azurewebsites.net", "storefront__63f1", sku="Standard")
READY = AppState(PRODUCTION, SLOT)
"""An app that may be released."""


def policy(**changes: Any) -> ReleasePolicy:
    """A short release file's policy, with changes."""
    values: dict[str, Any] = {
        "app": "storefront",
        "resource_group": "storefront-rg",
        "slot": "stage",
        "steps": [{"weight": 10, "bake": "5m"}, {"weight": 25, "bake": "15m"}, {"weight": 50, "bake": "manual"}],
    }
    return ReleasePolicy.model_validate({**values, **changes})


def swapped(state: AppState = READY) -> AppState:
    """The same app after a swap: the contents have changed places, with their ids."""
    assert state.slot is not None
    production, slot = state.production, state.slot
    return replace(
        state,
        production=replace(production, deployment_id=slot.deployment_id),
        slot=replace(slot, deployment_id=production.deployment_id),
    )
