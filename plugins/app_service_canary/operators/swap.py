"""Promotes the canary: swaps its slot into production, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import SwapFailed
from app_service_canary.operators.task import AppServiceOperator, known_before
from app_service_canary.triggers.app_service import AppServiceOperationTrigger
from app_service_canary.triggers.waiting import SUCCEEDED, now

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook
    from app_service_canary.release.app_state import Before

OPERATION_KEY = "operation_url"
"""XCom and state key: where to ask how the swap goes, for a later try and for `restore`."""

ASKED_KEY = "swap_asked"
"""XCom key: from here on a swap may be under way, whether or not Azure's answer was heard."""

_CLEARED_AT = "rule_cleared_at"

SWAP_TIMEOUT = timedelta(minutes=30)
"""A swap takes about a minute, three to four on an idle plan; failing warm-ups have been seen to take 23."""


class AppServiceSwapSlotsOperator(AppServiceOperator):
    """Clears the traffic rule, swaps the slot into production, and waits until production has new content.

    Swapping twice would bring the old version back. So the request is sent once, never repeated by a client,
    and a later try compares production's `deploymentId` with what preflight saw before it asks for anything.
    The rule is cleared first, because it stays with production's host: after the swap it would send users to
    the old version.

    Args:
        preflight_task_id: the task that recorded what was there before.
        timeout: how long the swap may take.
        poll_interval: pause between two questions.
    """

    template_fields: Sequence[str] = AppServiceOperator.target_fields

    def __init__(
        self,
        *,
        preflight_task_id: str = "preflight",
        timeout: timedelta = SWAP_TIMEOUT,
        poll_interval: timedelta = timedelta(seconds=5),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.preflight_task_id, self.timeout, self.poll_interval = preflight_task_id, timeout, poll_interval

    def act(self, context: Context) -> Any:
        before, store = known_before(context, self.preflight_task_id), context["task_state_store"]
        asked_before = bool(store.get(ASKED_KEY))
        store.set(ASKED_KEY, True)
        context["ti"].xcom_push(ASKED_KEY, True)
        url = store.get(OPERATION_KEY)
        if url is None:
            url = self.with_hook(lambda hook: self._begin(hook, context, before, asked_before))
        if url is None:
            return self._swapped(context, before)
        store.set(OPERATION_KEY, url)
        context["ti"].xcom_push(OPERATION_KEY, url)
        return self.wait_with(
            AppServiceOperationTrigger(
                operation="swap",
                operation_url=str(url),
                deadline=now() + self.timeout,
                **self.trigger_arguments(self.poll_interval),
            ),
            context,
        )

    async def _begin(self, hook: AppServiceHook, context: Context, before: Before, asked_before: bool) -> str | None:
        """Asks for the swap if it has not happened; where to ask how it goes, or None when it is done."""
        if asked_before:
            # Between looking at production and asking, a swap of an earlier try could end, and ours undo it.
            await hook.refuse_while_busy(self.target)
        if before.swapped_in(await hook.read_production(self.target)):
            self.log.info("%s is in production already; an earlier try swapped it.", self.target.at_start)
            return None
        store = context["task_state_store"]
        await hook.clear_weight(self.target)
        if not store.get(_CLEARED_AT):
            store.set(_CLEARED_AT, now().isoformat())
        self.log.info("All new users go to production; swapping %s into it.", self.target)
        return await hook.begin_swap(self.target)

    def finish(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        context["task_state_store"].delete(OPERATION_KEY)
        if event["status"] != SUCCEEDED:
            raise SwapFailed(f"{event['message']}")
        return self._swapped(context, known_before(context, self.preflight_task_id))

    def _swapped(self, context: Context, before: Before) -> dict[str, Any]:
        production = self.with_hook(lambda hook: hook.read_production(self.target))
        if not before.swapped_in(production):
            raise SwapFailed(
                f"App Service says the swap of {self.target} is done, but production still holds deployment "
                f"{production.deployment_id}. Look at the app's activity log."
            )
        self.log.info("Production of app '%s' has the new version.", self.app)
        return {"rule_cleared_at": context["task_state_store"].get(_CLEARED_AT), "at": now().isoformat()}
