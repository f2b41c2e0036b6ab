"""Waits until nobody is pinned to the slot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.bases.sensor import BaseSensorOperator

from app_service_canary.operators.task import remember, remembered
from app_service_canary.release.drain import drained_at
from app_service_canary.triggers.waiting import SETTLE, now

if TYPE_CHECKING:
    from airflow.sdk import Context


_FIRST_LOOK = "first_look"
"""Remembered: from when the cookies' life counts where the swap left no time."""


class PinnedUsersDrainedSensor(BaseSensorOperator):
    """Waits until the last routing cookie for the slot has run out.

    A browser sent to the slot holds a cookie that pins it there, and App Service honours it whatever the
    weight is now; on a stopped slot those users would get 403. The cookie's life counts from the answer that
    set it and is not renewed, so its full life after the rule was cleared nobody holds one any more. How
    long that is, the watches saw in the front end's own answers.

    Args:
        watch_task_ids: the tasks that watched with a positive weight.
        swap_task_id: the task that cleared the rule.
        at_most: never wait longer; also the cookie's life when none was seen.
    """

    template_fields: Sequence[str] = ()

    def __init__(
        self,
        *,
        watch_task_ids: Sequence[str],
        swap_task_id: str = "swap",
        at_most: timedelta = timedelta(hours=1),
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.watch_task_ids, self.swap_task_id = list(watch_task_ids), swap_task_id
        self.at_most, self.deferrable = at_most, deferrable

    def execute(self, context: Context) -> dict[str, Any]:
        until = self._until(context)
        if until > now():
            self.log.info("Users may be pinned to the slot until %s UTC.", f"{until:%H:%M:%S}")
            if self.deferrable:
                self._wait_until(until)
            super().execute(context)
        return self.execute_complete(context)

    def _wait_until(self, moment: datetime) -> None:
        self.defer(trigger=DateTimeTrigger(moment=max(moment, now() + SETTLE)), method_name="execute_complete")

    def poke(self, context: Context) -> bool:
        """Without deferral, Airflow's sensor asks again and again."""
        return now() >= self._until(context)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        until = self._until(context)
        if until > now() and self.deferrable:
            # Airflow may hand over another task's event (see WaitingTrigger).
            self.log.warning("Resumed too early: users may be pinned to the slot until %s UTC.", f"{until:%H:%M:%S}")
            self._wait_until(until)
        self.log.info("Nobody is pinned to the slot any more.")
        return {"drained_at": now().isoformat()}

    def _until(self, context: Context) -> datetime:
        ti = context["ti"]
        swapped = ti.xcom_pull(task_ids=self.swap_task_id) or {}
        seen = [(ti.xcom_pull(task_ids=task) or {}).get("pinned_for_seconds") for task in self.watch_task_ids]
        cleared = swapped.get("rule_cleared_at") or swapped.get("at")
        return drained_at(datetime.fromisoformat(cleared or self._first_look(context)), seen, self.at_most)

    @staticmethod
    def _first_look(context: Context) -> str:
        """When this task began: a person who marks the swap as success leaves no time of it."""
        first: str | None = remembered(context, _FIRST_LOOK)
        if first is None:
            first = now().isoformat()
            remember(context, _FIRST_LOOK, first)
        return first
