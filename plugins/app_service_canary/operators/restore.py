"""The way back, whatever happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import (
    AzureRequestRejected,
    AzureUnavailable,
    OperationInProgress,
    RestoreIncomplete,
    TransientAzureError,
    TransientError,
)
from app_service_canary.operators.own_swap import OwnSwap
from app_service_canary.operators.slot_content import SlotContent
from app_service_canary.operators.slot_end import SlotEnding
from app_service_canary.operators.stable import address_of
from app_service_canary.operators.swap import TOO_MANY_REQUESTS
from app_service_canary.operators.task import (
    AppServiceOperator,
    before_of,
    deadline_of,
    record_of,
    remember,
    remembered,
)
from app_service_canary.operators.traffic import ASKED_WEIGHT_KEY
from app_service_canary.patience import settled
from app_service_canary.release.app_state import Before
from app_service_canary.release.masking import without_values
from app_service_canary.release.policy import AfterRollback, Artifact
from app_service_canary.release.recovery import Undo, by_hand, to_undo
from app_service_canary.release.stable import Stable
from app_service_canary.release.staying import STABLE, not_to_swap_back, said_of_production
from app_service_canary.triggers.app_service import GIVEN_UP, AppServiceOperationTrigger
from app_service_canary.triggers.waiting import SUCCEEDED, now

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook
    from app_service_canary.release.app_state import AppState, SlotState, TrafficRule

_SENT = "users_were_sent"
"""State key: that there was a rule to clear, by which users may be pinned to the slot."""

_SWAPPING, _HEALING = "swapping_back", "healing"
_UNDONE, _PREPARED, _WHERE = "undone", "prepared", "where_users_are"
"""Remembered: what is waited for, how far it has come, and what there is to say of it."""

SWAP_BACKS = 3
"""How often a swap back that App Service gave up is tried: one may meet a stable version that is slow to wake."""


class AppServiceRestoreTrafficOperator(AppServiceOperator):
    """Puts users back on the stable version unless the release was promoted.

    Asks Azure what is so now, undoes what this release did, and asks again until nothing is left. A swap that
    the release began and that still runs is waited for first. While Azure fails it keeps at it until the timeout, and
    then says what is left, and with which commands a person finishes it.

    Args:
        promoted_task_id: the task whose success means that the release is promoted.
        preflight_task_id: the task that recorded what was there before.
        deploy_task_id: the task that brought the new version to the slot.
        swap_task_id: the task that swaps.
        shift_task_ids: the tasks that sent users to the slot.
        after_rollback: what becomes of the slot, which users may still be pinned to.
        artifact: what the app's releases bring; to put the stable version into the slot.
        timeout: how long the way back may take.
        poll_interval: pause between two questions.
    """

    template_fields: Sequence[str] = AppServiceOperator.target_fields

    def __init__(
        self,
        *,
        promoted_task_id: str = "watch_promoted",
        preflight_task_id: str = "preflight",
        deploy_task_id: str = "deploy",
        swap_task_id: str = "swap",
        shift_task_ids: Sequence[str] = (),
        after_rollback: AfterRollback = AfterRollback.KEEP,
        artifact: Artifact | None = None,
        timeout: timedelta = timedelta(minutes=30),
        poll_interval: timedelta = timedelta(seconds=5),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.promoted_task_id, self.preflight_task_id = promoted_task_id, preflight_task_id
        self.deploy_task_id, self.swap_task_id = deploy_task_id, swap_task_id
        self.shift_task_ids = list(shift_task_ids)
        self.after_rollback, self.artifact = after_rollback, artifact or Artifact()
        self.timeout, self.poll_interval = timeout, poll_interval

    def act(self, context: Context) -> Any:
        before = self._followed(context)
        if before is None:
            return self._said(context, "Nothing had to be undone.")
        if self._ended_well(context, self.promoted_task_id) and self._ended_well(context, self.swap_task_id):
            self._own_swap(context).settle_promoted()
            return self._said(context, "Nothing had to be undone.")
        if healing := remembered(context, _HEALING):
            return self._wait_for("deployment", healing["url"], context, healing["id"])
        if url := self._swap_under_way(context):
            self.log.info("A swap of this release still runs; waiting for it before undoing anything.")
            return self._wait_for("swap", url, context)
        state, url = self._go_back(context, before)
        if url:
            remember(context, _SWAPPING, url)
            return self._wait_for("swap", url, context)
        remember(context, _WHERE, self._said_of(context, before, state.production))
        self._own_swap(context).settle(state.production.last_swap)
        return self._end_slot(context, before, state)

    def finish(self, context: Context, event: dict[str, Any]) -> Any:
        self._followed(context)
        succeeded, own = event["status"] == SUCCEEDED, self._own_swap(context)
        if healing := remembered(context, _HEALING):
            why = self._without_address(context, event["message"])
            in_vain = self._slot_ending(context).in_vain(why)
            return self._report(context, healing["sentence"] if succeeded else in_vain.sentence)
        if remembered(context, _SWAPPING):
            remember(context, _SWAPPING, None)
            if succeeded:
                self._note(context, Undo.SWAP_BACK)
            elif own.backs >= SWAP_BACKS:
                raise self._incomplete(event["message"], (Undo.SWAP_BACK,), ())
            else:
                self.log.warning("%s Looking at what is so now.", event["message"])
        own.was_waited_for(given_up=bool(event.get(GIVEN_UP)))
        return self.act(context)

    # -- undoing -------------------------------------------------------------------------------------

    def _go_back(self, context: Context, before: Before) -> tuple[AppState, str | None]:
        """Undoes what can be done at once; how it is then, and where to ask how the swap goes, if one was needed.

        Raises:
            RestoreIncomplete: Azure refused, or failed for all the time there was.
        """
        seen: list[AppState] = []
        try:
            return self.with_hook(lambda hook: self._undo(hook, context, before, seen), self._time_left(context))
        except (AzureUnavailable, AzureRequestRejected) as error:
            own = self._own_swap(context)
            asked = own.request is not None
            if seen:
                left = to_undo(before, seen[-1], self.slot, swap_asked=asked)
            else:
                left = (Undo.CLEAR_RULE, Undo.SWAP_BACK) if asked else (Undo.CLEAR_RULE,)
            why = str(error)
            if own.backs and isinstance(error.__cause__, OperationInProgress):
                why += (
                    " A swap back was asked for and may be under way: see what production serves before doing anything."
                )
            raise self._incomplete(why, left, seen[-1].rules if seen else None) from error

    async def _undo(
        self, hook: AppServiceHook, context: Context, before: Before, seen: list[AppState]
    ) -> tuple[AppState, str | None]:
        seen.append(await hook.read_app(self.target))  # for a person, should nothing more come of it
        own = self._own_swap(context)
        refusal = await self._wait_while_busy(hook, context, own, seen[-1].production.last_swap)
        state = await self._look(hook, context, own, before, seen)
        asked = own.is_to_undo(before, state.production)
        if own.backs and not before.swapped_in(state.production):
            self._note(context, Undo.SWAP_BACK)
        found = to_undo(before, state, self.slot, swap_asked=asked)
        if found and refusal:
            raise refusal
        for undo in found:
            self.log.info("%s of %s.", undo.value.capitalize(), self.target)
            if undo is Undo.CLEAR_RULE:
                await hook.clear_weight(self.target)
            elif undo is Undo.CANCEL_PREVIEW:
                await hook.cancel_preview(self.target)
            elif undo is Undo.START_SLOT:
                await hook.start_slot(self.target)
            else:
                await self._refuse_foreign_content(hook, context)
                own.is_to_be_swapped_back(state.production.last_swap)
                return state, await self._ask_for_the_swap_back(hook, own)
            self._note(context, undo)
        if asked and Undo.SWAP_BACK.value not in self._undone(context):
            await self._cancel_leftovers(hook, context)
        if found:
            state = await hook.read_app(self.target)
            seen.append(state)
        if left := to_undo(before, state, self.slot, swap_asked=asked):
            raise TransientError(f"Azure still has to {left[0].value} of {self.target}.")
        return state, None

    async def _refuse_foreign_content(self, hook: AppServiceHook, context: Context) -> None:
        """What is swapped back is the stable version, and not what somebody has deployed over it since the swap."""
        content = self._content(context)
        left = self._time_left(context)
        if found := await content.found_instead(hook, self.target, content.stable, left, self.log):
            raise RestoreIncomplete(not_to_swap_back(self.target, content.kind, found, content.stable))

    async def _ask_for_the_swap_back(self, hook: AppServiceHook, own: OwnSwap) -> str:
        try:
            return await hook.begin_swap(self.target)
        except TransientAzureError as error:
            if error.status == TOO_MANY_REQUESTS and not isinstance(error, OperationInProgress):
                own.was_looked_for()  # it was turned away, so there is nothing to look for
            raise

    async def _wait_while_busy(
        self, hook: AppServiceHook, context: Context, own: OwnSwap, last_swap: str
    ) -> AzureRequestRejected | None:
        """Not before App Service is done with what it may be doing for a task that was ended, or heard no answer. Where
        none has begun that could have changed the rules or production, nothing needs to be waited for.

        Returns:
            Why writing is refused for good, as under a lock. Then nothing can be under way either; and perhaps
            nothing needs to be written.
        """
        if not self._users_were_sent(context):
            return None
        try:
            if await hook.refuse_while_busy(self.target):
                self._note(context, Undo.CLEAR_RULE)
        except OperationInProgress:
            own.is_under_way(last_swap)
            raise
        except AzureRequestRejected as error:
            return error
        return None

    async def _look(
        self, hook: AppServiceHook, context: Context, own: OwnSwap, before: Before, seen: list[AppState]
    ) -> AppState:
        """What Azure says; again if that is nothing to undo, for it may tell of the time before our last change."""
        changed, swapped_back, last_swap_before = self._users_were_sent(context), own.backs, own.last_swap_before

        def is_plausible(seen: AppState) -> bool:
            if swapped_back:
                return not before.swapped_in(seen.production)
            if last_swap_before is not None:
                return bool(seen.production.last_swap != last_swap_before)
            return not changed or bool(to_undo(before, seen, self.slot, swap_asked=own.request is not None))

        state = await settled(lambda: hook.read_app(self.target), is_plausible, own.in_doubt_for)
        own.was_looked_for()
        seen.append(state)
        return state

    async def _cancel_leftovers(self, hook: AppServiceHook, context: Context) -> None:
        """A swap that failed half-way may have left the slot prepared for it, which nothing that can be read shows."""
        try:
            await hook.cancel_preview(self.target)
        except AzureRequestRejected as error:
            reset = by_hand(self.target, (Undo.CANCEL_PREVIEW,), ())
            remember(
                context,
                _PREPARED,
                f"{self.target.at_start} may still be prepared for that swap, and then refuses other changes: {error} "
                f"To cancel it: {reset}",
            )

    def _incomplete(self, why: str, left: Sequence[Undo], rules: Sequence[TrafficRule] | None) -> RestoreIncomplete:
        whose = f"Users are on the NEW version of app '{self.app}'. " if Undo.SWAP_BACK in left else ""
        what = "Left to do by hand, in this order" if left else "Nothing seen last is left to do; see whether it is so"
        commands = by_hand(self.target, left, rules)
        return RestoreIncomplete(
            f"{whose}The way back could not be finished: {why} {what}: {commands}. Or clear this task to try again."
        )

    # -- the slot --------------------------------------------------------------------------------------

    def _end_slot(self, context: Context, before: Before, state: AppState) -> Any:
        record = record_of(context, self.preflight_task_id) or {}
        ended = self._slot_ending(context).end(
            context,
            Stable.from_json(record.get("stable")),
            running=bool(state.slot and state.slot.running),
            was_running=before.slot_running,
            users_sent=self._users_were_sent(context),
        )
        if ended.deployment is None:
            return self._report(context, ended.sentence)
        self.log.info("Putting the stable version into %s.", self.target)
        remember(context, _HEALING, {"sentence": ended.sentence, **asdict(ended.deployment)})
        return self._wait_for("deployment", ended.deployment.url, context, ended.deployment.id)

    def _slot_ending(self, context: Context) -> SlotEnding:
        patience = min(self.patience, self._time_left(context))
        content = self._content(context)
        return SlotEnding(self, self.after_rollback, self.artifact, patience, content, self.deploy_task_id)

    def _without_address(self, context: Context, text: str) -> str:
        stable = Stable.from_json((record_of(context, self.preflight_task_id) or {}).get("stable"))
        return without_values(text, address_of(context, stable) or "") if stable else text

    def _users_were_sent(self, context: Context) -> bool:
        """A step or the swap has begun, whether or not it was heard of again; or there was a rule."""
        ti, store = context["ti"], context["task_state_store"]
        shifted = any(ti.xcom_pull(task_ids=task, key=ASKED_WEIGHT_KEY) is not None for task in self.shift_task_ids)
        return shifted or self._own_swap(context).request is not None or bool(store.get(_SENT))

    # -- what is known -----------------------------------------------------------------------------------

    def _followed(self, context: Context) -> Before | None:
        """Who was where before, of the app that this run released; the release file may have been changed since."""
        record = record_of(context, self.preflight_task_id)
        if record is None:
            return None
        self.resource_group, self.app, self.slot = record["resource_group"], record["app"], record["slot"]
        return before_of(context, self.preflight_task_id)

    def _time_left(self, context: Context) -> timedelta:
        """All tries and waits of this task count."""
        return max(timedelta(0), deadline_of(context, self.timeout) - now())

    def _content(self, context: Context) -> SlotContent:
        return SlotContent.of(context, self.preflight_task_id, self.deploy_task_id)

    def _own_swap(self, context: Context) -> OwnSwap:
        return OwnSwap(context, self.swap_task_id)

    def _said_of(self, context: Context, before: Before, production: SlotState) -> str:
        own = self._own_swap(context)
        return said_of_production(
            self.target,
            before,
            production,
            swap_asked=own.request is not None and not own.is_settled,
            promoted=own.was_promoted,
            rejected=self._state(context, self.promoted_task_id) == "failed",
        )

    def _ended_well(self, context: Context, task_id: str) -> bool:
        return self._state(context, task_id) == "success"

    def _state(self, context: Context, task_id: str) -> Any:
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[task_id], run_ids=[ti.run_id])
        return states.get(ti.run_id, {}).get(task_id)

    def _swap_under_way(self, context: Context) -> str | None:
        if url := remembered(context, _SWAPPING):
            return str(url)
        if self._ended_well(context, self.swap_task_id):
            return None
        return self._own_swap(context).url_to_wait_for

    def _wait_for(self, operation: str, url: str, context: Context, deployment_id: str = "") -> Any:
        return self.wait_with(
            AppServiceOperationTrigger(
                operation=operation,
                operation_url=url,
                deployment_id=deployment_id,
                deadline=now() + self._time_left(context),
                **self.trigger_arguments(self.poll_interval),
            ),
            context,
        )

    def _note(self, context: Context, undo: Undo) -> None:
        undone = self._undone(context)
        if undo is Undo.CLEAR_RULE:
            context["task_state_store"].set(_SENT, True)
        if undo.value not in undone:
            remember(context, _UNDONE, [*undone, undo.value])

    def _undone(self, context: Context) -> list[str]:
        return list(remembered(context, _UNDONE) or [])

    def _report(self, context: Context, of_the_slot: str) -> dict[str, Any]:
        parts = (remembered(context, _WHERE) or STABLE, of_the_slot, remembered(context, _PREPARED))
        return self._said(context, " ".join(part for part in parts if part))

    def _said(self, context: Context, sentence: str) -> dict[str, Any]:
        self.log.info("%s", sentence)
        return {"undone": self._undone(context), "sentence": sentence}
