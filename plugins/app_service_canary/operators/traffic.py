"""Moves a share of the users to the canary slot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import CanaryRejected, ChangedByOthers, InvalidReleasePlan, PreflightRefused
from app_service_canary.operators.first_look import FirstLook, FirstLookTrigger
from app_service_canary.operators.looks import evidence_before, look_arguments, own_requests_before
from app_service_canary.operators.task import AppServiceOperator, remember, remembered, was_cleared
from app_service_canary.patience import settled
from app_service_canary.release.analysis import Analysis
from app_service_canary.release.durations import format_duration
from app_service_canary.release.observation import Side
from app_service_canary.release.policy import Readiness, Watch
from app_service_canary.triggers.waiting import now

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook

Once = Callable[[Callable[[], Awaitable[bool]]], Awaitable[bool]]
"""What is done around each try to send users."""


def is_beyond_the_end(value: object) -> bool:
    """A templated step of a run with fewer steps than the release file renders to nothing, or to `None`."""
    return value is None or str(value).strip() in ("", "None")


ASKED_WEIGHT_KEY = "asked_weight"
"""XCom key: from here on the slot may get users, whether or not Azure's answer was heard."""


_REJECTED, _ASKED = "rejected", "asked"
"""Remembered: what a bad verdict said, by a try that may be killed before it has failed; and, whoever clears the task,
that users were asked for."""

_OVER = ("success", "failed", "skipped", "upstream_failed")
"""States of a task that does nothing more, unless it is cleared too."""


