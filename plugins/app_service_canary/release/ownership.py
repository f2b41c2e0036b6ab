"""Whether what is found in Azure is what this release left there, or somebody else's."""

from __future__ import annotations

from collections.abc import Collection

from app_service_canary.errors import ChangedByOthers, PreflightRefused
from app_service_canary.release.app_state import AppTarget, Before, SlotState, TrafficRule


def weight_of(rule: TrafficRule | None) -> float | None:
    """The rule's weight in percent; None when there is no rule."""
    return rule.weight if rule else None


def refuse_foreign(target: AppTarget, found: TrafficRule | None, left: Collection[float | None]) -> None:
    """Refuses a traffic rule that this release did not leave.

    A person who changes it in the portal while a release runs means something by it: most likely that nobody shall
    get the new version any more.

    Args:
        target: app and slot.
        found: the slot's rule, as Azure says it is now; None: there is none.
        left: the weights in percent at which this release may have left it, None among them for no rule.

    Raises:
        ChangedByOthers: it is none of these.
    """
    if weight_of(found) in left:
        return
    says, expected = _said(weight_of(found)), " or ".join(_said(weight) for weight in left)
    or_else = (
        "" if found else "Or a watch did, for a bad verdict that was not heard any more: see the log of the last one. "
    )
    raise ChangedByOthers(
        f"Somebody changed the traffic rule of {target}: Azure says {says}, this release had left {expected}. "
        f"It was not overwritten. {or_else}If the release shall go on, clear this task: it takes the rule as it is "
        "then."
    )


def refuse_foreign_content(target: AppTarget, what: str, found: str, deployed: str) -> None:
    """Refuses to promote what this release did not deploy.

    Args:
        target: app and slot.
        what: how it is told apart: `deployment` or `image`.
        found: what the slot holds now; empty: nothing that Azure tells of.
        deployed: what this release brought there; empty: Azure did not say.

    Raises:
        ChangedByOthers: the slot holds something else, or nothing.
    """
    if deployed and found != deployed:
        holds = f"{what} {found}" if found else f"no {what} that Azure tells of"
        raise ChangedByOthers(
            f"{target.at_start} holds {holds}, and this release brought {deployed}: somebody deployed there, or "
            "the stable version was put back after a rollback. It was not swapped into production. Trigger a new "
            "release of what shall be promoted."
        )


def refuse_another_slot(target: AppTarget, before: Before, found: SlotState | None) -> SlotState:
    """Refuses to promote another slot than the one that this release deployed to, watched, and had approved.

    Args:
        target: app and slot.
        before: who was where before this release.
        found: the slot as Azure says it is now; None: there is none.

    Returns:
        The slot.

    Raises:
        ChangedByOthers: it is gone, or holds the content of another slot.
    """
    if found is None:
        what = "is gone: somebody deleted it"
    elif before.is_slot_of(found):
        return found
    else:
        what = (
            f"has deploymentId {found.deployment_id}, and had {before.slot_deployment_id} for this release: somebody "
            "deleted it and created it again, or swapped it"
        )
    raise ChangedByOthers(
        f"{target.at_start} {what}. It was not swapped into production. Trigger a new release of what shall be "
        "promoted."
    )


def refuse_after_the_swap(target: AppTarget, before: Before, production: SlotState) -> None:
    """Refuses to begin again what has been swapped: the slot holds the only copy of the stable version then.

    Args:
        target: app and slot.
        before: who was where before this release.
        production: as Azure says it is now.

    Raises:
        PreflightRefused: production holds what the slot held.
    """
    if before.swapped_in(production):
        raise PreflightRefused(
            f"This run has swapped {target} into production already, so the slot holds the stable version. "
            "To release again, trigger a new run."
        )


def _said(weight: float | None) -> str:
    return "no rule" if weight is None else f"{weight:g} %"
