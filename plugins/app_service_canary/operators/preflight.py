"""Reads everything, changes nothing, and refuses what cannot be released."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.log import mask_secret

from app_service_canary.errors import PreflightRefused
from app_service_canary.operators.last_release import note_release, unfinished_release
from app_service_canary.operators.stable import recall_stable, stable_asset
from app_service_canary.operators.swap import production_after
from app_service_canary.operators.task import RECORD_KEY, AppServiceOperator
from app_service_canary.patience import READ_BACK
from app_service_canary.release.app_state import AppState, Before
from app_service_canary.release.durations import format_duration
from app_service_canary.release.masking import secrets_of
from app_service_canary.release.ownership import refuse_after_the_swap
from app_service_canary.release.plan import ReleasePlan, plan_release
from app_service_canary.release.policy import ReleasePolicy
from app_service_canary.release.preflight import objections
from app_service_canary.release.source import refuse_an_ended_signature
from app_service_canary.release.stable import Stable
from app_service_canary.triggers.waiting import now

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook

UNKNOWN_VERSION = "(unknown)"


class ReleasePreflightOperator(AppServiceOperator):
    """Checks the run's parameters and the app's state, and leaves the plan that the other tasks follow.

    Returns what was there before (`before`), both versions, the hosts, and the steps of this run, one entry
    for each step of the release file: those beyond the end of the run's weights have the weight None.

    Args:
        policy: the release file.
    """

    def __init__(self, *, policy: ReleasePolicy, **kwargs: Any) -> None:
        self.policy, self.asset = policy, stable_asset(policy.resource_group, policy.app)
        super().__init__(inlets=[self.asset], **kwargs)

    def act(self, context: Context) -> dict[str, Any]:
        if kept := context["task_state_store"].get(RECORD_KEY):
            # A person has cleared this task, and Airflow removed what the way back needs.
            context["ti"].xcom_push(RECORD_KEY, kept)
        params = context["params"]
        for secret in secrets_of(str(params.get("package_uri") or "")):
            mask_secret(secret)
        settings = self.with_hook(lambda hook: hook.settings())
        plan = plan_release(self.policy, params, allow_http_packages=settings.allow_http_packages)
        refuse_an_ended_signature(plan.source, now())
        self._refuse_over_an_unfinished_release(context)
        promoted_last = recall_stable(context, self.asset)
        state, stable_version, stable, content = self.with_hook(lambda hook: self._read(hook, promoted_last))
        before = self._before(kept, state)
        if found := objections(state, self.policy, plan.steps[-1].weight):
            raise PreflightRefused(" ".join(found))
        self._remember(context, before, stable, content)
        self.log.info(
            "Version %s of app '%s' may be released; production runs %s.", plan.version, self.app, stable_version
        )
        return self._record(plan, state, before, stable_version)

    def _refuse_over_an_unfinished_release(self, context: Context) -> None:
        """The last release may have left its swap back to a person, who has not got to it yet.

        Raises:
            PreflightRefused: production still holds what it swapped in.
        """
        last = unfinished_release(context, self.asset)
        if last is None:
            return
        before, asked = last.before, last.asked
        production = self.with_hook(lambda hook: production_after(hook, self.target, before, asked, READ_BACK))
        last.refuse_to_deploy_over(production)

    def _before(self, kept: dict[str, Any] | None, state: AppState) -> Before:
        """Who was where before this run changed anything, also when the run was cleared and starts again."""
        if not kept:
            return Before.of(state)
        before = Before.from_json(kept["before"])
        refuse_after_the_swap(self.target, before, state.production)
        return before

    def _remember(self, context: Context, before: Before, stable: Stable | None, content: str) -> None:
        """From here on the run may change Azure; the way back needs this, whatever becomes of the release file."""
        record = {
            "before": before.to_json(),
            "stable": stable.to_json() if stable else None,
            "production_content": content,
            "image_os": self.policy.artifact.image_os,
            "resource_group": self.resource_group,
            "app": self.app,
            "slot": self.slot,
        }
        note_release(context, self.asset, record)
        context["task_state_store"].set(RECORD_KEY, record)
        context["ti"].xcom_push(RECORD_KEY, record)

    async def _read(
        self, hook: AppServiceHook, promoted_last: Stable | None
    ) -> tuple[AppState, str, Stable | None, str]:
        """The app, the version in production, what would put that version back into the slot, and the image or
        deployment by which it is known there."""
        state = await hook.read_app(self.target)
        version = await self._said_version(hook, state)
        content = await hook.read_content(self.target, self.policy.artifact.image_os, production=True)
        if self.policy.artifact.image_os:
            known = version or content or UNKNOWN_VERSION
            return state, known, Stable(known, content) if content else None, content
        if promoted_last and promoted_last.is_in_production(version, "" if version else content):
            return state, promoted_last.version, promoted_last, content
        return state, version or UNKNOWN_VERSION, None, content

    async def _said_version(self, hook: AppServiceHook, state: AppState) -> str | None:
        """What the app in production says of itself; None when it is not asked, or does not say."""
        if not (path := self.policy.readiness.version_path):
            return None
        async with await hook.app_hosts(self.policy.watch.timeout.total_seconds()) as hosts:
            return await hosts.version(state.production.host, path)

    def _record(self, plan: ReleasePlan, state: AppState, before: Before, stable_version: str) -> dict[str, Any]:
        steps = [plan.step(index) for index in range(len(self.policy.steps))]
        return {
            "app": self.app,
            "slot": self.slot,
            "stable_version": stable_version,
            "canary_version": plan.version,
            "source": plan.shown_source,
            "note": plan.note,
            "production_host": state.production.host,
            "steps": [
                {"weight": step.weight, "bake": format_duration(step.bake)} if step else {"weight": None, "bake": None}
                for step in steps
            ],
            "before": before.to_json(),
        }