class AppServiceSetCanaryWeightOperator(AppServiceOperator):
    """Sends a share of production's new users to the slot, and reads it back.

    Nobody is sent to a slot that does not run. Only this slot's rule is written, other slots' rules are kept. Nothing
    is written when it is so already; nothing when somebody else has changed the rule since the step before, unless a
    person has cleared this task; and nothing when the tasks are over by which users would come back.

    Where requests of our own are a source of measurements, it looks at the slot by them while users are being sent, and
    for a moment before the first of them and after: see `FirstLook`. A bad verdict takes them off again.

    Args:
        weight: percent, 0–100, or text that renders to it; nothing: this run has no such step.
        slot_host: the slot's host name as Azure gives it; None: ask Azure. Templated.
        previous_task_ids: the steps before, of which the last one left the rule as this one has to find it; none
            before the first, which has to find no rule. None: it may find any.
        way_back_task_ids: the task that takes users back, and the one after which it begins.
        production_host: the app's own host name as Azure gives it. None: nobody looks at the slot. Templated.
        readiness, watch, analysis: by which the slot is looked at, as by the step's watch.
        look_task_ids: the looks before this one, whose evidence counts on; without one, nobody is sent to the slot
            before it has been looked at.
    """

    template_fields: Sequence[str] = (*AppServiceOperator.target_fields, "weight", "slot_host", "production_host")

    def __init__(
        self,
        *,
        weight: float | str | None,
        slot_host: str | None = None,
        previous_task_ids: Sequence[str] | None = None,
        way_back_task_ids: Sequence[str] = ("stop_slot", "restore"),
        production_host: str | None = None,
        readiness: Readiness | None = None,
        watch: Watch | None = None,
        analysis: Analysis | None = None,
        look_task_ids: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.weight, self.slot_host = weight, slot_host
        self.way_back_task_ids = list(way_back_task_ids)
        self.previous_task_ids = None if previous_task_ids is None else list(previous_task_ids)
        self.production_host = production_host
        self.readiness, self.watch = readiness or Readiness(), watch or Watch()
        self.analysis, self.look_task_ids = analysis or Analysis(), list(look_task_ids)
        self._killed = False

    def act(self, context: Context) -> dict[str, Any] | None:
        if self.weight is None or is_beyond_the_end(self.weight):
            self.log.info("This run has fewer steps than the release file; nothing to do.")
            return None
        try:
            weight = float(self.weight)
        except ValueError:
            raise InvalidReleasePlan(f"weight: found {self.weight!r}; allowed: a number from 0 to 100") from None
        if not 0 <= weight <= 100:
            raise InvalidReleasePlan(f"weight: found {weight:g}; allowed: a number from 0 to 100")
        self._refuse_without_a_way_back(context)
        sent = self._may_have_users(context)
        if sent:
            # Airflow has removed what the try before had said of it.
            context["ti"].xcom_push(ASKED_WEIGHT_KEY, weight)
        if said := remembered(context, _REJECTED):
            raise CanaryRejected(said)
        return asyncio.run(self._looking(context, weight, sent))

    def on_kill(self) -> None:
        """Airflow ends the process in a few seconds; whoever ended the task expects nobody to be sent meanwhile."""
        self._killed = True

    def _may_have_users(self, context: Context) -> bool:
        """Whether the slot may have users of this release already: of an earlier step, or of an earlier try of this."""
        asked = bool(context["task_state_store"].get(_ASKED))
        return asked or bool(weight_left(context, self.previous_task_ids or ()))

    async def _looking(self, context: Context, weight: float, sent: bool) -> dict[str, Any]:
        """Sends users, and looks at the slot meanwhile, where that can be done."""
        lasts, evidence = self.analysis.first_look, evidence_before(context, self.look_task_ids, self.retries)
        if not (lasts and weight and self.slot_host and self.production_host):
            return await self._send(context, weight, lambda send: send())
        hosts = {Side.SLOT.value: self.slot_host, Side.VISITORS.value: self.production_host}
        trigger = FirstLookTrigger(
            **look_arguments(self, context, hosts, evidence),
            began=now(),
            # Of those of a try that was killed nothing is known.
            own=own_requests_before(context, self.look_task_ids) if context["ti"].try_number == 1 else None,
            sent=sent,
            remember=lambda said: remember(context, _REJECTED, said),
        )
        async with FirstLook(trigger, lasts, self.log) as look:
            if not evidence:
                self.log.info("Looking at %s for %s before it gets users.", self.slot_host, format_duration(lasts))
                await look.goes_well()
            applied = await self._send(context, weight, look.while_sending)
            await look.goes_well()
            return {**applied, **await look.seen()}

    async def _send(self, context: Context, weight: float, once: Once) -> dict[str, Any]:
        # After a look, and so not before.
        self._refuse_without_a_way_back(context)
        asked_before = context["task_state_store"].get(_ASKED)
        context["task_state_store"].set(_ASKED, True)
        context["ti"].xcom_push(ASKED_WEIGHT_KEY, weight)
        left = self._left(context)
        try:
            changed = await self.patiently_with_hook(lambda hook: once(lambda: self._set(hook, weight, left)))
        except ChangedByOthers:
            if not asked_before:
                context["task_state_store"].delete(_ASKED)  # nothing was written, and what is there is not ours
            raise
        done = "now go" if changed else "go already"
        self.log.info("%g %% of new users of app '%s' %s to slot '%s'.", weight, self.app, done, self.slot)
        return {"requested": weight, "applied": weight, "at": now().isoformat()}

    def _refuse_without_a_way_back(self, context: Context) -> None:
        """A person may clear this task alone in a run that has ended: nobody would watch its users, or take them back.
        When what comes after it is cleared too, or has not begun, it is in none of these states.

        Raises:
            PreflightRefused: the tasks by which users come back are over.
        """
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=self.way_back_task_ids, run_ids=[ti.run_id])
        found = {task: state for task, state in states.get(ti.run_id, {}).items() if state in _OVER}
        if found:
            said = ", ".join(f"'{task}' is {found[task]}" for task in self.way_back_task_ids if task in found)
            raise PreflightRefused(
                f"In this run {said}; so nobody would watch the users of {self.target}, or take them back, and no "
                "traffic was moved. Clear this task together with all that come after it, 'restore' and 'outcome' "
                "included; or trigger a new run."
            )

    def _left(self, context: Context) -> tuple[float | None] | None:
        if self.previous_task_ids is None or was_cleared(context, self.retries):
            return None
        return (weight_left(context, self.previous_task_ids),)

    async def _set(self, hook: AppServiceHook, weight: float, left: tuple[float | None] | None) -> bool:
        if self._killed:
            raise PreflightRefused(
                f"This task was ended before users were sent to {self.target}; no traffic was moved."
            )
        slot = await settled(
            lambda: hook.read_slot(self.target), lambda seen: not weight or bool(seen and seen.running)
        )
        if slot is None:
            raise InvalidReleasePlan(f"There is no {self.target}; no traffic was moved.")
        if weight and not slot.running:
            # As when a person clears this task after the way back has stopped the slot.
            raise InvalidReleasePlan(
                f"{self.target.at_start} is {slot.state}, and would answer its users with an error; no traffic was "
                "moved. Clear start_slot and the tasks after it, this one included."
            )
        return await hook.set_weight(self.target, self.slot_host or slot.host, weight, left=left)


def weight_left(context: Context, shift_task_ids: Sequence[str]) -> float | None:
    """The weight at which the last of these steps left the rule, in percent; None when none of them wrote it."""
    shifts = [context["ti"].xcom_pull(task_ids=task) for task in shift_task_ids]
    applied = [shift["applied"] for shift in shifts if shift]
    return float(applied[-1]) if applied else None
