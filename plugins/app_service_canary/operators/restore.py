"""The way back, whatever happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import RestoreIncomplete
from app_service_canary.operators.swap import ASKED_KEY, OPERATION_KEY
from app_service_canary.operators.task import AppServiceOperator, record_of
from app_service_canary.release.app_state import Before
from app_service_canary.release.recovery import Undo, to_undo
from app_service_canary.triggers.app_service import AppServiceOperationTrigger
from app_service_canary.triggers.waiting import SUCCEEDED, now

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook
    from app_service_canary.release.app_state import AppState

_UNDONE = "undone"
_SWAPPING = "swapping_back"


class AppServiceRestoreTrafficOperator(AppServiceOperator):
    """Puts users back on the stable version unless the release was promoted.

    Asks Azure what is so now, undoes what this release did, and asks again until nothing is left. A swap that
    the release began and that still runs is waited for first.

    Args:
        promoted_task_id: the task whose success means that the release is promoted.
        preflight_task_id: the task that recorded what was there before.
        swap_task_id: the task that swaps.
        timeout: how long the way back may take.
        poll_interval: pause between two questions.
    """

    template_fields: Sequence[str] = AppServiceOperator.target_fields

    def __init__(
        self,
        *,
        promoted_task_id: str = "watch_promoted",
        preflight_task_id: str = "preflight",
        swap_task_id: str = "swap",
        timeout: timedelta = timedelta(minutes=30),
        poll_interval: timedelta = timedelta(seconds=5),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.promoted_task_id, self.preflight_task_id = promoted_task_id, preflight_task_id
        self.swap_task_id, self.timeout, self.poll_interval = swap_task_id, timeout, poll_interval

    def act(self, context: Context) -> Any:
        record = record_of(context, self.preflight_task_id)
        if record is None or self._ended_well(context, self.promoted_task_id):
            return self._report(context, "Nothing had to be undone.")
        # The release file may have been changed since; what counts is what this run released.
        self.resource_group, self.app, self.slot = record["resource_group"], record["app"], record["slot"]
        before = Before.from_json(record["before"])
        if url := self._swap_under_way(context):
            self.log.info("The release's own swap still runs; waiting for it before undoing anything.")
            return self._wait_for(url, context)
        state, url = self.with_hook(lambda hook: self._undo(hook, context, before))
        if url:
            context["task_state_store"].set(_SWAPPING, url)
            return self._wait_for(url, context)
        pinned = (
            f" Users pinned to slot '{self.slot}' by their cookie stay there for up to an hour; it is left running."
            if state.slot and state.slot.running
            else ""
        )
        return self._report(context, f"New users are on the stable version.{pinned}")

    async def _undo(self, hook: AppServiceHook, context: Context, before: Before) -> tuple[AppState, str | None]:
        """Undoes what can be done at once; where to ask how the swap goes, if one was needed."""
        # A change whose task was ended, or whose answer was lost, may still run, and would take effect after we have
        # looked.
        await hook.refuse_while_busy(self.target)
        state = await hook.read_app(self.target)
        swap_asked = bool(context["ti"].xcom_pull(task_ids=self.swap_task_id, key=ASKED_KEY))
        for undo in to_undo(before, state, self.slot, swap_asked=swap_asked):
            self.log.info("%s of %s.", undo.value.capitalize(), self.target)
            if undo is Undo.CLEAR_RULE:
                await hook.clear_weight(self.target)
            elif undo is Undo.START_SLOT:
                await hook.start_slot(self.target)
            elif url := await hook.begin_swap(self.target):
                return state, url
            self._remember(context, undo)
        return await hook.read_app(self.target), None

    def finish(self, context: Context, event: dict[str, Any]) -> Any:
        store = context["task_state_store"]
        was_ours = store.get(_SWAPPING) is not None
        store.delete(_SWAPPING)
        if event["status"] == SUCCEEDED and was_ours:
            self._remember(context, Undo.SWAP_BACK)
        if event["status"] != SUCCEEDED and was_ours:
            raise RestoreIncomplete(
                f"Users are on the NEW version of app '{self.app}' and swapping back failed: {event['message']} "
                f"Swap by hand: az webapp deployment slot swap -g {self.resource_group} -n {self.app} "
                f"--slot {self.slot} --target-slot production; or clear this task to try again."
            )
        store.set("waited_for_swap", True)
        return self.act(context)

    def _ended_well(self, context: Context, task_id: str) -> bool:
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[task_id], run_ids=[ti.run_id])
        return states.get(ti.run_id, {}).get(task_id) == "success"

    def _swap_under_way(self, context: Context) -> str | None:
        store = context["task_state_store"]
        if url := store.get(_SWAPPING):
            return str(url)
        if self._ended_well(context, self.swap_task_id):
            return None
        url = context["ti"].xcom_pull(task_ids=self.swap_task_id, key=OPERATION_KEY)
        return str(url) if url and not store.get("waited_for_swap") else None

    def _wait_for(self, url: str, context: Context) -> Any:
        return self.wait_with(
            AppServiceOperationTrigger(
                operation="swap",
                operation_url=url,
                deadline=now() + self.timeout,
                **self.trigger_arguments(self.poll_interval),
            ),
            context,
        )

    def _remember(self, context: Context, undo: Undo) -> None:
        store = context["task_state_store"]
        store.set(_UNDONE, [*self._undone(context), undo.value])

    def _undone(self, context: Context) -> list[str]:
        return list(context["task_state_store"].get(_UNDONE) or [])

    def _report(self, context: Context, sentence: str) -> dict[str, Any]:
        self.log.info("%s", sentence)
        return {"undone": self._undone(context), "sentence": sentence}
