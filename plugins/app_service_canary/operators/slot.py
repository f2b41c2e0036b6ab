"""Starts and stops the canary slot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app_service_canary.errors import PreflightRefused, TransientError
from app_service_canary.operators.task import AppServiceOperator, before_of, record_of
from app_service_canary.release.recovery import Undo, by_hand

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook


_FIRST_DEPLOYMENT = "first_deployment"
"""State key: which deployment the slot held when this run first had it running."""


class AppServiceStartSlotOperator(AppServiceOperator):
    """Starts the slot; does nothing when it runs, and ran when the release began.

    Returns the slot's host name and what was done.

    Args:
        create_slot: create a missing slot as a copy of production's configuration, without slot settings.
    """

    def __init__(self, *, create_slot: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.create_slot = create_slot

    def act(self, context: Context) -> dict[str, Any]:
        before, store = before_of(context, "preflight"), context["task_state_store"]
        started = self.with_hook(
            lambda hook: self._start(hook, stopped_before=before is not None and not before.slot_running)
        )
        # What it holds when a person clears this task after the swap is not what it held at first.
        if (first := store.get(_FIRST_DEPLOYMENT)) is None:
            store.set(_FIRST_DEPLOYMENT, first := started["deployment_id"])
        return {**started, "deployment_id": first}

    async def _start(self, hook: AppServiceHook, *, stopped_before: bool) -> dict[str, Any]:
        slot, created = await hook.read_slot(self.target), False
        if slot is None:
            if not self.create_slot:
                raise PreflightRefused(f"There is no {self.target}; create it, or set `create_slot: true`.")
            self.log.info("Creating %s as a copy of production's configuration.", self.target)
            await hook.create_slot(self.target)
            slot, created = await hook.read_slot(self.target), True
        # An answer that it runs may be older than the stop that preflight saw; to start it again does no harm.
        started = slot is not None and not created and (stopped_before or not slot.running)
        if started:
            await hook.start_slot(self.target)
            slot = await hook.read_slot(self.target)
        if slot is None or not slot.running:
            raise TransientError(
                f"{self.target} was started, but Azure says {slot.state if slot else 'it is missing'}."
            )
        self.log.info("%s runs%s.", self.target.at_start, "" if created or started else " already")
        return {
            "slot_host": slot.host,
            "deployment_id": slot.deployment_id,
            "created": created,
            "started": started,
        }


class AppServiceStopSlotOperator(AppServiceOperator):
    """Stops the slot; does nothing when it is stopped.

    It frees the CPU and memory that the slot took from its plan. The plan costs the same.
    """

    def act(self, context: Context) -> dict[str, Any]:
        if record := record_of(context, "preflight"):
            # The release file may have been changed since; this is the slot that users were pinned to.
            self.resource_group, self.app, self.slot = record["resource_group"], record["app"], record["slot"]
        return self.with_hook(self._stop)

    async def _stop(self, hook: AppServiceHook) -> dict[str, Any]:
        slot = await hook.read_slot(self.target)
        if slot is None or not slot.running:
            return {"stopped": False}
        if rule := await hook.read_rule(self.target):
            rules = (await hook.read_app(self.target)).rules
            raise PreflightRefused(
                f"{self.target.at_start} still gets {rule.weight:g} % of the users and was not stopped; clear the "
                f"rule: {by_hand(self.target, [Undo.CLEAR_RULE], rules)}"
            )
        await hook.stop_slot(self.target)
        slot = await hook.read_slot(self.target)
        if slot is not None and slot.running:
            raise TransientError(f"{self.target.at_start} was stopped, but Azure says {slot.state}.")
        self.log.info("%s is stopped.", self.target.at_start)
        return {"stopped": True}
