"""Swapping two slots, in the order Microsoft documents.

https://learn.microsoft.com/azure/app-service/deploy-staging-slots#what-happens-during-a-swap

The source is the slot the call was made on: it is prepared, restarted and warmed up. The target serves its users
all the while.
"""

import asyncio
import logging

from app_service_simulator.arm.errors import AppServiceError, bad_request, conflict
from app_service_simulator.clock import Clock
from app_service_simulator.effects import SWAP_CUT_OVER, Effects
from app_service_simulator.faults.endings import SWAP_ENDINGS
from app_service_simulator.faults.kinds import AFTER, BEFORE
from app_service_simulator.faults.orders import Order, ending_of, hold_up
from app_service_simulator.lifecycle import Lifecycle
from app_service_simulator.quirks import Quirks
from app_service_simulator.site_config import MOVED_BY_SWAP
from app_service_simulator.slot import Preparation, Slot
from app_service_simulator.workers import WorkerFailed

log = logging.getLogger(__name__)

APPLY = 4.0
"""Azure seconds applySlotConfig and resetSlotConfig take, as recorded."""

PREPARE, CUT_OVER, RECYCLE = 20.0, 23.0, 14.0
"""Azure seconds of a swap's parts: to the warm-up, both versions answering, and the former target's restart.

57 s in all: recorded swaps ended between two polls at 47 and 62 s, with the swap's own timestamp at 40 to 55 s,
and a window of 23 s was measured in which both versions answered.
"""

PING_LIMIT, PING_RETRIES, PING_PAUSE = 90.0, 5, 5.0
"""Azure seconds a warm-up request may take, how often it is repeated (both documented), and the pause between
(not documented; short beside the limit)."""

LEAST_PING = 3.0
"""Real seconds a warm-up request gets at least, whatever the speed."""


