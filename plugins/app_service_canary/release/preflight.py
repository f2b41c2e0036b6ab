"""Whether an app is in a state in which a release may start."""

from __future__ import annotations

from collections.abc import Iterator

from app_service_canary.release.app_state import AppState, AppTarget
from app_service_canary.release.policy import ReleasePolicy
from app_service_canary.release.recovery import Undo, by_hand

TIERS_WITHOUT_SLOTS = ("free", "shared", "basic", "dynamic", "consumption")
"""Deployment slots need Standard or better
(https://learn.microsoft.com/azure/app-service/deploy-staging-slots)."""


def objections(state: AppState, policy: ReleasePolicy, highest_weight: float) -> list[str]:
    """Everything that speaks against starting, each a sentence with what to do; empty when nothing does.

    Args:
        state: the app as Azure says it is.
        policy: the release file.
        highest_weight: percent, of the run's last step.
    """
    return [
        *_of_the_app(state, policy),
        *_of_the_slot(state, policy),
        *_of_the_traffic(state, policy),
        *_of_the_weights(state, policy, highest_weight),
    ]


def _of_the_app(state: AppState, policy: ReleasePolicy) -> Iterator[str]:
    app, production = policy.app, state.production
    if "functionapp" in production.kind.lower():
        yield f"App '{app}' is a Function App (kind '{production.kind}'); this releases web apps only."
    if production.sku.lower() in TIERS_WITHOUT_SLOTS:
        yield (
            f"App '{app}' is on the {production.sku} tier, which has no deployment slots; scale its plan up to "
            "Standard or better."
        )
    if not production.deployment_id:
        yield (
            f"Azure gives no deploymentId for app '{app}', by which a release tells whether its swap has happened; "
            "without it, it could not be undone safely."
        )
    if not production.running:
        yield f"Production of app '{app}' is {production.state}; a swap needs both slots running. Start it first."
    if production.operation_id:
        yield (
            f"App Service is carrying out operation {production.operation_id} on app '{app}'; "
            "release when it has finished."
        )
    if production.prepared_for:
        yield (
            f"A swap with preview with slot '{production.prepared_for}' is pending on app '{app}'; finish it, or "
            f"cancel it: az webapp deployment slot swap -g {policy.resource_group} -n {app} "
            f"--slot {production.prepared_for} --action reset"
        )


def _of_the_slot(state: AppState, policy: ReleasePolicy) -> Iterator[str]:
    slot = state.slot
    if slot is None:
        if not policy.create_slot:
            yield (
                f"App '{policy.app}' has no slot '{policy.slot}'; create it: az webapp deployment slot create "
                f"-g {policy.resource_group} -n {policy.app} --slot {policy.slot} --configuration-source "
                f"{policy.app}; or set `create_slot: true` in the release file."
            )
        return
    if slot.operation_id:
        yield (
            f"App Service is carrying out operation {slot.operation_id} on slot '{slot.name}' of app "
            f"'{policy.app}'; release when it has finished."
        )
    if state.auto_swap_slot:
        yield (
            f"Slot '{slot.name}' of app '{policy.app}' swaps by itself into '{state.auto_swap_slot}' after each "
            f"deployment, so deploying would be releasing; turn it off: az webapp deployment slot auto-swap "
            f"-g {policy.resource_group} -n {policy.app} --slot {slot.name} --disable"
        )


def _of_the_traffic(state: AppState, policy: ReleasePolicy) -> Iterator[str]:
    for rule in state.rules:
        if rule.ramps_by_itself:
            yield (
                f"Traffic rule '{rule.name}' of app '{policy.app}' changes its weight by itself and would work "
                "against the steps; remove its changeStep in the portal or by az."
            )
    ours = state.rule_for(policy.slot)
    if ours:
        target = AppTarget(policy.resource_group, policy.app, policy.slot)
        yield (
            f"App '{policy.app}' already sends {ours.weight:g} % of its users to slot '{policy.slot}'; if no "
            f"release needs that rule, clear it: {by_hand(target, [Undo.CLEAR_RULE], state.rules)}"
        )
    slot_host = state.slot.host.lower() if state.slot else None
    for rule in state.rules:
        if rule is not ours and rule.host.lower() == slot_host:
            yield (
                f"Traffic rule '{rule.name}' of app '{policy.app}' sends {rule.weight:g} % of the users to slot "
                f"'{policy.slot}' under another name; its users would be left on a stopped slot. Remove it."
            )


def _of_the_weights(state: AppState, policy: ReleasePolicy, highest_weight: float) -> Iterator[str]:
    others = sum(rule.weight for rule in state.rules if rule is not state.rule_for(policy.slot))
    if others + highest_weight > 100:
        yield (
            f"Other traffic rules of app '{policy.app}' send {others:g} % of the users elsewhere, so slot "
            f"'{policy.slot}' can get at most {100 - others:g} %, and the last step asks for {highest_weight:g} %. "
            "Lower the weights, or remove those rules."
        )
