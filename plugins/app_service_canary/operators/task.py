"""What every task of a release has in common: an app, a slot, a connection, and how it waits and fails."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseOperator
from airflow.sdk.log import mask_secret

from app_service_canary.errors import AppServiceCanaryError, PreflightRefused
from app_service_canary.patience import PATIENCE, patiently
from app_service_canary.release.app_state import AppTarget, Before
from app_service_canary.release.masking import secrets_of, without_values
from app_service_canary.triggers.waiting import WaitingTrigger, now, read_event

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook

T = TypeVar("T")

FAILURE_KEY = "failure"
"""XCom key under which a failed task leaves its sentence, for `outcome` to quote."""

RECORD_KEY = "record"
"""XCom key under which preflight notes what the way back needs."""

_UNTIL = "until"
"""Remembered: until when a task waits."""


@contextmanager
def failure_is_kept(context: Context) -> Iterator[None]:
    """Leaves the sentence of an error where `outcome` finds it, and lets it pass."""
    address = str((context.get("params") or {}).get("package_uri") or "")
    for secret in secrets_of(address):
        mask_secret(secret)
    try:
        yield
    except AppServiceCanaryError as error:
        context["ti"].xcom_push(FAILURE_KEY, without_values(str(error), address))
        raise
    except Exception as error:
        # Nobody knows what it quotes; an XCom is masked by nothing.
        said = without_values(f"{type(error).__name__}: {error}", address)
        context["ti"].xcom_push(FAILURE_KEY, f"{said} (see the task's log)")
        raise


def _waiter(context: Context) -> str:
    """This try of this task; Airflow gives each its own id."""
    return str(context["ti"].id)


class AppServiceTask:
    """Mixed into operators and sensors. `act` does or looks, `finish` is called with what was waited for.

    Both may be run again at any point: they read Azure first and act only if needed.

    Args:
        resource_group, app, slot: which app and slot. Templated.
        azure_app_service_conn_id: the Airflow connection. Templated.
        deferrable: wait in the triggerer, and hold no worker meanwhile. Yes, whatever Airflow's
            `[operators] default_deferrable` says: a release waits for hours.
        patience: how long trouble that passes is borne, when Azure throttles, fails or is busy.
    """

    target_fields: Sequence[str] = ("resource_group", "app", "slot", "azure_app_service_conn_id")

    resource_group: str
    app: str
    slot: str
    azure_app_service_conn_id: str
    deferrable: bool
    patience: timedelta = PATIENCE

    def _set_target(
        self, resource_group: str, app: str, slot: str, azure_app_service_conn_id: str, deferrable: bool
    ) -> None:
        self.resource_group, self.app, self.slot = resource_group, app, slot
        self.azure_app_service_conn_id = azure_app_service_conn_id
        self.deferrable = deferrable

    @property
    def target(self) -> AppTarget:
        return AppTarget(self.resource_group, self.app, self.slot)

    @abstractmethod
    def act(self, context: Context) -> Any:
        """Does the task's work, up to where it has to wait."""

    def finish(self, context: Context, event: dict[str, Any]) -> Any:
        """Goes on after the wait."""
        raise NotImplementedError(f"{type(self).__name__} waits for nothing")

    def execute(self, context: Context) -> Any:
        with failure_is_kept(context):
            return self.act(context)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        with failure_is_kept(context):
            return self.finish(context, self.received(context, event))

    def received(self, context: Context, event: Any) -> dict[str, Any]:
        """The event the task was resumed with, checked."""
        return read_event(event, _waiter(context))

    def with_hook(self, work: Callable[[AppServiceHook], Awaitable[T]], patience: timedelta | None = None) -> T:
        """As `patiently_with_hook`, for a task that has nothing else to do meanwhile."""
        return asyncio.run(self.patiently_with_hook(work, patience))

    async def patiently_with_hook(
        self, work: Callable[[AppServiceHook], Awaitable[T]], patience: timedelta | None = None
    ) -> T:
        """Runs asynchronous work with an open hook, again while it meets trouble that passes.

        Args:
            work: reads Azure before it acts, for an earlier try may have acted.
            patience: for how long; None: the task's own.
        """
        from app_service_canary.hooks.app_service import AppServiceHook

        async def once() -> T:
            # A hook for each try: with it goes a token that Azure no longer takes.
            async with AppServiceHook(self.azure_app_service_conn_id) as hook:
                return await work(hook)

        return await patiently(once, self.patience if patience is None else patience, self.log)  # type: ignore[attr-defined]

    def wait_with(self, trigger: WaitingTrigger, context: Context) -> Any:
        """Hands the wait to the triggerer; without deferral, waits here with the same trigger."""
        trigger.waiter = _waiter(context)
        if self.deferrable:
            self.defer(trigger=trigger, method_name="execute_complete")  # type: ignore[attr-defined]
        return self.finish(context, self.received(context, asyncio.run(trigger.in_this_process())))

    def trigger_arguments(self, poll_interval: timedelta) -> dict[str, Any]:
        """What every trigger of ours needs to talk to the same app with the same connection."""
        return {
            "azure_app_service_conn_id": self.azure_app_service_conn_id,
            "resource_group": self.resource_group,
            "app": self.app,
            "slot": self.slot,
            "poll_interval_seconds": poll_interval.total_seconds(),
        }