class Swapper:
    """Prepares, resets and swaps. Callers see to it that nothing else happens to the app meanwhile."""

    def __init__(self, clock: Clock, quirks: Quirks, lifecycle: Lifecycle, effects: Effects) -> None:
        self._clock, self._quirks, self._lifecycle, self._effects = clock, quirks, lifecycle, effects

    def refuse_impossible(self, source: Slot, target: Slot) -> None:
        """Raises what App Service answers at once when these two cannot be swapped."""
        if source is target:
            raise bad_request(f"Cannot swap slot '{source.name}' with itself.")
        for slot in (source, target):
            if not slot.running:
                raise conflict(
                    f"Cannot swap slots for site '{source.site.name}' because the '{slot.name}' slot is stopped. "
                    "Both slots must be running."
                )
        if source.preparation and source.preparation.target != target.name:
            raise self._already_prepared(source, target)
        if target.target_swap_slot not in (None, source.name):
            raise self._already_prepared(target, source)

    async def prepare(self, source: Slot, target: Slot) -> None:
        """Swap with preview, first half: the source runs under the target's sticky settings."""
        async with self._lifecycle.owning(source, target):
            await self._clock.sleep(APPLY)
            try:
                await self._apply_settings(source, target)
            except AppServiceError:
                self._revert(source)
                raise
            target.target_swap_slot = source.name

    async def reset(self, slot: Slot) -> None:
        """Undoes a preparation that `slot` takes part in, as source or as target."""
        await self._clock.sleep(APPLY)
        for other in slot.site.slots.values():
            if other.preparation and (other is slot or other.preparation.target == slot.name):
                self._revert(other)
        slot.target_swap_slot = None

    async def swap(self, source: Slot, target: Slot, order: Order | None = None) -> None:
        """The whole swap, or its second half after a preview; raises AppServiceError, all being as it was.

        `order` is the fault that the swap meets.
        """
        previewed = source.preparation is not None
        async with self._lifecycle.owning(source, target):
            try:
                await self._clock.sleep(PREPARE)
                if not previewed:
                    await self._apply_settings(source, target)
                await self._interfere(order, BEFORE, source)
                await self._warm_up(source)
            except AppServiceError:
                kept = order and order.fault.do == "ends_with" and order.fault.option("prepared")
                if not (previewed or kept or self._quirks.failed_swap_leaves_slot_prepared):
                    self._revert(source)
                raise
            await self._switch(source, target)
            await self._interfere(order, AFTER, source)

    async def _interfere(self, order: Order | None, moment: str, source: Slot) -> None:
        await hold_up(order, moment)
        ending = ending_of(order, moment)
        if ending:
            raise SWAP_ENDINGS[ending](source.site.name, source.name)

    async def _apply_settings(self, source: Slot, target: Slot) -> None:
        source.preparation = Preparation(target.name, source.app_settings, source.connection_strings)
        source.app_settings = source.settings_under(target)
        source.connection_strings = source.connection_strings_under(target)
        site = source.site
        sticky = site.sticky_settings or site.sticky_connection_strings
        if sticky or not any(worker.alive for worker in source.workers):
            try:
                await self._lifecycle.replace(source)
            except WorkerFailed as failure:
                log.warning("swap: %s did not start: %s", source.label_for_people, failure.reason)
                raise SWAP_ENDINGS["worker_not_started"](site.name, source.name) from failure

    async def _warm_up(self, source: Slot) -> None:
        path = source.app_settings.get("WEBSITE_SWAP_WARMUP_PING_PATH") or "/"
        statuses = source.app_settings.get("WEBSITE_SWAP_WARMUP_PING_STATUSES", "")
        accepted = {int(status) for status in statuses.split(",") if status.strip().isdecimal()}
        timeout = max(self._clock.shorten(PING_LIMIT), LEAST_PING)
        for attempt in range(1 + PING_RETRIES):
            if attempt:
                await self._clock.sleep(PING_PAUSE)
            if await self._is_warm(source, path, accepted, timeout):
                return
        raise SWAP_ENDINGS["no_ping"](source.site.name, source.name)

    async def _is_warm(self, source: Slot, path: str, accepted: set[int], timeout: float) -> bool:
        try:
            statuses = await asyncio.gather(*(worker.ping(path, timeout) for worker in source.workers))
        except WorkerFailed as failure:
            log.info("warm-up of %s: %s", source.label_for_people, failure.reason)
            return False
        return bool(statuses) and all(not accepted or status in accepted for status in statuses)

    async def _switch(self, source: Slot, target: Slot) -> None:
        fresh, former = source.workers, target.workers
        source.workers = target.workers = fresh + former
        before, began = self._effects.look(source.site.name), self._clock.now()
        self._exchange(source, target)
        self._effects.record(SWAP_CUT_OVER, source.site.name, source.id, before, began=began)
        await self._clock.sleep(CUT_OVER)
        target.workers, source.workers = fresh, former
        try:
            await self._lifecycle.replace(source)
        except WorkerFailed as failure:
            # The swap is done; App Service says nothing either when the former version does not come up again.
            log.warning("%s did not start after the swap: %s", source.label_for_people, failure.reason)
        await self._clock.sleep(RECYCLE)

    def _exchange(self, source: Slot, target: Slot) -> None:
        prepared = source.preparation
        assert prepared is not None
        own_settings, own_strings = prepared.app_settings, prepared.connection_strings
        taken_settings, taken_strings = source.app_settings, source.connection_strings
        source.app_settings, source.connection_strings = own_settings, own_strings
        given_settings, given_strings = target.settings_under(source), target.connection_strings_under(source)
        target.app_settings, target.connection_strings = taken_settings, taken_strings
        source.app_settings, source.connection_strings = given_settings, given_strings

        source.content, target.content = target.content, source.content
        source.last_modified, target.last_modified = target.last_modified, source.last_modified
        for key in MOVED_BY_SWAP:
            source.config[key], target.config[key] = target.config[key], source.config[key]
        if self._quirks.rules_swap_with_content:
            source.rules, target.rules = target.rules, source.rules
        source.preparation = target.target_swap_slot = None
        status = {
            "timestampUtc": self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "sourceSlotName": _capital(source),
            "destinationSlotName": _capital(target),
        }
        source.swap_status = target.swap_status = status

    def _revert(self, source: Slot) -> None:
        if source.preparation is None:
            return
        target = source.site.slot(source.preparation.target)
        if target:
            target.target_swap_slot = None
        changed = source.app_settings != source.preparation.app_settings
        source.app_settings = source.preparation.app_settings
        source.connection_strings = source.preparation.connection_strings
        source.preparation = None
        if changed:
            self._lifecycle.restart_in_background(source)

    @staticmethod
    def _already_prepared(prepared: Slot, other: Slot) -> AppServiceError:
        partner = prepared.preparation.target if prepared.preparation else prepared.target_swap_slot
        return conflict(
            f"Cannot apply configuration from slot '{_capital(other)}' because this slot has already been prepared "
            f"for swap with slot '{partner}'."
        )


def _capital(slot: Slot) -> str:
    return "Production" if slot.is_production else slot.name
