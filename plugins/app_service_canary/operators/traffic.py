"""Moves a share of the users to the canary slot, and watches what it does to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.log import mask_secret

from app_service_canary.errors import AnalysisInconclusive, CanaryRejected, InvalidReleasePlan, SwapFailed
from app_service_canary.operators.stable import remember_stable, stable_asset
from app_service_canary.operators.task import AppServiceOperator, known_before, remember, remembered, was_cleared
from app_service_canary.patience import settled
from app_service_canary.release.durations import format_duration, parse_bake
from app_service_canary.release.judge import Outcome
from app_service_canary.release.masking import secrets_of
from app_service_canary.release.measurement import Side
from app_service_canary.release.policy import Readiness, Watch
from app_service_canary.triggers.analysis import CanaryAnalysisTrigger
from app_service_canary.triggers.waiting import now

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook
    from app_service_canary.release.app_state import SlotState

_BAKE_UNTIL = "bake_until"
"""Remembered: a bake that was begun is not begun again by the next try."""

NOTHING_TO_DO = {"outcome": "skipped", "reasons": ["This run has fewer steps than the release file."]}


def is_beyond_the_end(value: object) -> bool:
    """A templated step of a run with fewer steps than the release file renders to nothing, or to `None`."""
    return value is None or str(value).strip() in ("", "None")


class AppServiceSetCanaryWeightOperator(AppServiceOperator):
    """Sends a share of production's new users to the slot, and reads it back.

    Only this slot's rule is written, other slots' rules are kept. Nothing is written when it is so already; and nothing
    when somebody else has changed the rule since the step before, unless a person has cleared this task.

    Args:
        weight: percent, 0–100, or text that renders to it; nothing: this run has no such step.
        slot_host: the slot's host name as Azure gives it; None: ask Azure. Templated.
        previous_task_ids: the steps before, of which the last one left the rule as this one has to find it; none
            before the first, which has to find no rule. None: it may find any.
    """

    template_fields: Sequence[str] = (*AppServiceOperator.target_fields, "weight", "slot_host")

    def __init__(
        self,
        *,
        weight: float | str | None,
        slot_host: str | None = None,
        previous_task_ids: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.weight, self.slot_host = weight, slot_host
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
        changed = self.with_hook(lambda hook: self._set(hook, weight, self._left(context)))
        done = "now go" if changed else "go already"
        self.log.info("%g %% of new users of app '%s' %s to slot '%s'.", weight, self.app, done, self.slot)
        return {"requested": weight, "applied": weight, "at": now().isoformat()}

    def _left(self, context: Context) -> tuple[float | None] | None:
        if self.previous_task_ids is None or was_cleared(context, self.retries):
            return None
        return (weight_left(context, self.previous_task_ids),)

    async def _set(self, hook: AppServiceHook, weight: float, left: tuple[float | None] | None) -> bool:
        host = self.slot_host
        if not host:
            slot = await hook.read_slot(self.target)
            if slot is None:
                raise InvalidReleasePlan(f"There is no {self.target}; no traffic was moved.")
            host = slot.host
        return await hook.set_weight(self.target, host, weight, left=left)


def weight_left(context: Context, shift_task_ids: Sequence[str]) -> float | None:
    """The weight at which the last of these steps left the rule, in percent; None when none of them wrote it."""
    shifts = [context["ti"].xcom_pull(task_ids=task) for task in shift_task_ids]
    applied = [shift["applied"] for shift in shifts if shift]
    return float(applied[-1]) if applied else None


class CanaryAnalysisOperator(AppServiceOperator):
    """Watches a version while it bakes; a bad verdict takes new users off it at once, from the trigger.

    Mark it success to go on now, failed to roll back; clear it to watch again.

    Args:
        hosts_by_side: host to ask for each side that is watched, by the side's name (`slot`, `visitors`).
            Templated.
        bake: a duration or `manual`, as text; nothing: this run has no such step. Templated.
        weight: percent that the slot must get when the watch begins, or text that renders to it; a watch without
            users has nothing to judge. None: not looked at. Templated.
        readiness: what is asked, and which answers are good.
        watch: how closely.
        clear_on_failure: whether a bad verdict clears this slot's traffic rule.
    """

    template_fields: Sequence[str] = (*AppServiceOperator.target_fields, "hosts_by_side", "bake", "weight")

    def __init__(
        self,
        *,
        hosts_by_side: dict[str, str],
        bake: str | None,
        weight: float | str | None = None,
        readiness: Readiness | None = None,
        watch: Watch | None = None,
        clear_on_failure: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hosts_by_side, self.bake, self.weight = hosts_by_side, bake, weight
        self.readiness, self.watch = readiness or Readiness(), watch or Watch()
        self.clear_on_failure = clear_on_failure

    def act(self, context: Context) -> Any:
        if is_beyond_the_end(self.bake):
            self.log.info("This run has fewer steps than the release file; nothing to do.")
            return NOTHING_TO_DO
        unknown = set(self.hosts_by_side) - {side.value for side in Side}
        if unknown:
            raise InvalidReleasePlan(f"hosts_by_side: found {sorted(unknown)}; allowed: slot, visitors")
        self.refuse_without_users(context)
        until = self._bake_until(context)
        self.log.info(
            "Watching %s %s.",
            " and ".join(self.hosts_by_side.values()),
            f"until {until:%H:%M:%S} UTC" if until else "until a person marks this task success (go on) or failed",
        )
        return self.wait_with(
            CanaryAnalysisTrigger(
                hosts_by_side=self.hosts_by_side,
                path=self.readiness.path,
                good_statuses=list(self.readiness.statuses),
                bake_until=until,
                failure_limit=self.watch.failure_limit,
                min_answers=self.watch.min_answers,
                answer_timeout_seconds=self.watch.timeout.total_seconds(),
                clear_on_failure=self.clear_on_failure,
                deadline=None,
                **self.trigger_arguments(self.watch.poll_interval),
            ),
            context,
        )

    def refuse_without_users(self, context: Context) -> None:
        """Refuses to watch a slot that does not get its users, as after a rollback.

        Raises:
            InvalidReleasePlan: the rule is not there, or says something else.
        """
        if self.weight is None or is_beyond_the_end(self.weight) or context["ti"].try_number == 1:
            return  # the first time, the step's shift has just read its rule back
        rule = self.with_hook(lambda hook: hook.read_rule(self.target))
        if rule is None or rule.weight != float(self.weight):
            found = f"{rule.weight:g} %" if rule else "no rule for it"
            raise InvalidReleasePlan(
                f"{self.target.at_start} should get {float(self.weight):g} % of the users to be watched, and Azure "
                f"says {found}. Clear the step's shift together with this task."
            )

    def _bake_until(self, context: Context) -> datetime | None:
        try:
            bake = parse_bake(self.bake)
        except ValueError as error:
            raise InvalidReleasePlan(f"bake: {error}") from None
        return None if bake is None else self._remembered(context, bake)

    def _remembered(self, context: Context, bake: timedelta) -> datetime:
        if began := remembered(context, _BAKE_UNTIL):
            return datetime.fromisoformat(str(began))
        until = now() + bake
        remember(context, _BAKE_UNTIL, until.isoformat())
        self.log.info("The bake of %s begins.", format_duration(bake))
        return until

    def finish(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        verdict = {key: value for key, value in event.items() if key not in ("status", "message")}
        if verdict.get("outcome") == Outcome.PASS.value:
            self.log.info("Passed: %s", event["message"])
            self.passed(context)
            return verdict
        context["ti"].xcom_push("return_value", verdict)
        if verdict.get("outcome") == Outcome.FAIL.value:
            raise CanaryRejected(event["message"])
        raise AnalysisInconclusive(event["message"])

    def passed(self, context: Context) -> None:
        """What follows from a good verdict, besides going on."""


class PromotedAnalysisOperator(CanaryAnalysisOperator):
    """Watches production after the swap. Its success means that the release is promoted, and its version stable.

    Args:
        source: the package's address or the image. Templated, but not stored with the rendered fields.
        version: what was released. Templated.
        preflight_task_id: the task that recorded what was there before.
        deploy_task_id: the task that brought the new version to the slot.
        swap_task_id: the task that swaps, and reads back that it has.
    """

    template_fields: Sequence[str] = (*CanaryAnalysisOperator.template_fields, "version")

    def __init__(
        self,
        *,
        source: str,
        version: str,
        preflight_task_id: str = "preflight",
        deploy_task_id: str = "deploy",
        swap_task_id: str = "swap",
        **kwargs: Any,
    ) -> None:
        self.asset = stable_asset(kwargs["resource_group"], kwargs["app"])
        # The rule was cleared before the swap; what a bad verdict undoes is the swap, by `restore`.
        super().__init__(clear_on_failure=False, outlets=[self.asset], **kwargs)
        self.source, self.version = source, version
        self.preflight_task_id, self.deploy_task_id = preflight_task_id, deploy_task_id
        self.swap_task_id = swap_task_id

    def passed(self, context: Context) -> None:
        deployed = context["ti"].xcom_pull(task_ids=self.deploy_task_id) or {}
        source = str(self.render_template(self.source, context))
        for secret in secrets_of(source):
            mask_secret(secret)
        remember_stable(context, self.asset, self.version, source, deployed.get("deployment_id", ""))

    def refuse_without_users(self, context: Context) -> None:
        """Refuses to call promoted what was never swapped in, as when a person marked the swap as success.

        Raises:
            SwapFailed: production holds what it held before.
        """
        before = known_before(context, self.preflight_task_id)

        async def read(hook: AppServiceHook) -> SlotState:
            return await settled(lambda: hook.read_production(self.target), before.swapped_in)

        if not before.swapped_in(self.with_hook(read)):
            raise SwapFailed(f"Production of app '{self.app}' does not hold the new version; it was not swapped in.")
