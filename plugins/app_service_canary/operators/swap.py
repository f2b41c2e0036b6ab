"""Promotes the canary: swaps its slot into production, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import (
    AzureRequestRejected,
    AzureUnavailable,
    CanaryRejected,
    ChangedByOthers,
    OperationInProgress,
    SwapFailed,
    TransientAzureError,
    TransientError,
)
from app_service_canary.operators.last_look import refuse_what_does_not_answer
from app_service_canary.operators.task import AppServiceOperator, known_before, remember, remembered, was_cleared
from app_service_canary.operators.traffic import weight_left
from app_service_canary.patience import READ_BACK, settled
from app_service_canary.release.ownership import refuse_another_slot, refuse_foreign_content
from app_service_canary.triggers.app_service import GIVEN_UP, AppServiceOperationTrigger
from app_service_canary.triggers.verdicts import VERDICT_KEY
from app_service_canary.triggers.waiting import SUCCEEDED, now

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook
    from app_service_canary.release.app_state import AppState, AppTarget, Before, SlotState
    from app_service_canary.release.policy import Readiness

OPERATION_KEY = "operation_url"
"""XCom key: where to ask how the swap goes, for `restore`; empty: Azure refused it; none: its answer was not heard.
State key: the same with the request that it answers."""

ASKED_KEY = "swap_asked"
"""XCom and state key: from here on a swap may be under way, whether or not Azure's answer was heard. Its value tells
this request from any other: `at`, and `before`, the last swap that Azure knew of then."""

_ASKED_SINCE_CLEARED = "asked_since_cleared"
"""Remembered: a person's clearing is an order to swap anew, and is carried out once."""

_CLEARING, _CLEARED_AT = "clearing_rule", "rule_cleared_at"
"""Remembered: that a missing rule is our own doing, noted before it is cleared; and since when there is none."""

_UNTIL = "until"
"""Remembered: the operation that is waited for, and until when, over all tries."""

_FAILED = "heard_to_have_failed"
"""State key: the request that App Service refused, or whose swap it gave up. After any other, what Azure tells next may
be of the time before, for a swap may have ended unheard."""

_DOUBTED = "doubted"
"""State key: the request of which it is not known what became of it, and since when App Service was seen to be done.
From there on it may tell of the time before, over all tries: each may be killed before that time is over."""

SWAP_TIMEOUT = timedelta(minutes=30)
"""A swap takes about a minute, three to four on an idle plan; failing warm-ups have been seen to take 23."""


TOO_MANY_REQUESTS = 429


def tells_of_now(before: Before, asked: dict[str, Any] | None, production: SlotState) -> bool:
    """Whether what was read of production is surely not of the time before the swap that was asked for.

    Args:
        before: who was where before this release.
        asked: what `swap` left of its request; None: there was none that is known of.
        production: as it was read, after the request.
    """
    return before.swapped_in(production) or (asked is not None and production.last_swap != asked["before"])


async def production_after(
    hook: AppServiceHook, target: AppTarget, before: Before, asked: dict[str, Any] | None, limit: timedelta | None
) -> SlotState:
    """Production, looked at for as long as what is read may be of the time before the swap that was asked for.

    Args:
        hook, target: whom to ask, of what.
        before, asked: see `tells_of_now`.
        limit: see `settled`.
    """
    return await settled(lambda: hook.read_production(target), lambda seen: tells_of_now(before, asked, seen), limit)


