"""Waits for App Service: a deployment, a swap, a slot that answers."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import AzureResourceMissing, TransientError
from app_service_canary.release.app_state import AppTarget, Deployment, OperationStatus
from app_service_canary.release.observation import Side
from app_service_canary.triggers.waiting import FAILED, SUCCEEDED, TIMED_OUT, WaitingTrigger, event, now

if TYPE_CHECKING:
    from app_service_canary.hooks.app_hosts import AppHosts
    from app_service_canary.hooks.app_service import AppServiceHook


UNAUTHENTICATED = 401

GIVEN_UP = "given_up"
"""The key under which an event says that App Service itself called the operation failed. Where it may not be asked, or
was not done in time, nobody knows what becomes of the operation."""

FIRST_PAUSE = 1.0
"""Seconds before the second question about an operation."""

UNKNOWN_LIMIT, UNKNOWN_LOOKS = 120.0, 3
"""Seconds for which a slot may know another deployment and not ours, and how many looks in a row have to say so. It
knows one before it says so, but its deployment service restarts with the slot; a swap by somebody else takes a
deployment away for good."""


class AppServiceTrigger(WaitingTrigger):
    """A wait that talks to App Service, with the hook that its operator uses.

    Args:
        azure_app_service_conn_id: the Airflow connection.
        resource_group, app, slot: which app and slot.
    """

    def __init__(
        self,
        *,
        azure_app_service_conn_id: str,
        resource_group: str,
        app: str,
        slot: str,
        poll_interval_seconds: float,
        deadline: datetime | None,
        waiter: str = "",
    ) -> None:
        super().__init__(poll_interval_seconds=poll_interval_seconds, deadline=deadline, waiter=waiter)
        self.azure_app_service_conn_id = azure_app_service_conn_id
        self.target = AppTarget(resource_group, app, slot)
        self._open = AsyncExitStack()

    def shared_arguments(self) -> dict[str, Any]:
        """The arguments above, for `serialize`."""
        return {
            "azure_app_service_conn_id": self.azure_app_service_conn_id,
            "resource_group": self.target.resource_group,
            "app": self.target.app,
            "slot": self.target.slot,
            "poll_interval_seconds": self.poll_interval_seconds,
            "deadline": self.deadline,
            "waiter": self.waiter,
        }

    async def opened(self) -> None:
        # Late, because operators import this module while a DAG file is parsed, and the hook imports Azure's.
        from app_service_canary.hooks.app_service import AppServiceHook

        self.hook: AppServiceHook = await self._open.enter_async_context(AppServiceHook(self.azure_app_service_conn_id))

    async def closed(self) -> None:
        await self._open.aclose()

    async def troubled(self, error: TransientError) -> None:
        # A token that Azure no longer takes is replaced with the client that holds it.
        if getattr(error, "status", None) == UNAUTHENTICATED:
            await self.closed()
            await self.opened()

    async def open_hosts(self, timeout: float) -> AppHosts:
        """A client for the apps' own hosts, closed with the rest."""
        return await self._open.enter_async_context(await self.hook.app_hosts(timeout))


