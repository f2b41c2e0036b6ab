"""The way back: what a release that did not promote has to undo."""

from __future__ import annotations

from enum import Enum

from app_service_canary.release.app_state import AppState, Before


class Undo(str, Enum):
    """One thing to undo, in the order in which they are done."""

    CLEAR_RULE = "clear the traffic rule"
    START_SLOT = "start the slot, for the swap"
    SWAP_BACK = "swap the stable version back"


def to_undo(before: Before, now: AppState, slot: str, *, swap_asked: bool) -> tuple[Undo, ...]:
    """What is left to undo, judged by what Azure says now.

    Args:
        before: who was where before the release.
        now: what Azure says.
        slot: the canary slot's name.
        swap_asked: this run asked for a swap. Without that, what is in production now came with somebody
            else's: two slots have two deployments, and every second release looks like the one before.

    Returns:
        What to undo; empty when users are where they belong. Read Azure and ask again after doing it.
    """
    undo: list[Undo] = []
    if now.rule_for(slot):
        undo.append(Undo.CLEAR_RULE)
    if swap_asked and before.swapped_in(now.production):
        if now.slot and not now.slot.running:
            undo.append(Undo.START_SLOT)
        undo.append(Undo.SWAP_BACK)
    return tuple(undo)