class AppServiceSwapSlotsOperator(AppServiceOperator):
    """Clears the traffic rule, swaps the slot into production, and waits until production has new content.

    Swapping twice would bring the old version back. So the request is sent once, never repeated by a client, and
    whoever tries again first waits until App Service is done with what it may be doing, and compares production's
    `deploymentId`, and the last swap that Azure knows of, with what was there before.
    The rule is cleared first, because it stays with production's host: after the swap it would send users to
    the old version.

    Args:
        preflight_task_id: the task that recorded what was there before.
        deploy_task_id: the task that brought the new version to the slot; nothing else is promoted.
        approval_task_id: the gate before, whose watch may have had a bad verdict that a person's mark went past.
        shift_task_ids: the steps, of which the last one left the rule as it has to be found. None: it may be any.
        image_os: the operating system when the artifact is a container; None for a package.
        readiness: what the slot is asked just before, and what is good; None: it is not asked.
        answer_timeout: how long one answer to that may take.
        timeout: how long the swap may take, over all tries that wait for it.
        poll_interval: pause between two questions.
    """

    template_fields: Sequence[str] = AppServiceOperator.target_fields

    def __init__(
        self,
        *,
        preflight_task_id: str = "preflight",
        deploy_task_id: str = "deploy",
        approval_task_id: str = "approval",
        shift_task_ids: Sequence[str] | None = None,
        image_os: str | None = None,
        readiness: Readiness | None = None,
        answer_timeout: timedelta = timedelta(seconds=10),
        timeout: timedelta = SWAP_TIMEOUT,
        poll_interval: timedelta = timedelta(seconds=5),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.preflight_task_id, self.deploy_task_id = preflight_task_id, deploy_task_id
        self.approval_task_id = approval_task_id
        self.shift_task_ids = None if shift_task_ids is None else list(shift_task_ids)
        self.image_os, self.readiness, self.answer_timeout = image_os, readiness, answer_timeout
        self.timeout, self.poll_interval = timeout, poll_interval

    def act(self, context: Context) -> Any:
        before, store = known_before(context, self.preflight_task_id), context["task_state_store"]
        if (asked := store.get(ASKED_KEY)) is not None:
            # Airflow has removed what the try before left for `restore`.
            context["ti"].xcom_push(ASKED_KEY, asked)
        url = self._under_way(context) or self.with_hook(lambda hook: self._begin(hook, context, before))
        if url is None:
            return self._swapped(context, before)
        store.set(OPERATION_KEY, {"url": url, "request": store.get(ASKED_KEY)})
        context["ti"].xcom_push(OPERATION_KEY, url)
        return self.wait_with(
            AppServiceOperationTrigger(
                operation="swap",
                operation_url=str(url),
                deadline=self._deadline(context, str(url)),
                **self.trigger_arguments(self.poll_interval),
            ),
            context,
        )

    def _deadline(self, context: Context, url: str) -> datetime:
        """Until when this operation is waited for, by all tries that join it."""
        kept = remembered(context, _UNTIL)
        if not kept or kept["url"] != url:
            kept = {"url": url, "until": (now() + self.timeout).isoformat()}
            remember(context, _UNTIL, kept)
        return datetime.fromisoformat(kept["until"])

    def _under_way(self, context: Context) -> str | None:
        """Where to ask how the swap goes that this task began. When a person has cleared the task since, that swap may
        have ended long ago, and been undone; then only what Azure says of production counts."""
        store = context["task_state_store"]
        kept = store.get(OPERATION_KEY)
        if not kept or kept["request"] != store.get(ASKED_KEY):
            return None
        if remembered(context, _ASKED_SINCE_CLEARED):
            return str(kept["url"])
        try:
            over = self.with_hook(lambda hook: hook.swap_status(kept["url"])).done
        except AzureRequestRejected as error:
            self.log.info("%s Looking at what production holds.", error)
            return None
        return None if over else str(kept["url"])

    async def _begin(self, hook: AppServiceHook, context: Context, before: Before) -> str | None:
        """Asks for the swap if it has not happened; where to ask how it goes, or None when it is done."""
        store = context["task_state_store"]
        asked = store.get(ASKED_KEY)
        if asked is not None:
            # Between looking at production and asking, a swap of an earlier try could end, and ours undo it.
            try:
                await hook.refuse_while_busy(self.target)
            except OperationInProgress:
                store.delete(_DOUBTED)  # it may be ours, and ends later
                raise

        def is_known(seen: AppState) -> bool:
            return asked is None or tells_of_now(before, asked, seen.production)

        state = await settled(lambda: hook.read_app(self.target), is_known, self._in_doubt_for(context, asked))
        if before.swapped_in(state.production):
            if asked is None:
                raise ChangedByOthers(
                    f"Somebody swapped {self.target} while this release was under way (Azure's last swap: "
                    f"{state.production.last_swap}). It was not swapped again. Look at what production serves."
                )
            self.log.info("%s is in production already; an earlier try swapped it.", self.target.at_start)
            return None
        if asked and asked["before"] != state.production.last_swap and not self._is_to_swap_anew(context):
            raise ChangedByOthers(
                f"The swap of {self.target} took place, and somebody has swapped it back since (Azure's last swap: "
                f"{state.production.last_swap}). It was not swapped again."
            )
        slot = await self._refuse_another_slot(hook, before, state.slot)
        await self._refuse_what_others_changed(hook, context)
        if self.readiness:
            await refuse_what_does_not_answer(hook, self.target, slot.host, self.readiness, self.answer_timeout)
        remember(context, _CLEARING, True)
        left, cleared_at = weight_left(context, self.shift_task_ids or ()), remembered(context, _CLEARED_AT)
        await hook.clear_weight(self.target, was_left=left is not None and not cleared_at)
        if not cleared_at:
            remember(context, _CLEARED_AT, now().isoformat())
        self.log.info("All new users go to production; swapping %s into it.", self.target)
        asking = {"at": now().isoformat(), "before": state.production.last_swap}
        store.set(ASKED_KEY, asking)
        remember(context, _ASKED_SINCE_CLEARED, True)
        context["ti"].xcom_push(ASKED_KEY, asking)
        return await self._ask(hook, context, asking)

    def _in_doubt_for(self, context: Context, asked: dict[str, Any] | None) -> timedelta | None:
        """For how long yet Azure may tell of the time before an earlier try's swap; None where none is in doubt."""
        store = context["task_state_store"]
        if asked is None or store.get(_FAILED) == asked:
            return None
        doubted = store.get(_DOUBTED)
        if not doubted or doubted["request"] != asked:
            doubted = {"request": asked, "since": now().isoformat()}
            store.set(_DOUBTED, doubted)
        until = datetime.fromisoformat(doubted["since"]) + READ_BACK
        self.log.info(
            "What became of an earlier try's request was not heard. It is sent again if Azure tells of no swap until "
            "%s UTC.",
            f"{until:%H:%M:%S}",
        )
        return max(until - now(), timedelta(0))

    async def _ask(self, hook: AppServiceHook, context: Context, asking: dict[str, Any]) -> str | None:
        """Sends the request, and notes that nothing can come of it when Azure says so."""
        if context["task_state_store"].get(_FAILED) is not None:
            context["ti"].xcom_push(OPERATION_KEY, None)  # that one was refused, or given up; this one is not yet
        try:
            return await hook.begin_swap(self.target)
        except (AzureRequestRejected, TransientAzureError) as error:
            busy = isinstance(error, OperationInProgress)  # perhaps with an earlier request of ours
            if isinstance(error, AzureRequestRejected) or (error.status == TOO_MANY_REQUESTS and not busy):
                context["task_state_store"].set(_FAILED, asking)
                context["ti"].xcom_push(OPERATION_KEY, "")
            raise

    def _is_to_swap_anew(self, context: Context) -> bool:
        """A person cleared this task, and it has not asked since."""
        return was_cleared(context, self.retries) and not remembered(context, _ASKED_SINCE_CLEARED)

    async def _refuse_another_slot(self, hook: AppServiceHook, before: Before, found: SlotState | None) -> SlotState:
        if not before.is_slot_of(found):
            found = await settled(lambda: hook.read_slot(self.target), before.is_slot_of)
        return refuse_another_slot(self.target, before, found)

    async def _refuse_what_others_changed(self, hook: AppServiceHook, context: Context) -> None:
        """What is promoted is what was deployed, watched and approved; and nobody has taken its users off it."""
        if bad := context["ti"].xcom_pull(task_ids=self.approval_task_id, key=VERDICT_KEY):
            raise CanaryRejected(
                f"While a manager was asked: {bad['message']} It was not swapped into production. Clear "
                f"'{self.approval_task_id}' to ask anew, or release again."
            )
        if self.shift_task_ids is not None and not was_cleared(context, self.retries):
            cleared_by_us = remembered(context, _CLEARING) is not None
            left = weight_left(context, self.shift_task_ids)
            await hook.refuse_foreign_rule(self.target, (left, None) if cleared_by_us else (left,))
        deployed = context["ti"].xcom_pull(task_ids=self.deploy_task_id) or {}
        kind, key = ("image", "image") if self.image_os else ("deployment", "deployment_id")
        if not (brought := deployed.get(key, "")):
            return
        found = await settled(lambda: hook.read_content(self.target, self.image_os), lambda seen: seen == brought)
        if not found:
            # The deployment service restarts with the slot, and tells of nothing until it has.
            found = await settled(lambda: hook.read_content(self.target, self.image_os), bool, READ_BACK)
        refuse_foreign_content(self.target, kind, found, brought)

    def finish(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        if event["status"] != SUCCEEDED:
            store = context["task_state_store"]
            if event.get(GIVEN_UP):
                store.set(_FAILED, store.get(ASKED_KEY))
            store.delete(OPERATION_KEY)
            raise SwapFailed(f"{event['message']}")
        return self._swapped(context, known_before(context, self.preflight_task_id))

    def _swapped(self, context: Context, before: Before) -> dict[str, Any]:
        async def read_back(hook: AppServiceHook) -> str:
            production = await hook.read_production(self.target)
            if not before.swapped_in(production):
                raise TransientError(
                    f"App Service says the swap of {self.target} is done, but production holds deployment "
                    f"{production.deployment_id}."
                )
            return production.last_swap

        try:
            last_swap = self.with_hook(read_back, READ_BACK)
        except AzureUnavailable as error:
            raise SwapFailed(f"{error} Look at the app's activity log.") from error
        context["task_state_store"].delete(OPERATION_KEY)
        self.log.info("Production of app '%s' has the new version.", self.app)
        asked = context["task_state_store"].get(ASKED_KEY) or {}
        return {
            "rule_cleared_at": remembered(context, _CLEARED_AT),
            "at": now().isoformat(),
            # Of the content Azure tells at once; should it tell of the swap itself later, nothing is known of it.
            "last_swap": last_swap if last_swap != asked.get("before") else None,
        }
