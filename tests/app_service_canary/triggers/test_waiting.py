"""How this project waits."""

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.configuration import conf

from app_service_canary.errors import AppServiceCanaryError, AzureRequestRejected, PermanentError, TransientAzureError
from app_service_canary.triggers import waiting
from app_service_canary.triggers.waiting import SETTLE, WaitingTrigger, event, now, read_event


class Looking(WaitingTrigger):
    """Looks at what a test prepared, one after the other."""

    def __init__(self, *looks: Any, deadline_in: float | None = None) -> None:
        deadline = None if deadline_in is None else now() + timedelta(seconds=deadline_in)
        super().__init__(poll_interval_seconds=0.01, deadline=deadline)
        self.looks = list(looks)
        self.steps: list[str] = []

    async def opened(self) -> None:
        self.steps.append("opened")

    async def closed(self) -> None:
        self.steps.append("closed")

    async def look(self) -> dict[str, Any] | None:
        self.steps.append("look")
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, Exception):
            raise found
        return found

    def expired(self) -> dict[str, Any]:
        return event("timed_out", "too late")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "Looking", {}


async def events_of(trigger: WaitingTrigger) -> list[Any]:
    return [received.payload async for received in trigger.run()]


async def test_a_wait_ends_with_the_first_event_and_closes_what_it_opened() -> None:
    trigger = Looking(None, None, event("succeeded", "done"))
    assert await events_of(trigger) == [{"status": "succeeded", "message": "done", "waiter": ""}]
    assert trigger.steps == ["opened", "look", "look", "look", "closed"]


async def test_a_look_that_fails_in_passing_is_repeated() -> None:
    trigger = Looking(TransientAzureError("busy", status=429, retry_after=0.02), event("succeeded", "done"))
    assert (await events_of(trigger))[0]["status"] == "succeeded"


async def test_a_look_that_keeps_failing_still_uses_up_the_deadline() -> None:
    trigger = Looking(TransientAzureError("busy"), deadline_in=0.05)
    assert await events_of(trigger) == [{"status": "timed_out", "message": "too late", "waiter": ""}]
    assert trigger.trouble == "busy"


async def test_an_error_that_another_look_would_meet_again_ends_the_wait_as_failed() -> None:
    assert await events_of(Looking(AzureRequestRejected("no"))) == [{"status": "failed", "message": "no", "waiter": ""}]


async def test_an_error_nobody_expected_passes_and_still_closes() -> None:
    trigger = Looking(ZeroDivisionError("surprise"))
    with pytest.raises(ZeroDivisionError):
        await events_of(trigger)
    assert trigger.steps[-1] == "closed"


async def test_no_event_comes_before_the_scheduler_has_seen_the_deferral(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SETTLE", timedelta(seconds=0.2))
    began = now()
    await events_of(Looking(event("succeeded", "at once")))
    assert now() - began >= timedelta(seconds=0.2)


@pytest.mark.parametrize("received", [None, {}, {"status": "succeeded"}, {"status": "ok", "message": ""}, "succeeded"])
def test_a_missing_or_malformed_event_is_never_a_success(received: Any) -> None:
    with pytest.raises(AppServiceCanaryError, match="without a usable event"):
        read_event(received)


async def test_a_task_takes_its_own_event_and_no_other_tasks() -> None:
    trigger = Looking(event("succeeded", "approved"))
    trigger.waiter = "another try"
    [received] = await events_of(trigger)
    assert read_event(received, "another try") == event("succeeded", "approved")
    with pytest.raises(AppServiceCanaryError, match=r"another task's event \(approved\)") as refused:
        read_event(received, "this try")
    assert not isinstance(refused.value, PermanentError), "the next try has to wait anew"


def test_an_event_has_one_of_three_statuses() -> None:
    with pytest.raises(ValueError, match="allowed: succeeded, failed, timed_out"):
        event("done", "")


def test_no_event_comes_before_airflow_is_sure_to_have_seen_the_deferring_process_end() -> None:
    looks_again_after = timedelta(seconds=conf.getint("workers", "min_heartbeat_interval"))
    assert looks_again_after < SETTLE < looks_again_after + timedelta(seconds=5)