class AppServiceOperationTrigger(AppServiceTrigger):
    """Waits for a deployment or a swap that was begun.

    Args:
        operation: `deployment` or `swap`.
        operation_url: where to ask.
        deployment_id: which deployment; empty for a swap, and where Azure gave none.
    """

    OPERATIONS = ("deployment", "swap")

    def __init__(self, *, operation: str, operation_url: str, deployment_id: str = "", **shared: Any) -> None:
        super().__init__(**shared)
        if operation not in self.OPERATIONS:
            raise ValueError(f"operation {operation!r}; allowed: {', '.join(self.OPERATIONS)}")
        self.operation, self.operation_url, self.deployment_id = operation, operation_url, deployment_id
        self.pause = min(FIRST_PAUSE, self.poll_interval_seconds)
        self.unknown: list[datetime] = []  # looks in a row at which the slot did not know ours

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "app_service_canary.triggers.app_service.AppServiceOperationTrigger",
            {
                **self.shared_arguments(),
                "operation": self.operation,
                "operation_url": self.operation_url,
                "deployment_id": self.deployment_id,
            },
        )

    async def look(self) -> dict[str, Any] | None:
        status = await self._status()
        if not status.done:
            return self._lost(status.unknown_beside)
        if status.failure:
            return event(FAILED, status.failure, **{GIVEN_UP: True})
        return event(SUCCEEDED, f"The {self.operation} of {self.target} has finished.")

    def _lost(self, beside: str) -> dict[str, Any] | None:
        """The event for a deployment that the slot has not known for too long."""
        self.unknown = [*self.unknown, now()] if beside else []
        if len(self.unknown) < UNKNOWN_LOOKS or (now() - self.unknown[0]).total_seconds() < UNKNOWN_LIMIT:
            return None
        return event(
            FAILED,
            f"{self.target.at_start} has not known deployment {self.deployment_id} for {UNKNOWN_LIMIT:.0f} s; what it "
            f"tells of is {beside}. Was the slot swapped meanwhile?",
        )

    async def troubled(self, error: TransientError) -> None:
        await super().troubled(error)
        self.unknown = []  # the slot may be restarting, and says nothing of ours until it has

    def next_pause(self) -> float:
        """Short at first, for many operations end soon, then longer and longer up to the poll interval."""
        pause, self.pause = self.pause, min(self.pause * 1.5, self.poll_interval_seconds)
        return pause

    async def _status(self) -> OperationStatus:
        try:
            if self.operation == "swap":
                return await self.hook.swap_status(self.operation_url)
            return await self.hook.deployment_status(self.target, Deployment(self.deployment_id, self.operation_url))
        except AzureResourceMissing:
            # A swap that Azure has forgotten is over; whether it happened, the task asks production itself. A slot may
            # tell of no deployment while its deployment service restarts, and for good when somebody swapped it.
            swap = self.operation == "swap"
            return OperationStatus(swap, unknown_beside="" if swap else "no deployment")

    def expired(self) -> dict[str, Any]:
        trouble = f" The last answer was: {self.trouble}" if self.trouble else ""
        return event(TIMED_OUT, f"The {self.operation} of {self.target} has not finished in time.{trouble}")


class SlotReadyTrigger(AppServiceTrigger):
    """Waits until a slot answers well at its own host, several times in a row.

    Args:
        host: the slot's host name as Azure gives it.
        path: what to ask.
        good_statuses: HTTP statuses that are good answers.
        consecutive: how many good ones in a row.
        version_path: where the app says its version; None: not asked.
        version: what it must say there.
        answer_timeout_seconds: for one answer.
    """

    def __init__(
        self,
        *,
        host: str,
        path: str,
        good_statuses: list[int],
        consecutive: int,
        version_path: str | None,
        version: str,
        answer_timeout_seconds: float,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.host, self.path, self.good_statuses, self.consecutive = host, path, good_statuses, consecutive
        self.version_path, self.version = version_path, version
        self.answer_timeout_seconds = answer_timeout_seconds
        self.in_a_row, self.asked, self.last_problem = 0, 0, "has not been asked"

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "app_service_canary.triggers.app_service.SlotReadyTrigger",
            {
                **self.shared_arguments(),
                "host": self.host,
                "path": self.path,
                "good_statuses": self.good_statuses,
                "consecutive": self.consecutive,
                "version_path": self.version_path,
                "version": self.version,
                "answer_timeout_seconds": self.answer_timeout_seconds,
            },
        )

    async def opened(self) -> None:
        await super().opened()
        self.hosts = await self.open_hosts(self.answer_timeout_seconds)

    async def look(self) -> dict[str, Any] | None:
        answer = await self.hosts.ask(Side.SLOT, self.host, self.path, tuple(self.good_statuses))
        self.asked += 1
        problem = answer.problem or await self._wrong_version()
        self.in_a_row = 0 if problem else self.in_a_row + 1
        if problem:
            self.last_problem = problem
            self.log.info("%s is not ready: %s %s.", self.target.at_start, answer.asked, problem)
            return None
        if self.in_a_row < self.consecutive:
            return None
        return event(
            SUCCEEDED,
            f"{self.target.at_start} answered {answer.asked} well {self.in_a_row} times in a row.",
            requests=self.asked,
        )

    async def _wrong_version(self) -> str:
        if self.version_path is None:
            return ""
        found = await self.hosts.version(self.host, self.version_path)
        return "" if found == self.version else f"runs version {found or '(unknown)'}, not {self.version}"

    def expired(self) -> dict[str, Any]:
        return event(
            TIMED_OUT,
            f"{self.target.at_start} was not ready in time: GET {self.path} {self.last_problem}, after "
            f"{self.asked} requests. No traffic was moved. Look at the slot's log stream, then clear slot_ready.",
        )
