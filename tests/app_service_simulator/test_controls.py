"""The client of the controls: what tests and tools of trouble use."""

import pytest
from tests.simulator import RunningSimulator

from app_service_simulator.controls import Controls
from app_service_simulator.faults.fault import Fault

QUIET = Fault(operation="WebApps_Get", app="none-such", do="reset")


def test_the_ready_line_is_all_it_needs(simulator: RunningSimulator) -> None:
    controls = Controls(simulator.resource_manager, simulator.ca_bundle)
    assert "contoso-web" in controls.state()["apps"]
    controls.close()


def test_faults_are_replaced_added_listed_and_removed(simulator: RunningSimulator) -> None:
    controls = simulator.controls
    [first] = controls.set_faults(QUIET)
    [second] = controls.add_faults(QUIET)
    assert [fault["id"] for fault in controls.faults()] == [first["id"], second["id"]]
    assert controls.faults()[0] == {**QUIET.as_json(), "id": first["id"], "met": 0, "acted": 0}
    controls.remove_fault(first["id"])
    assert [fault["id"] for fault in controls.faults()] == [second["id"]]
    [third] = controls.set_faults(QUIET)
    assert [fault["id"] for fault in controls.faults()] == [third["id"]]
    controls.clear_faults()
    assert controls.faults() == []


def test_what_the_simulator_refuses_is_an_error_with_its_reason(simulator: RunningSimulator) -> None:
    with pytest.raises(ValueError, match="no fault 0; there are"):
        simulator.controls.remove_fault(0)
    with pytest.raises(ValueError, match="no switch 'gravity'"):
        simulator.controls.set_quirks(gravity=False)
