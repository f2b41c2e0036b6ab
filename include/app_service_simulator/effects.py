"""What an app is like at a moment, for the journal, and what happens to it when no call is being answered."""

from datetime import datetime
from typing import Any

from app_service_simulator.arm.errors import AzureError
from app_service_simulator.clock import Clock
from app_service_simulator.journal import EFFECT, Entry, Journal
from app_service_simulator.operations import Operation, Operations
from app_service_simulator.slot import Slot
from app_service_simulator.world import Site, World

SWAP_CUT_OVER, SWAP_ENDED, DEPLOYMENT_ENDED, LANDED = "Swap_CutOver", "Swap_Ended", "Deployment_Ended", "Late_Landed"
"""The effects, where calls have their operation id."""


class Effects:
    """Looks at apps, and writes down what happens later than the call that brought it about."""

    def __init__(self, clock: Clock, world: World, operations: Operations, journal: Journal) -> None:
        self._clock, self._world, self._operations, self._journal = clock, world, operations, journal

    def look(self, app: str | None) -> dict[str, Any] | None:
        """The app in short: its slots, rules, and the operation that holds it. None if there is no such app."""
        site = self._world.sites.get((app or "").lower())
        if site is None:
            return None
        holder = self._operations.holder(site.name)
        return {
            "slots": {name: _in_short(slot) for name, slot in site.slots.items()},
            "rules": [{key: value for key, value in rule.items() if value is not None} for rule in _rules(site)],
            "busy": holder.name if holder else None,
        }

    def record(
        self,
        effect: str,
        app: str,
        path: str,
        before: dict[str, Any] | None,
        *,
        began: datetime,
        failure: AzureError | str | None = None,
    ) -> None:
        """Writes an effect down, at its end; `before` is what `look` said before it."""
        after = self.look(app)
        now = self._clock.now()
        self._journal.record(
            Entry(
                kind=EFFECT,
                operation=effect,
                began=began.isoformat(),
                ended=now.isoformat(),
                path=path,
                app=app,
                status=failure.status if isinstance(failure, AzureError) else None,
                failure=str(failure) if failure else None,
                changed=before != after,
                before=before,
                after=after,
            )
        )

    def swap_ended(self, slot: Slot, operation: Operation) -> None:
        """A swap is over, well or not."""
        look = self.look(operation.site)
        self.record(SWAP_ENDED, operation.site, slot.id, look, began=operation.created, failure=operation.failure)


def _rules(site: Site) -> list[dict[str, Any]]:
    return site.production.rules


def _in_short(slot: Slot) -> dict[str, Any]:
    active = next((record.id for record in slot.content.deployments if record.active), None)
    return {
        "deployment_id": slot.content.deployment_id,
        "active_deployment": active,
        "running": slot.running,
        "image": slot.image,
        "prepared": slot.preparation is not None,
    }
