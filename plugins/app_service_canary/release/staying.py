"""What is said of production when the way back is through, or has to leave it as it is."""

from __future__ import annotations

from app_service_canary.errors import RestoreIncomplete
from app_service_canary.release.app_state import AppTarget, Before, SlotState
from app_service_canary.release.recovery import Undo, by_hand

STABLE = "New users are on the stable version."
FOREIGN = "Production holds what somebody else swapped in; it was not swapped back."


def said_of_production(
    target: AppTarget, before: Before, production: SlotState, *, swap_asked: bool, promoted: bool, rejected: bool
) -> str:
    """The sentence for people.

    Args:
        target: app and slot.
        before: who was where before the release.
        production: as Azure says it is now, when nothing is left that the way back undoes itself.
        swap_asked: this run asked for a swap, and the way back from it has not been through before.
        promoted: this run has promoted what it swapped in.
        rejected: it watched that again since, and rejects it.

    Raises:
        RestoreIncomplete: production holds what this run had promoted before, and rejects now: what the slot holds by
            now may be anything, so whether to swap it in is for a person to say. Or, after a swap of this run, it
            holds neither version.
    """
    if production.deployment_id == before.production_deployment_id:
        return STABLE
    if before.swapped_in(production) and promoted:
        what = f"Production of app '{target.app}' holds what this run had promoted before, or somebody swapped in since"
        if not rejected:
            return f"{what}; it was not swapped back."
        raise RestoreIncomplete(
            f"{what}; it was not swapped back, for the slot may hold anything by now. Look at what it holds "
            f"({target}). To swap that in: {by_hand(target, (Undo.SWAP_BACK,), ())}"
        )
    if before.swapped_in(production) or not swap_asked:
        return FOREIGN
    raise RestoreIncomplete(
        f"Production of app '{target.app}' holds deploymentId {production.deployment_id}, and held "
        f"{before.production_deployment_id} before this release, which asked to swap in {before.slot_deployment_id}: "
        "somebody swapped another slot into production, or into the one that was swapped back. It was left as it is. "
        "Look at what production serves, and which slot has the stable version (az webapp deployment slot list "
        f"-g {target.resource_group} -n {target.app}); swap that into production, unless what is there is meant."
    )


def not_to_swap_back(target: AppTarget, what: str, found: str, stable: str) -> str:
    """The sentence for people when the slot no longer holds the stable version, while production holds the new one.

    Args:
        target: app and slot.
        what: how it is told apart: `deployment` or `image`.
        found: what the slot holds.
        stable: what production held before the release.
    """
    return (
        f"Users are on the NEW version of app '{target.app}'. It was not swapped back: {target} holds {what} {found}, "
        f"and production held {stable} before this release; somebody deployed there, and nobody has watched that. Look "
        f"at what the slot holds. To swap that in: {by_hand(target, (Undo.SWAP_BACK,), ())}. Or put the stable version "
        "into the slot first."
    )
