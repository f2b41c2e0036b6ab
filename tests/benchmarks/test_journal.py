"""Counting a client's calls, on an invented journal and on a real one."""

from datetime import datetime, timedelta, timezone

import pytest
from benchmarks.journal import Call, Calls, by_operation, count, first_between
from tests.simulator import RunningSimulator

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def call(method: str, operation: str, status: int = 200, *, second: float = 0.0) -> Call:
    return Call(n=1, ended=NOON + timedelta(seconds=second), method=method, operation=operation, status=status)


@pytest.mark.parametrize(
    ("expected", "made"),
    [
        (Calls(1, 0, 0, 0), call("GET", "WebApps_GetSlot")),
        (Calls(0, 1, 0, 0), call("PATCH", "WebApps_UpdateConfiguration")),
        (Calls(0, 1, 0, 0), call("POST", "WebApps_SwapSlotSlot", 202)),
        (Calls(0, 0, 1, 0), call("POST", "Entra_Token")),
        (Calls(0, 0, 1, 0), call("GET", "Metadata_Endpoints")),
        (Calls(0, 0, 0, 1), call("GET", "unknown", 404)),
    ],
)
def test_a_call_is_a_read_a_write_a_sign_in_or_refused(expected: Calls, made: Call) -> None:
    assert count([made]) == expected


def test_reading_settings_by_post_is_a_read() -> None:
    assert count([call("POST", "WebApps_ListApplicationSettings")]).reads == 1


def test_sign_ins_do_not_count_against_the_subscription() -> None:
    made = [call("POST", "Entra_Token"), call("GET", "WebApps_Get"), call("POST", "WebApps_StopSlot")]
    assert count(made).resource_manager == 2


def test_operations_come_most_frequent_first_and_then_by_name() -> None:
    made = [call("GET", name) for name in ("WebApps_Get", "WebApps_GetSlot", "Entra_Token", "WebApps_GetSlot")]
    assert list(by_operation(made).items()) == [("WebApps_GetSlot", 2), ("Entra_Token", 1), ("WebApps_Get", 1)]


def test_the_first_call_of_a_task_is_the_earliest_within_its_time() -> None:
    made = [call("GET", name, second=second) for name, second in (("later", 3.0), ("first", 2.0), ("before", 0.5))]
    first = first_between(made, NOON + timedelta(seconds=1), NOON + timedelta(seconds=4))
    assert first is not None
    assert first.operation == "first"


def test_a_task_that_asked_nothing_has_no_first_call() -> None:
    assert first_between([call("GET", "before")], NOON + timedelta(seconds=1), NOON + timedelta(seconds=2)) is None


def test_the_simulators_own_journal_is_understood(simulator: RunningSimulator, app: str) -> None:
    simulator.token()
    before = simulator.journal()[-1]["n"]
    simulator.arm("GET", simulator.app_path(app, "stage")).raise_for_status()
    simulator.arm("POST", f"{simulator.app_path(app)}/config/appsettings/list").raise_for_status()
    simulator.set_rules(app, [])
    made = [Call.model_validate(entry) for entry in simulator.journal(before)]
    assert count(made) == Calls(reads=2, writes=1, sign_ins=0, refused=0)
