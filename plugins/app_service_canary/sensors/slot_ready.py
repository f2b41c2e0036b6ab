"""Waits until the slot answers well."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.sensor import BaseSensorOperator

from app_service_canary.errors import PreflightRefused, SlotWarmUpTimeout
from app_service_canary.operators.task import AppServiceTask, deadline_of
from app_service_canary.release.policy import Readiness
from app_service_canary.triggers.app_service import SlotReadyTrigger
from app_service_canary.triggers.waiting import SUCCEEDED

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook


class SlotReadySensor(AppServiceTask, BaseSensorOperator):
    """Asks the slot's own host until it answers well several times in a row, with the right version if asked.

    A swap that Azure calls successful proves nothing: by default any HTTP answer counts as warmed up
    (https://learn.microsoft.com/azure/app-service/deploy-staging-slots#specify-custom-warm-up).

    Args:
        slot_host: the slot's host name as Azure gives it; nothing: ask Azure. Templated.
        version: what the slot must say it runs, where `readiness` names a version_path. Templated.
        readiness: what is asked, what is good, and how long it may take, all tries of this task together.
        answer_timeout: how long one answer may take.
        poll_interval: pause between two requests.
    """

    template_fields: Sequence[str] = (*AppServiceTask.target_fields, "slot_host", "version")
    ui_color = "#e6f1f2"

    def __init__(
        self,
        *,
        resource_group: str,
        app: str,
        slot: str,
        version: str,
        slot_host: str | None = None,
        readiness: Readiness | None = None,
        answer_timeout: timedelta = timedelta(seconds=10),
        poll_interval: timedelta = timedelta(seconds=1),
        azure_app_service_conn_id: str = "azure_app_service",
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._set_target(resource_group, app, slot, azure_app_service_conn_id, deferrable)
        self.version, self.slot_host, self.readiness = version, slot_host, readiness or Readiness()
        self.answer_timeout, self.poll_interval = answer_timeout, poll_interval

    def act(self, context: Context) -> Any:
        host = self.slot_host or self.with_hook(self._host)
        return self.wait_with(
            SlotReadyTrigger(
                host=host,
                path=self.readiness.path,
                good_statuses=list(self.readiness.statuses),
                consecutive=self.readiness.consecutive,
                version_path=self.readiness.version_path,
                version=self.version,
                answer_timeout_seconds=self.answer_timeout.total_seconds(),
                deadline=deadline_of(context, self.readiness.timeout),
                **self.trigger_arguments(self.poll_interval),
            ),
            context,
        )

    async def _host(self, hook: AppServiceHook) -> str:
        slot = await hook.read_slot(self.target)
        if slot is None:
            raise PreflightRefused(f"There is no {self.target}.")
        return slot.host

    def finish(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        if event["status"] != SUCCEEDED:
            raise SlotWarmUpTimeout(event["message"])
        self.log.info("%s", event["message"])
        return {"requests": event["requests"]}
