"""What is kept of an undisturbed release's journal."""

from chaos.record import Call, Entry, Maker, Write, record_of
from tests.chaos.releases import PROMOTED, TASK_PROCESS, cut_over, entry, journal, record, tasks
from tests.simulator import RunningSimulator


def test_every_call_is_kept_with_its_task_and_number() -> None:
    calls = record("promoted", PROMOTED).calls
    assert calls[0] == Call("preflight", Maker.TASK, "GET", "WebApps_Get", 1)
    assert calls[2] == Call("start_slot", Maker.TASK, "POST", "WebApps_StartSlot", 1)


def test_a_read_is_counted_from_the_last_write_on() -> None:
    calls = record("promoted", PROMOTED).calls
    assert calls[3] == Call("start_slot", Maker.TASK, "GET", "WebApps_GetSlot", 1, Write("WebApps_StartSlot", 1))


def test_a_write_is_counted_from_the_beginning_on() -> None:
    made = [*PROMOTED, ("restore", "PATCH", "WebApps_UpdateConfiguration", TASK_PROCESS)]
    last = record("failing", made).calls[-1]
    assert last == Call("restore", Maker.TASK, "PATCH", "WebApps_UpdateConfiguration", 2)


def test_of_a_wait_that_asks_three_times_only_the_first_is_a_call() -> None:
    calls = record("promoted", PROMOTED).calls
    asked = [call for call in calls if call.operation == "WebApps_GetOperationResultSlot"]
    assert [(call.maker, call.number) for call in asked] == [(Maker.TRIGGERER, 1)]


def test_how_often_a_wait_asks_changes_no_other_call() -> None:
    patient = [*PROMOTED[:8], *PROMOTED[7:]]
    assert record("promoted", patient).calls == record("promoted", PROMOTED).calls


def test_a_task_that_reads_the_same_twice_makes_two_calls() -> None:
    made = [("swap", "GET", "WebApps_Get", TASK_PROCESS)] * 2
    assert [call.number for call in record("promoted", made).calls] == [1, 2]


def test_tasks_and_deferrals_come_in_the_order_of_their_start() -> None:
    kept = record("promoted", PROMOTED)
    assert kept.tasks == ("preflight", "start_slot", "swap")
    assert kept.deferrals == ("swap",)


def test_a_task_that_never_ran_is_no_task_of_the_record() -> None:
    ran = tasks(PROMOTED)
    skipped = ran[0].model_copy(update={"task_id": "drain", "start_date": None})
    assert "drain" not in record_of("promoted", journal(PROMOTED), [*ran, skipped], (), ()).tasks


def test_what_happens_later_than_its_call_is_no_call() -> None:
    assert record_of("promoted", [entry(1), cut_over(2)], tasks(PROMOTED), (), ()).calls == (
        Call("preflight", Maker.TASK, "GET", "WebApps_Get", 1),
    )


def test_calls_are_in_the_order_in_which_they_began() -> None:
    late, early = entry(1, operation="late", began=entry(5).began), entry(2, operation="early")
    calls = record_of("promoted", [late, early], tasks(PROMOTED), (), ()).calls
    assert [call.operation for call in calls] == ["early", "late"]


def test_the_simulators_own_journal_is_understood(simulator: RunningSimulator, app: str) -> None:
    simulator.token()
    before = simulator.journal()[-1]["n"]
    simulator.arm("GET", simulator.app_path(app)).raise_for_status()
    [found] = [Entry.model_validate(line) for line in simulator.journal(before)]
    assert (found.app, found.method, found.operation, found.fault) == (app, "GET", "WebApps_Get", None)
    assert found.caller is not None
