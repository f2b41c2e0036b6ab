"""Watches what the new version does in production."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.log import mask_secret

from app_service_canary.errors import AppServiceCanaryError, ChangedByOthers, SwapFailed
from app_service_canary.operators.analysis import CanaryAnalysisOperator
from app_service_canary.operators.looks import last_evidence
from app_service_canary.operators.stable import remember_stable, stable_asset
from app_service_canary.operators.swap import ASKED_KEY, production_after
from app_service_canary.operators.task import known_before
from app_service_canary.patience import A_MOMENT, READ_BACK
from app_service_canary.release.masking import secrets_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.release.app_state import Before, SlotState


class PromotedAnalysisOperator(CanaryAnalysisOperator):
    """Watches production after the swap. Its success means that the release is promoted, and its version stable.

    Args:
        source: the package's address or the image. Templated, but not stored with the rendered fields.
        version: what was released. Templated.
        deploy_task_id: the task that brought the new version to the slot.
        swap_task_id: the task that swaps, and reads back that it has.
    """

    template_fields: Sequence[str] = (*CanaryAnalysisOperator.template_fields, "version")

    def __init__(
        self,
        *,
        source: str,
        version: str,
        deploy_task_id: str = "deploy",
        swap_task_id: str = "swap",
        **kwargs: Any,
    ) -> None:
        self.asset = stable_asset(kwargs["resource_group"], kwargs["app"])
        # The rule was cleared before the swap; what a bad verdict undoes is the swap, by `restore`.
        super().__init__(clear_on_failure=False, outlets=[self.asset], **kwargs)
        self.source, self.version = source, version
        self.deploy_task_id, self.swap_task_id = deploy_task_id, swap_task_id

    def evidence(self, context: Context) -> dict[str, Any]:
        """Production begins anew: what the canary did in its slot is not what it does here."""
        return {}

    def before(self, context: Context) -> dict[str, Any]:
        evidence = last_evidence(context, self.look_task_ids)
        return {source: kept["baseline"] for source, kept in evidence.items()}

    def passed(self, context: Context) -> None:
        self._refuse_what_was_swapped_back(context)
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
        if not before.swapped_in(self._production(context, before)):
            raise SwapFailed(f"Production of app '{self.app}' does not hold the new version; it was not swapped in.")

    def _refuse_what_was_swapped_back(self, context: Context) -> None:
        """Refuses to call promoted what somebody took out of production while it was watched.

        Raises:
            ChangedByOthers: production holds something else by now.
        """
        before = known_before(context, self.preflight_task_id)
        try:
            production = self._production(context, before, A_MOMENT)
        except AppServiceCanaryError as error:
            self.log.warning("%s Production was swapped and answers well, and that counts.", error)
            return
        ours = self._swapped(context).get("last_swap") or production.last_swap
        if not before.swapped_in(production) or production.last_swap != ours:
            raise ChangedByOthers(
                f"Somebody took the new version out of production of app '{self.app}' while it was watched (Azure's "
                f"last swap: {production.last_swap}). It is not promoted."
            )

    def _production(self, context: Context, before: Before, patience: timedelta | None = None) -> SlotState:
        # Of a swap that was read back, Azure may still tell elsewhere that it has not been.
        limit = READ_BACK if self._swapped(context) else None
        asked = context["ti"].xcom_pull(task_ids=self.swap_task_id, key=ASKED_KEY)
        return self.with_hook(lambda hook: production_after(hook, self.target, before, asked, limit), patience)

    def _swapped(self, context: Context) -> dict[str, Any]:
        """What `swap` left; empty when a person marked it success."""
        return context["ti"].xcom_pull(task_ids=self.swap_task_id) or {}
