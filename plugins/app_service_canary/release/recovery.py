"""The way back: what a release that did not promote has to undo, and how a person finishes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from app_service_canary.errors import PreflightRefused
from app_service_canary.release.app_state import AppState, AppTarget, Before, SlotState, TrafficRule

AZ_CUTS_NAMES_AT = 40
"""Characters of an app's name that az puts into a host; what App Service appends to longer ones it does not know."""


class Undo(str, Enum):
    """One thing to undo, in the order in which they are done."""

    CLEAR_RULE = "clear the traffic rule"
    CANCEL_PREVIEW = "cancel the swap that the slot is prepared for"
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
    if swap_asked and (now.production.prepared_for or "").lower() == slot.lower():
        undo.append(Undo.CANCEL_PREVIEW)
    if swap_asked and before.swapped_in(now.production):
        if now.slot and not now.slot.running:
            undo.append(Undo.START_SLOT)
        undo.append(Undo.SWAP_BACK)
    return tuple(undo)


def clear_by_script(target: AppTarget) -> str:
    """The command that removes the slot's traffic rule, whatever other slots' rules are like."""
    return (
        f"docs/watchdog.sh --clear -g {target.resource_group} -n {target.app} --slot {target.slot}, which keeps the "
        "other slots' rules"
    )


def _az_writes_it_as_it_is(rule: TrafficRule, app: str) -> bool:
    """`az webapp traffic-routing set` builds each host from names, cutting the app's, and writes nothing but host and
    weight (https://github.com/Azure/azure-cli/issues/26285). A rule with a wrong host sends its users to a 404 page.
    """
    built = f"{app}-{rule.name}.azurewebsites.net"
    return not rule.has_more and len(app) <= AZ_CUTS_NAMES_AT and rule.host.lower() == built.lower()


def by_hand(target: AppTarget, left: Iterable[Undo], rules: Iterable[TrafficRule] | None) -> str:
    """The commands with which a person finishes the way back, in their order, separated by semicolons.

    Args:
        target: app and slot.
        left: what is left to undo; nothing: the command that shows where users are sent.
        rules: all rules of the app, for `traffic-routing clear` would take the other slots' users away too, and
            `set` may send them astray; None: they could not be read.
    """
    app, slot = f"-g {target.resource_group} -n {target.app}", f"--slot {target.slot}"
    others = [rule for rule in rules or () if rule.name.lower() != target.slot.lower()]
    if rules is None:
        routing = f"az webapp traffic-routing show {app}; {clear_by_script(target)}"
    elif not all(_az_writes_it_as_it_is(rule, target.app) for rule in others):
        routing = clear_by_script(target)
    elif others:
        kept = " ".join(f"{rule.name}={rule.weight:g}" for rule in others)
        routing = f"az webapp traffic-routing set {app} --distribution {kept}"
    else:
        routing = f"az webapp traffic-routing clear {app}"
    commands = {
        Undo.CLEAR_RULE: routing,
        Undo.CANCEL_PREVIEW: f"az webapp deployment slot swap {app} {slot} --action reset",
        Undo.START_SLOT: f"az webapp start {app} {slot}",
        Undo.SWAP_BACK: f"az webapp deployment slot swap {app} {slot} --target-slot production",
    }
    return "; ".join(commands[undo] for undo in left) or f"az webapp traffic-routing show {app}"


@dataclass(frozen=True)
class Unfinished:
    """A release that asked for a swap and is not promoted, and whose way back did not succeed.

    Attributes:
        run_id: of its run.
        state: Airflow's word for its task `restore`; None when that did not run.
        target: app and slot.
        before: who was where before it.
        asked: what it noted of its request.
        last_swap: how Azure tells of the swap that it brought about; None when that was not heard.
    """

    run_id: str
    state: str | None
    target: AppTarget
    before: Before
    asked: dict[str, Any]
    last_swap: str | None

    def refuse_to_deploy_over(self, production: SlotState) -> None:
        """Refuses to begin a release while the slot may hold the only copy of the stable version.

        Args:
            production: as Azure says it is now.

        Raises:
            PreflightRefused: production holds what this release swapped in, and nobody has swapped since.
        """
        swapped_since = self.last_swap is not None and self.last_swap != production.last_swap
        if swapped_since or not self.before.swapped_in(production):
            return
        raise PreflightRefused(
            f"Users are on the version of app '{self.target.app}' that run '{self.run_id}' swapped in and did not "
            f"promote, and its way back was not finished (its task 'restore' is {self.state or 'not run'}). "
            f"{self.target.at_start} may hold the only copy of the stable version, which a release would overwrite. "
            f"To go back: {by_hand(self.target, (Undo.START_SLOT, Undo.SWAP_BACK), ())}; or clear 'restore' of that "
            "run. To keep the new version: mark 'restore' of that run success. Then release again."
        )
