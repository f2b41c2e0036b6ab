"""What a swap moves, what stays, and what it answers when it cannot be done."""

import threading
from collections import Counter
from typing import Any

import httpx
import pytest
from tests.simulator import RunningSimulator, sample_package

TO_PRODUCTION = {"targetSlot": "production", "preserveVnet": True}


def begin(simulator: RunningSimulator, app: str, slot: str | None = "stage") -> httpx.Response:
    return simulator.arm("POST", f"{simulator.app_path(app, slot)}/slotsswap", TO_PRODUCTION)


def settings(simulator: RunningSimulator, app: str, slot: str | None = None) -> dict[str, Any]:
    path = f"{simulator.app_path(app, slot)}/config/appsettings/list"
    return dict(simulator.arm("POST", path).json()["properties"])


def put_settings(simulator: RunningSimulator, app: str, slot: str | None, **values: str) -> None:
    path = f"{simulator.app_path(app, slot)}/config/appsettings"
    simulator.arm("PUT", path, {"properties": values}).raise_for_status()


def properties(simulator: RunningSimulator, app: str, slot: str | None = None) -> dict[str, Any]:
    return dict(simulator.arm("GET", simulator.app_path(app, slot)).json()["properties"])


def test_a_swap_answers_202_until_it_is_over_and_then_the_resource(simulator: RunningSimulator, fresh_app: str) -> None:
    started = begin(simulator, fresh_app)
    assert (started.status_code, started.content, started.headers["Retry-After"]) == (202, b"", "1")
    assert "Azure-AsyncOperation" not in started.headers
    location = started.headers["Location"]
    path = f"{simulator.resource_manager}{simulator.app_path(fresh_app, 'stage')}/operationresults/"
    assert location.startswith(path)
    poll = simulator.arm("GET", location)
    assert (poll.status_code, poll.content, poll.headers["Location"]) == (202, b"", location)
    assert "ETag" in started.headers
    assert "ETag" not in poll.headers
    done = simulator.finish(poll)
    assert (done.status_code, done.json()["name"]) == (200, f"{fresh_app}/stage")
    assert "Location" not in done.headers
    assert simulator.arm("GET", location).status_code == 200


