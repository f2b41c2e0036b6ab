"""Who asked for what, when, what it changed, and what came of it later."""

import os
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from tests.simulator import RunningSimulator, sample_package

from app_service_simulator.faults.fault import Fault
from app_service_simulator.journal import LIMIT, Entry, Journal


def entries(simulator: RunningSimulator, app: str, after: int = 0) -> list[dict[str, Any]]:
    """Calls and effects."""
    return simulator.controls.journal(after, app)


def last(simulator: RunningSimulator) -> int:
    return int(simulator.controls.journal()[-1]["n"])


def test_a_write_is_kept_with_the_app_before_and_after_it(simulator: RunningSimulator, app: str) -> None:
    start = last(simulator)
    rule = {"actionHostName": f"{app}-stage.azurewebsites.net", "reroutePercentage": 10.0, "name": "stage"}
    simulator.set_rules(app, [rule])
    [entry] = entries(simulator, app, start)
    assert (entry["kind"], entry["operation"], entry["app"]) == ("call", "WebApps_UpdateConfiguration", app)
    assert (entry["changed"], entry["before"]["rules"], entry["after"]["rules"]) == (True, [], [rule])
    assert entry["after"]["slots"] == entry["before"]["slots"]
    assert set(entry["after"]["slots"]["stage"]) == {
        "deployment_id",
        "active_deployment",
        "running",
        "image",
        "prepared",
    }
    simulator.set_rules(app, [])


def test_a_write_that_changes_nothing_says_so(simulator: RunningSimulator, app: str) -> None:
    start = last(simulator)
    simulator.arm("POST", f"{simulator.app_path(app, 'stage')}/start")
    [entry] = entries(simulator, app, start)
    assert (entry["changed"], entry["before"] == entry["after"]) == (False, True)


@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("POST", "/config/appsettings/list")])
def test_a_read_is_kept_without_the_app(simulator: RunningSimulator, app: str, method: str, rest: str) -> None:
    start = last(simulator)
    simulator.arm(method, simulator.app_path(app) + rest)
    [entry] = entries(simulator, app, start)
    assert (entry["changed"], entry["before"], entry["after"]) == (False, None, None)


def test_a_call_is_kept_with_its_time_and_its_process(simulator: RunningSimulator, app: str) -> None:
    start = last(simulator)
    simulator.arm("POST", f"{simulator.app_path(app, 'stage')}/restart")
    [entry] = entries(simulator, app, start)
    took = datetime.fromisoformat(entry["ended"]) - datetime.fromisoformat(entry["began"])
    assert timedelta(seconds=2 / 60) <= took < timedelta(seconds=2)  # 2 s of Azure's
    assert entry["caller"] == os.getpid()
    assert entry["fault"] is None


def test_a_swap_leaves_its_cut_over_and_its_end(simulator: RunningSimulator, app: str) -> None:
    start = last(simulator)
    simulator.swap(app).raise_for_status()
    told = entries(simulator, app, start)
    begun = next(entry for entry in told if entry["operation"] == "WebApps_SwapSlotSlot")
    cut_over, ended = (entry for entry in told if entry["kind"] == "effect")
    assert (begun["before"]["busy"], begun["after"]["busy"]) == (None, "SwapSiteSlots")
    assert (cut_over["operation"], ended["operation"]) == ("Swap_CutOver", "Swap_Ended")
    before, after = cut_over["before"]["slots"], cut_over["after"]["slots"]
    assert after["production"]["deployment_id"] == before["stage"]["deployment_id"]
    assert after["stage"]["deployment_id"] == before["production"]["deployment_id"]
    assert (ended["failure"], ended["after"]["busy"], ended["path"]) == (None, None, simulator.app_path(app, "stage"))
    assert [entry["n"] for entry in told] == sorted(entry["n"] for entry in told)


def test_a_swap_that_fails_leaves_its_sentence(simulator: RunningSimulator, app: str) -> None:
    simulator.controls.add_faults(
        Fault(do="ends_with", operation="WebApps_SwapSlotSlot", app=app, ending="worker_not_started")
    )
    start = last(simulator)
    assert simulator.swap(app).status_code == 400
    [ended] = simulator.effects(app, start)
    assert (ended["operation"], ended["status"], ended["changed"]) == ("Swap_Ended", 400, False)
    assert "could not be started" in ended["failure"]
    simulator.controls.clear_faults()


def test_a_deployment_leaves_its_end(simulator: RunningSimulator, app: str) -> None:
    start = last(simulator)
    simulator.deploy(app, "stage", simulator.put_package("journal.zip", sample_package("5.0.0")))
    [ended] = simulator.effects(app, start)
    assert (ended["operation"], ended["failure"]) == ("Deployment_Ended", None)
    assert (
        ended["before"]["slots"]["stage"]["active_deployment"] != ended["after"]["slots"]["stage"]["active_deployment"]
    )


def test_a_call_keeps_the_fault_that_acted_on_it(simulator: RunningSimulator, app: str) -> None:
    [ordered] = simulator.controls.set_faults(Fault(do="gateway_timeout", operation="WebApps_Get", app=app))
    start = last(simulator)
    simulator.arm("GET", simulator.app_path(app))
    [entry] = entries(simulator, app, start)
    assert (entry["status"], entry["fault"]["id"], entry["fault"]["do"]) == (504, ordered["id"], "gateway_timeout")
    simulator.controls.clear_faults()


def test_entries_can_be_had_for_one_app_and_one_kind(simulator: RunningSimulator, app: str) -> None:
    simulator.arm("GET", simulator.app_path("contoso-web"))
    simulator.arm("GET", simulator.app_path(app))
    assert {entry["app"] for entry in entries(simulator, app.upper())} == {app}
    assert {entry["kind"] for entry in simulator.controls.journal(kind="effect")} == {"effect"}
    with pytest.raises(ValueError, match="kind is 'gossip'; call or effect is expected"):
        simulator.controls.journal(kind="gossip")


def test_the_journal_forgets_the_oldest_and_numbers_on() -> None:
    journal = Journal()
    for path in range(LIMIT + 2):
        journal.record(Entry(operation="WebApps_Get", began="", ended="", path=str(path)))
    kept = journal.after()
    assert (len(kept), kept[0]["n"], kept[-1]["n"]) == (LIMIT, 3, LIMIT + 2)
    assert all(later["n"] == earlier["n"] + 1 for earlier, later in pairwise(kept))
