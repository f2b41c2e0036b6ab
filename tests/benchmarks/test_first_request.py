"""Tasks' times and the journal, put together."""

from datetime import datetime, timedelta, timezone

import pytest
from benchmarks.first_request import Delays, delays, table
from benchmarks.journal import Call

from demo.airflow_api import TaskInstance
from demo.errors import DemonstrationError

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def task(start: float, end: float, state: str = "success") -> TaskInstance:
    at = [NOON + timedelta(seconds=seconds) for seconds in (start, end)]
    return TaskInstance(task_id=f"read_{start:g}", state=state, start_date=at[0], end_date=at[1])


def call(second: float) -> Call:
    at = NOON + timedelta(seconds=second)
    return Call(n=1, ended=at, method="POST", operation="Entra_Token", status=200)


def test_each_task_is_given_the_first_call_of_its_own_time() -> None:
    found = delays([task(0, 1), task(2, 3.5)], [call(0.25), call(0.5), call(2.75), call(3.0)])
    assert found == Delays(to_first_request=[0.25, 0.75], to_end=[1.0, 1.5])


def test_a_task_that_asked_azure_nothing_gives_no_figure() -> None:
    with pytest.raises(DemonstrationError, match="made no request"):
        delays([task(0, 1)], [call(1.5)])


def test_a_task_that_failed_gives_no_figure() -> None:
    with pytest.raises(DemonstrationError, match="ended as failed"):
        delays([task(0, 1, "failed")], [call(0.5)])


def test_each_airflow_is_a_row() -> None:
    shown = table({"with": Delays([0.1, 0.2, 0.9], [1.0, 1.0, 1.0])})
    assert [list(column.cells) for column in shown.columns] == [["with"], ["0.20 s"], ["0.10 s"], ["0.90 s"], ["1 s"]]
