"""Swaps, deployments, writes and readings that go wrong later than their call."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from tests.simulator import RunningSimulator, sample_package

from app_service_simulator.faults.endings import SWAP_ENDINGS

Order = Callable[..., None]

SWAP, DEPLOY = "WebApps_SwapSlotSlot", "WebApps_CreateOneDeployOperationSlot"
TO_PRODUCTION = {"targetSlot": "production", "preserveVnet": True}


@pytest.fixture(scope="module")
def quick() -> Iterator[RunningSimulator]:
    """A simulator whose swaps take a tenth of a second."""
    simulator = RunningSimulator.start(speed=600)
    yield simulator
    assert simulator.stop() == 0


@pytest.fixture(scope="module")
def simulator(quick: RunningSimulator) -> RunningSimulator:
    return quick


@pytest.fixture(scope="module")
def app(quick: RunningSimulator) -> str:
    """1.0.0 live and 2.0.0 in `stage`, until a test swaps them: tests here look at which deployment is where."""
    name = quick.create_app("1.0.0")
    quick.deploy(name, "stage", quick.put_package(f"{name}.zip", sample_package("2.0.0")))
    return name


def production(simulator: RunningSimulator, app: str) -> str:
    return str(simulator.state()["apps"][app]["production"]["deployment_id"])


def prepared(simulator: RunningSimulator, app: str) -> bool:
    return bool(simulator.state()["apps"][app]["stage"]["prepared_for_swap"])


@pytest.mark.parametrize("ending", SWAP_ENDINGS)
def test_a_swap_ends_with_app_services_own_sentence_and_all_is_as_it_was(
    simulator: RunningSimulator, order: Order, app: str, ending: str
) -> None:
    before = production(simulator, app)
    order("ends_with", SWAP, app=app, ending=ending)
    error = SWAP_ENDINGS[ending](app, "stage")
    answer = simulator.swap(app)
    assert (answer.status_code, answer.json()["Message"]) == (error.status, error.message)
    assert (production(simulator, app), prepared(simulator, app)) == (before, False)


def test_a_swap_that_fails_can_leave_the_slot_prepared(simulator: RunningSimulator, order: Order, app: str) -> None:
    order("ends_with", SWAP, app=app, ending="no_ping", prepared=True)
    assert simulator.swap(app).status_code == 417
    assert prepared(simulator, app)
    path = simulator.app_path(app, "stage")
    refused = simulator.arm("PUT", f"{path}/config/appsettings", {"properties": {}})
    assert (refused.status_code, "prepared for swap" in refused.text) == (409, True)
    assert simulator.arm("POST", f"{path}/resetSlotConfig").status_code == 200
    assert not prepared(simulator, app)


def test_a_swap_can_end_with_an_error_although_it_was_done(simulator: RunningSimulator, order: Order, app: str) -> None:
    before = production(simulator, app)
    order("ends_with", SWAP, app=app, ending="server_error", when="after")
    assert simulator.swap(app).status_code == 500
    assert production(simulator, app) != before


@pytest.mark.parametrize(("when", "swapped"), [("before", False), ("after", True)])
def test_a_swap_that_never_ends_holds_the_app_until_its_fault_is_removed(
    simulator: RunningSimulator, order: Order, app: str, when: str, swapped: bool
) -> None:
    before = production(simulator, app)
    order("never_ends", SWAP, app=app, when=when)
    begun = simulator.arm("POST", f"{simulator.app_path(app, 'stage')}/slotsswap", TO_PRODUCTION)
    simulator.wait_until(lambda: (production(simulator, app) != before) is swapped)
    time.sleep(0.3)  # a swap of this simulator takes 0.1 s
    assert simulator.arm("GET", begun.headers["Location"]).status_code == 202
    assert (production(simulator, app) != before) is swapped
    refused = simulator.arm("POST", f"{simulator.app_path(app, 'stage')}/stop")
    assert (refused.status_code, "another operation is in progress" in refused.text) == (409, True)
    simulator.controls.clear_faults()
    assert simulator.finish(begun).status_code == 200
    assert production(simulator, app) != before


def test_a_swap_can_stay_under_way_for_some_seconds(simulator: RunningSimulator, order: Order, app: str) -> None:
    order("never_ends", SWAP, app=app, seconds=0.5)
    began = time.monotonic()
    assert simulator.swap(app).status_code == 200
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_deployment_ends_with_a_text_of_ones_own(
    simulator: RunningSimulator, order: Order, app: str, when: str
) -> None:
    order("ends_with", DEPLOY, app=app, ending="deployment_failed", message="Out of disk.", when=when)
    served = simulator.version(app, "stage")
    package = simulator.put_package(f"{app}-3.zip", sample_package(f"3.0.0-{when}"))
    ended = simulator.deploy(app, "stage", package)
    assert (ended["status"], ended["provisioningState"], ended["status_text"]) == (3, "Failed", "Out of disk.")
    assert simulator.version(app, "stage") == (served if when == "before" else "3.0.0-after")


def test_a_deployment_that_never_ends_is_pending_until_its_fault_is_removed(
    simulator: RunningSimulator, order: Order, app: str
) -> None:
    order("never_ends", DEPLOY, app=app)
    body = {"properties": {"packageUri": simulator.put_package("p.zip", sample_package("4.0.0")), "type": "zip"}}
    begun = simulator.arm("PUT", f"{simulator.app_path(app, 'stage')}/extensions/onedeploy", body)
    time.sleep(0.3)  # a deployment of this simulator takes 0.03 s
    assert simulator.arm("GET", begun.headers["Location"]).status_code == 202
    simulator.controls.clear_faults()
    assert simulator.finish(begun).json()["properties"]["provisioningState"] == "Succeeded"


def test_a_stale_read_answers_what_was_there_before_the_last_write(
    simulator: RunningSimulator, order: Order, app: str
) -> None:
    path = simulator.app_path(app, "stage")
    assert simulator.arm("POST", f"{path}/stop").status_code == 200
    order("stale", "WebApps_GetSlot", app=app, times=2)
    states = [simulator.arm("GET", path).json()["properties"]["state"] for _ in range(3)]
    assert states == ["Running", "Running", "Stopped"]
    assert simulator.arm("POST", f"{path}/start").status_code == 200


def test_a_stale_read_of_the_configuration_has_the_former_rules(
    simulator: RunningSimulator, order: Order, app: str
) -> None:
    rule = {"actionHostName": f"{app}-stage.azurewebsites.net", "reroutePercentage": 10.0, "name": "stage"}
    simulator.set_rules(app, [rule])
    simulator.set_rules(app, [])
    order("stale", "WebApps_GetConfiguration", app=app)
    path = f"{simulator.app_path(app)}/config/web"
    seen = [simulator.arm("GET", path).json()["properties"]["experiments"]["rampUpRules"] for _ in range(2)]
    assert [len(rules) for rules in seen] == [1, 0]


def test_a_write_whose_client_died_lands_later_and_the_app_is_busy_until_then(
    simulator: RunningSimulator, order: Order, app: str
) -> None:
    order("late_effect", "WebApps_StopSlot", app=app, seconds=0.6, answer="reset")
    path = simulator.app_path(app, "stage")
    last = simulator.journal()[-1]["n"]
    with pytest.raises(httpx.TransportError):
        simulator.arm("POST", f"{path}/stop")
    assert simulator.arm("GET", path).json()["properties"]["state"] == "Running"
    refused = simulator.arm("POST", f"{path}/start")
    assert (refused.status_code, "59203" in refused.text) == (409, True)
    simulator.wait_until(lambda: simulator.arm("GET", path).json()["properties"]["state"] == "Stopped")
    simulator.wait_until(lambda: bool(simulator.effects(app, last)))
    [landed] = simulator.effects(app, last)
    assert (landed["operation"], landed["changed"], landed["failure"]) == ("Late_Landed", True, None)
    assert simulator.arm("POST", f"{path}/start").status_code == 200


def test_a_write_that_could_not_be_accepted_fails_when_it_lands(
    simulator: RunningSimulator, order: Order, app: str
) -> None:
    order("late_effect", "WebApps_UpdateConfiguration", app=app, seconds=0.1)
    last = simulator.journal()[-1]["n"]
    body = {"properties": {"noSuchProperty": 1}}
    assert simulator.arm("PATCH", f"{simulator.app_path(app)}/config/web", body).status_code == 504
    simulator.wait_until(lambda: bool(simulator.effects(app, last)))
    [landed] = simulator.effects(app, last)
    assert (landed["changed"], "noSuchProperty" in landed["failure"]) == (False, True)


@pytest.mark.parametrize("at_end", [False, True])
def test_a_slow_patch_takes_effect_at_its_beginning_or_its_end(at_end: bool) -> None:
    simulator = RunningSimulator.start(speed=24)  # a PATCH takes half a second
    try:
        simulator.set_quirks(configuration_applies_after_delay=at_end)
        body = {"properties": {"experiments": {"rampUpRules": []}, "alwaysOn": False}}
        path = f"{simulator.app_path('contoso-web')}/config/web"
        simulator.token()
        with httpx.Client(verify=simulator.client_tls()) as hasty, pytest.raises(httpx.ReadTimeout):
            hasty.patch(
                f"{simulator.resource_manager}{path}",
                params={"api-version": "2025-05-01"},
                json=body,
                headers={"Authorization": f"Bearer {simulator.token()}"},
                timeout=0.2,
            )
        assert simulator.arm("GET", path).json()["properties"]["alwaysOn"] is at_end
        simulator.wait_until(lambda: simulator.arm("GET", path).json()["properties"]["alwaysOn"] is False)
    finally:
        simulator.stop()
