"""The way back: what a release that did not promote has to undo."""

from __future__ import annotations

from enum import Enum

from app_service_canary.release.app_state import AppState, Before


class Undo(str, Enum):
    """One thing to undo, in the order in which they are done."""

    CLEAR_RULE = "clear the traffic rule"
    START_SLOT = "start the slot, for the swap"
    SWAP_BACK = "swap the stable version back"


def to_undo(before: Before | None, now: AppState, slot: str, *, promoted: bool) -> tuple[Undo, ...]:
    """What is left to undo, judged by what Azure says now.

    Args:
        before: who was where before the release; None when preflight never got that far, and then nothing
            was changed.
        now: what Azure says.
        slot: the canary slot's name.
        promoted: the new version was swapped in and watched to the end: a promotion that succeeded is never
            undone because a later clean-up step failed.

    Returns:
        What to undo; empty when users are where they belong. Read Azure and ask again after doing it.
    """
    if before is None or promoted:
        return ()
    undo: list[Undo] = []
    if now.rule_for(slot):
        undo.append(Undo.CLEAR_RULE)
    if before.swapped_in(now.production):
        if now.slot and not now.slot.running:
            undo.append(Undo.START_SLOT)
        undo.append(Undo.SWAP_BACK)
    return tuple(undo)
