"""Moves a share of the users to the canary slot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import InvalidReleasePlan, PreflightRefused
from app_service_canary.operators.task import AppServiceOperator, was_cleared
from app_service_canary.patience import settled
from app_service_canary.triggers.waiting import now

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook


def is_beyond_the_end(value: object) -> bool:
    """A templated step of a run with fewer steps than the release file renders to nothing, or to `None`."""
    return value is None or str(value).strip() in ("", "None")


ASKED_WEIGHT_KEY = "asked_weight"
"""XCom key: from here on the slot may get users, whether or not Azure's answer was heard."""


_OVER = ("success", "failed", "skipped", "upstream_failed")
"""States of a task that does nothing more, unless it is cleared too."""


class AppServiceSetCanaryWeightOperator(AppServiceOperator):
    """Sends a share of production's new users to the slot, and reads it back.

    Nobody is sent to a slot that does not run. Only this slot's rule is written, other slots' rules are kept. Nothing
    is written when it is so already; nothing when somebody else has changed the rule since the step before, unless a
    person has cleared this task; and nothing when the tasks are over by which users would come back.

    Args:
        weight: percent, 0–100, or text that renders to it; nothing: this run has no such step.
        slot_host: the slot's host name as Azure gives it; None: ask Azure. Templated.
        previous_task_ids: the steps before, of which the last one left the rule as this one has to find it; none
            before the first, which has to find no rule. None: it may find any.
        way_back_task_ids: the task that takes users back, and the one after which it begins.
    """

    template_fields: Sequence[str] = (*AppServiceOperator.target_fields, "weight", "slot_host")

    def __init__(
        self,
        *,
        weight: float | str | None,
        slot_host: str | None = None,
        previous_task_ids: Sequence[str] | None = None,
        way_back_task_ids: Sequence[str] = ("stop_slot", "restore"),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.weight, self.slot_host = weight, slot_host
        self.way_back_task_ids = list(way_back_task_ids)
        self.previous_task_ids = None if previous_task_ids is None else list(previous_task_ids)

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
        context["ti"].xcom_push(ASKED_WEIGHT_KEY, weight)
        changed = self.with_hook(lambda hook: self._set(hook, weight, self._left(context)))
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
