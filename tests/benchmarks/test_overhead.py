"""Releases compared: their overhead and their calls; and the script with az, without az."""

import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

from benchmarks.az import SCRIPT
from benchmarks.figures import verdict
from benchmarks.journal import Calls
from benchmarks.overhead import (
    BAKES,
    CHECKED,
    OURS,
    PLAIN,
    Cost,
    approval_seconds,
    figures,
    operations_table,
    table,
    time_table,
)

from demo.airflow_api import TaskInstance


def cost(seconds: float, reads: int, writes: int, approval: float = 0.0) -> Cost:
    return Cost(seconds, Calls(reads, writes, sign_ins=1, refused=0), {"WebApps_Get": reads}, approval)


def test_overhead_is_what_bakes_azure_and_the_approval_do_not_account_for() -> None:
    assert cost(BAKES + 12.0, 0, 0, approval=5.0).overhead(azure=3.0) == 4.0


def test_the_project_is_held_against_the_script_that_makes_the_same_checks() -> None:
    costs = {
        OURS: cost(BAKES + 30.0, 10, 8),
        CHECKED: cost(BAKES + 25.0, 20, 8),
        PLAIN: cost(BAKES + 20.0, 5, 8),
    }
    overhead, other_overhead, calls, other_calls, _ = figures(costs, azure=3.0)
    assert (verdict(overhead), overhead.below, other_overhead.value) == ("MISSED", 22.0, 17.0)
    assert (verdict(calls), calls.below, other_calls.value) == ("met", 28, 13)


def test_each_way_is_a_row_with_its_overhead_and_calls() -> None:
    shown = table({OURS: cost(BAKES + 13.0, 10, 8)}, azure=3.0)
    assert [list(column.cells) for column in shown.columns] == [[OURS], ["10 s"], ["10"], ["8"], ["1"], ["0"]]


def test_an_operation_that_only_one_way_called_is_0_on_the_other() -> None:
    other = Cost(1.0, Calls(0, 1, 0, 0), {"WebApps_SwapSlotSlot": 1})
    shown = operations_table({OURS: cost(1.0, 2, 0), PLAIN: other})
    assert [list(column.cells) for column in shown.columns] == [
        ["WebApps_Get", "WebApps_SwapSlotSlot"],
        ["2", "0"],
        ["0", "1"],
    ]


def task(name: str, start: float, end: float) -> TaskInstance:
    noon = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
    at = [noon + timedelta(seconds=seconds) for seconds in (start, end)]
    return TaskInstance(task_id=name, state="success", start_date=at[0], end_date=at[1])


def test_only_the_approvals_own_time_is_the_approvals() -> None:
    assert approval_seconds([task("deploy", 0, 5), task("approval", 6, 10.5)]) == 4.5


def test_the_runs_tasks_come_in_order_each_with_its_wait() -> None:
    shown = time_table([task("deploy", 3.5, 5), task("preflight", 0, 1), task("start_slot", 1.5, 3)])
    assert [list(column.cells) for column in shown.columns] == [
        ["preflight", "start_slot", "deploy"],
        ["", "0.50 s", "0.50 s"],
        ["1 s", "1.50 s", "1.50 s"],
    ]


def test_the_script_with_az_is_proper_bash_and_may_be_run() -> None:
    assert subprocess.run(["bash", "-n", str(SCRIPT)], capture_output=True, check=False).stderr == b""
    assert SCRIPT.stat().st_mode & 0o111


def test_the_script_with_az_asks_for_every_variable_it_is_given(tmp_path: Path) -> None:
    ended = subprocess.run([str(SCRIPT)], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, check=False)
    assert ended.returncode != 0
    assert "GROUP: unbound variable" in ended.stderr