class AppServiceOperator(AppServiceTask, BaseOperator):
    """Base of the operators; see `AppServiceTask`."""

    template_fields: Sequence[str] = AppServiceTask.target_fields
    ui_color = "#e1effa"

    def __init__(
        self,
        *,
        resource_group: str,
        app: str,
        slot: str,
        azure_app_service_conn_id: str = "azure_app_service",
        deferrable: bool = True,
        patience: timedelta = PATIENCE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._set_target(resource_group, app, slot, azure_app_service_conn_id, deferrable)
        self.patience = patience


def record_of(context: Context, preflight_task_id: str) -> dict[str, Any] | None:
    """What preflight noted of the app, slot and who was where; None when it did not get that far."""
    record: dict[str, Any] | None = context["ti"].xcom_pull(task_ids=preflight_task_id, key=RECORD_KEY)
    return record


def before_of(context: Context, preflight_task_id: str, start_slot_task_id: str = "start_slot") -> Before | None:
    """What preflight saw; None when it did not get that far, and then nothing was changed.

    A slot that this run created had no deployment when preflight looked; it has the one that start_slot found.
    """
    record = record_of(context, preflight_task_id)
    if record is None:
        return None
    before = Before.from_json(record["before"])
    if before.slot_deployment_id is None:
        started = context["ti"].xcom_pull(task_ids=start_slot_task_id) or {}
        before = replace(before, slot_deployment_id=started.get("deployment_id"))
    return before


def known_before(context: Context, preflight_task_id: str) -> Before:
    """What preflight saw.

    Raises:
        PreflightRefused: it saw nothing; what a swap did could not be told from what was there before.
    """
    before = before_of(context, preflight_task_id)
    if before is None:
        raise PreflightRefused(f"Task '{preflight_task_id}' has left no record of this run; clear the run from there.")
    return before


def was_cleared(context: Context, retries: int | None) -> bool:
    """A person cleared this task: go on from what is there now."""
    return _generation(context) > (retries or 0)


def remembered(context: Context, key: str) -> Any:
    """What an earlier try of this task remembered; None without one, or when a person has cleared the task since."""
    kept = context["task_state_store"].get(key)
    return kept["value"] if isinstance(kept, dict) and kept["generation"] == _generation(context) else None


def remember(context: Context, key: str, value: Any) -> None:
    """Keeps something for this task's later tries, until a person clears it, which means: do it anew."""
    context["task_state_store"].set(key, {"generation": _generation(context), "value": value})


def deadline_of(context: Context, timeout: timedelta) -> datetime:
    """Until when this task waits. All its tries have the time together, from the first one that waits; a person's
    clearing gives it anew."""
    until = remembered(context, _UNTIL)
    if until is None:
        until = (now() + timeout).isoformat()
        remember(context, _UNTIL, until)
    return datetime.fromisoformat(until)


def _generation(context: Context) -> int:
    """Airflow tells a try after a failure from one after a person's clearing by granting more tries for the latter."""
    return int(getattr(context["ti"], "max_tries", 0))