def test_content_and_settings_move_and_what_belongs_to_the_slot_stays(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    names = {"properties": {"appSettingNames": ["PLACE"]}}
    simulator.arm("PUT", f"{simulator.app_path(fresh_app)}/config/slotConfigNames", names).raise_for_status()
    put_settings(simulator, fresh_app, None, PLACE="production", COLOUR="blue", AGENT_EXTENSION_VERSION="~1")
    put_settings(simulator, fresh_app, "stage", PLACE="stage", COLOUR="green", NEW="yes")
    rule = {"name": "stage", "actionHostName": f"{fresh_app}-stage.azurewebsites.net", "reroutePercentage": 0}
    simulator.set_rules(fresh_app, [rule])
    before, slot_before = properties(simulator, fresh_app), properties(simulator, fresh_app, "stage")

    assert simulator.swap(fresh_app).status_code == 200

    assert settings(simulator, fresh_app) == {
        "PLACE": "production",
        "COLOUR": "green",
        "NEW": "yes",
        "AGENT_EXTENSION_VERSION": "~1",
    }
    assert settings(simulator, fresh_app, "stage") == {"PLACE": "stage", "COLOUR": "blue"}
    after, slot_after = properties(simulator, fresh_app), properties(simulator, fresh_app, "stage")
    for moved in ("deploymentId", "lastModifiedTimeUtc"):
        assert (after[moved], slot_after[moved]) == (slot_before[moved], before[moved])
    for stays in ("defaultHostName", "name", "state", "ftpUsername"):
        assert (after[stays], slot_after[stays]) == (before[stays], slot_before[stays])
    assert (after["siteConfig"]["alwaysOn"], slot_after["siteConfig"]["alwaysOn"]) == (True, False)
    config = simulator.arm("GET", f"{simulator.app_path(fresh_app)}/config/web").json()["properties"]
    assert [r["name"] for r in config["experiments"]["rampUpRules"]] == ["stage"]
    assert after["slotSwapStatus"] == slot_after["slotSwapStatus"]
    assert after["slotSwapStatus"]["destinationSlotName"] == "Production"


def test_no_request_fails_and_both_versions_answer_during_the_cut_over(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    put_settings(simulator, fresh_app, "stage")
    simulator.wait_until(lambda: simulator.version(fresh_app, "stage") == "2.0.0")
    answers: list[tuple[int, str]] = []
    over = threading.Event()

    def visit() -> None:
        with httpx.Client() as client:
            while not over.is_set():
                host = {"Host": f"{fresh_app}.azurewebsites.net"}
                answer = client.get(f"{simulator.front_end}/version", headers=host)
                answers.append((answer.status_code, answer.text))

    visitor = threading.Thread(target=visit)
    visitor.start()
    done = simulator.swap(fresh_app)
    over.set()
    visitor.join()
    assert done.status_code == 200
    assert {status for status, _ in answers} == {200}
    versions = ["2.0.0" if "2.0.0" in text else "1.0.0" for _, text in answers]
    window = versions[versions.index("2.0.0") : len(versions) - versions[::-1].index("1.0.0")]
    assert Counter(window).keys() == {"1.0.0", "2.0.0"}
    assert (versions[0], versions[-1]) == ("1.0.0", "2.0.0")


def test_the_target_runs_with_its_own_sticky_settings(simulator: RunningSimulator, fresh_app: str) -> None:
    names = {"properties": {"appSettingNames": ["SAMPLE_VERSION"]}}
    simulator.arm("PUT", f"{simulator.app_path(fresh_app)}/config/slotConfigNames", names).raise_for_status()
    put_settings(simulator, fresh_app, None, SAMPLE_VERSION="of production")
    put_settings(simulator, fresh_app, "stage", SAMPLE_VERSION="of stage")
    assert simulator.swap(fresh_app).status_code == 200
    assert simulator.version(fresh_app) == "of production"
    assert simulator.version(fresh_app, "stage") == "of stage"


def test_while_a_swap_runs_every_other_change_meets_409_59203(simulator: RunningSimulator, fresh_app: str) -> None:
    started = begin(simulator, fresh_app)
    production, slot = simulator.app_path(fresh_app), simulator.app_path(fresh_app, "stage")
    package = {"properties": {"packageUri": "https://127.0.0.1/none.zip", "type": "zip"}}
    answers = [
        simulator.arm("POST", f"{slot}/slotsswap", TO_PRODUCTION),
        simulator.arm("PATCH", f"{production}/config/web", {"properties": {}}),
        simulator.arm("PUT", f"{production}/config/appsettings", {"properties": {}}),
        simulator.arm("POST", f"{slot}/stop"),
        simulator.arm("PUT", f"{slot}/extensions/onedeploy", package),
        simulator.arm("DELETE", slot),
    ]
    assert {answer.status_code for answer in answers} == {409}
    codes = {answer.json()["Details"][2]["ErrorEntity"]["ExtendedCode"] for answer in answers}
    assert codes == {"59203"}
    assert "OperationName: SwapSiteSlots" in answers[0].json()["Message"]
    assert simulator.arm("GET", f"{production}/config/web").status_code == 200
    simulator.finish(started)


def test_a_slot_that_does_not_start_fails_the_swap_and_all_is_as_it_was(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    names = {"properties": {"appSettingNames": ["PLACE"]}}
    simulator.arm("PUT", f"{simulator.app_path(fresh_app)}/config/slotConfigNames", names).raise_for_status()
    put_settings(simulator, fresh_app, None, PLACE="production")
    put_settings(simulator, fresh_app, "stage", PLACE="stage")
    before = settings(simulator, fresh_app, "stage")
    package = simulator.put_package("broken.zip", sample_package("3.0.0", SAMPLE_FAIL_START="1"))
    assert simulator.deploy(fresh_app, "stage", package)["provisioningState"] == "Failed"
    failed = simulator.swap(fresh_app)
    assert failed.status_code == 400
    assert failed.json()["Message"] == (
        f"Cannot swap slots for site '{fresh_app}' because the worker process for 'stage' slot could not be started."
    )
    assert settings(simulator, fresh_app, "stage") == before
    assert properties(simulator, fresh_app)["slotSwapStatus"] is None
    assert simulator.version(fresh_app) == "1.0.0"


def test_a_slot_that_does_not_answer_the_ping_fails_the_swap_with_417(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    wanted = {"WEBSITE_SWAP_WARMUP_PING_PATH": "/health", "WEBSITE_SWAP_WARMUP_PING_STATUSES": "200,202"}
    put_settings(simulator, fresh_app, "stage", SAMPLE_UNHEALTHY="1", **wanted)
    simulator.wait_until(lambda: simulator.visit(fresh_app, "/health", "stage").status_code == 503)
    failed = simulator.swap(fresh_app)
    assert (failed.status_code, failed.json()["Code"]) == (417, "ExpectationFailed")
    assert "because the 'stage' slot did not respond to http ping." in failed.json()["Message"]

    put_settings(simulator, fresh_app, "stage", SAMPLE_UNHEALTHY="1")
    assert simulator.swap(fresh_app).status_code == 200, "any answer is warm unless statuses are named"


def test_a_failed_swap_may_leave_the_slot_prepared_until_it_is_reset(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    put_settings(simulator, fresh_app, "stage", SAMPLE_FAIL_START="1")
    slot = simulator.app_path(fresh_app, "stage")
    simulator.wait_until(lambda: simulator.state()["apps"][fresh_app]["stage"]["processes"] == [])
    simulator.set_quirks(failed_swap_leaves_slot_prepared=True)
    try:
        assert simulator.swap(fresh_app).status_code == 400
    finally:
        simulator.set_quirks(failed_swap_leaves_slot_prepared=False)
    refused = simulator.arm("PUT", f"{slot}/config/appsettings", {"properties": {}})
    assert refused.status_code == 409
    assert "prepared for swap" in refused.json()["Message"]
    assert simulator.arm("POST", f"{slot}/resetSlotConfig").status_code == 200
    put_settings(simulator, fresh_app, "stage")


def test_a_preview_shows_the_targets_sticky_settings_and_a_reset_takes_them_back(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    names = {"properties": {"appSettingNames": ["PLACE"]}}
    simulator.arm("PUT", f"{simulator.app_path(fresh_app)}/config/slotConfigNames", names).raise_for_status()
    put_settings(simulator, fresh_app, None, PLACE="production")
    put_settings(simulator, fresh_app, "stage", PLACE="stage")
    slot = simulator.app_path(fresh_app, "stage")
    assert simulator.arm("POST", f"{slot}/applySlotConfig", TO_PRODUCTION).status_code == 200
    assert settings(simulator, fresh_app, "stage") == {"PLACE": "production"}
    assert properties(simulator, fresh_app)["targetSwapSlot"] == "stage"
    # az posts the reset of a named target to the slot called "production".
    reset = simulator.app_path(fresh_app, "production") + "/resetSlotConfig"
    assert simulator.arm("POST", reset).status_code == 200
    assert settings(simulator, fresh_app, "stage") == {"PLACE": "stage"}
    assert properties(simulator, fresh_app)["targetSwapSlot"] is None


def test_a_slot_deleted_in_preview_leaves_production_waiting_until_it_is_reset(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    slot = simulator.app_path(fresh_app, "stage")
    simulator.arm("POST", f"{slot}/applySlotConfig", TO_PRODUCTION).raise_for_status()
    simulator.arm("DELETE", slot).raise_for_status()
    assert properties(simulator, fresh_app)["targetSwapSlot"] == "stage"
    simulator.arm("POST", f"{simulator.app_path(fresh_app)}/resetSlotConfig").raise_for_status()
    assert properties(simulator, fresh_app)["targetSwapSlot"] is None


def test_a_preview_that_cannot_start_prepares_nothing_and_a_failed_second_half_stays_prepared(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    slot = simulator.app_path(fresh_app, "stage")
    put_settings(simulator, fresh_app, "stage", SAMPLE_FAIL_START="1")
    simulator.wait_until(lambda: simulator.state()["apps"][fresh_app]["stage"]["processes"] == [])
    assert simulator.arm("POST", f"{slot}/applySlotConfig", TO_PRODUCTION).status_code == 400
    assert properties(simulator, fresh_app)["targetSwapSlot"] is None

    unhealthy = {"WEBSITE_SWAP_WARMUP_PING_PATH": "/health", "WEBSITE_SWAP_WARMUP_PING_STATUSES": "200"}
    put_settings(simulator, fresh_app, "stage", SAMPLE_UNHEALTHY="1", **unhealthy)
    assert simulator.version(fresh_app, "stage") == "2.0.0"
    assert simulator.arm("POST", f"{slot}/applySlotConfig", TO_PRODUCTION).status_code == 200
    assert simulator.swap(fresh_app).status_code == 417
    assert properties(simulator, fresh_app)["targetSwapSlot"] == "stage"
    simulator.arm("POST", f"{slot}/resetSlotConfig").raise_for_status()


@pytest.mark.parametrize(
    "body",
    [
        {"targetSlot": "production"},
        {"preserveVnet": True},
        {"targetSlot": "stage", "preserveVnet": True},
        {"targetSlot": "production", "preserveVnet": True, "force": True},
    ],
)
def test_a_swap_that_is_not_in_order_is_refused(simulator: RunningSimulator, app: str, body: dict[str, object]) -> None:
    assert simulator.arm("POST", f"{simulator.app_path(app, 'stage')}/slotsswap", body).status_code == 400


def test_differences_name_every_setting_and_whether_it_stays(simulator: RunningSimulator, fresh_app: str) -> None:
    names = {"properties": {"appSettingNames": ["PLACE"]}}
    simulator.arm("PUT", f"{simulator.app_path(fresh_app)}/config/slotConfigNames", names).raise_for_status()
    put_settings(simulator, fresh_app, None, PLACE="production", COLOUR="blue", SAME="1")
    put_settings(simulator, fresh_app, "stage", PLACE="stage", COLOUR="green", SAME="1")
    path = f"{simulator.app_path(fresh_app, 'stage')}/slotsdiffs"
    found = [entry["properties"] for entry in simulator.arm("POST", path, TO_PRODUCTION).json()["value"]]
    assert {entry["settingName"]: entry["valueInTargetSlot"] for entry in found} == {
        "PLACE": "production",
        "COLOUR": "blue",
    }


def test_rules_may_move_with_the_content_by_the_switch(simulator: RunningSimulator, fresh_app: str) -> None:
    simulator.set_rules(fresh_app, [{"name": "stage", "actionHostName": "x", "reroutePercentage": 0}])
    simulator.set_quirks(rules_swap_with_content=True)
    try:
        simulator.swap(fresh_app).raise_for_status()
    finally:
        simulator.set_quirks(rules_swap_with_content=False)
    config = simulator.arm("GET", f"{simulator.app_path(fresh_app)}/config/web").json()["properties"]
    assert config["experiments"]["rampUpRules"] == []
