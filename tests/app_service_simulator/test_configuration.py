"""config/web, routing rules, app settings and sticky names."""

import threading
from datetime import datetime, timedelta, timezone

import pytest
from tests.simulator import RunningSimulator


def rule(app: str, percentage: float) -> dict[str, object]:
    return {
        "actionHostName": f"{app}-stage.azurewebsites.net",
        "reroutePercentage": percentage,
        "name": "stage",
    }


def test_a_patch_answers_in_the_shape_of_the_app_and_a_get_in_its_own(simulator: RunningSimulator, app: str) -> None:
    path = f"{simulator.app_path(app)}/config/web"
    patched = simulator.arm("PATCH", path, {"properties": {"webSocketsEnabled": False}}).json()
    assert (patched["id"], patched["type"]) == (simulator.app_path(app), "Microsoft.Web/sites")
    read = simulator.arm("GET", path)
    assert (read.json()["id"], read.json()["type"]) == (path, "Microsoft.Web/sites/config")
    assert read.json()["name"] == app
    assert "ETag" not in read.headers
    assert patched["properties"] == read.json()["properties"]


def test_a_patch_changes_what_it_names_and_nothing_else(simulator: RunningSimulator, app: str) -> None:
    path = f"{simulator.app_path(app)}/config/web"
    before = simulator.arm("GET", path).json()["properties"]
    simulator.arm("PATCH", path, {"properties": {"healthCheckPath": "/health"}}).raise_for_status()
    after = simulator.arm("GET", path).json()["properties"]
    assert after == {**before, "healthCheckPath": "/health"}
    simulator.arm("PATCH", path, {"properties": {"healthCheckPath": None}})
    assert simulator.arm("GET", path).json()["properties"] == before


def test_the_answer_to_a_write_carries_the_old_etag(simulator: RunningSimulator, app: str) -> None:
    before = simulator.arm("GET", simulator.app_path(app)).headers["ETag"]
    assert simulator.set_rules(app, []).headers["ETag"] == before
    assert simulator.arm("GET", simulator.app_path(app)).headers["ETag"] != before
    simulator.set_quirks(writes_answer_the_old_etag=False)
    try:
        written = simulator.set_rules(app, []).headers["ETag"]
    finally:
        simulator.set_quirks(writes_answer_the_old_etag=True)
    assert simulator.arm("GET", simulator.app_path(app)).headers["ETag"] == written


def test_the_etag_is_the_filetime_of_the_last_change(simulator: RunningSimulator, app: str) -> None:
    answer = simulator.arm("GET", simulator.app_path(app))
    ticks = int(answer.headers["ETag"].strip('"'), 16)
    moment = datetime(1601, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=ticks // 10)
    stated = answer.json()["properties"]["lastModifiedTimeUtc"]
    assert f"{moment:%Y-%m-%dT%H:%M:%S.%f}0" == stated


@pytest.mark.parametrize(
    "properties",
    [
        {"noSuchThing": 1},
        {"alwaysOn": "yes"},
        {"numberOfWorkers": True},
        {"appCommandLine": 7},
        {"experiments": {"rampDownRules": []}},
        {"experiments": {"rampUpRules": [{"percentage": 5}]}},
        {"experiments": {"rampUpRules": [{"name": "stage", "reroutePercentage": "5"}]}},
        {"experiments": {"rampUpRules": [{"name": "stage", "reroutePercentage": -1}]}},
        {"experiments": {"rampUpRules": [{"name": n, "reroutePercentage": 51} for n in "ab"]}},
    ],
)
def test_what_is_unknown_or_impossible_is_refused_and_changes_nothing(
    simulator: RunningSimulator, app: str, properties: dict[str, object]
) -> None:
    path = f"{simulator.app_path(app)}/config/web"
    before = simulator.arm("GET", path).json()
    answer = simulator.arm("PATCH", path, {"properties": {"healthCheckPath": "/x", **properties}})
    assert (answer.status_code, answer.json()["Code"]) == (400, "BadRequest")
    assert simulator.arm("GET", path).json() == before


def test_rules_of_a_slot_are_refused(simulator: RunningSimulator, app: str) -> None:
    path = f"{simulator.app_path(app, 'stage')}/config/web"
    body = {"properties": {"experiments": {"rampUpRules": [rule(app, 5)]}}}
    assert simulator.arm("PATCH", path, body).status_code == 400


def test_the_host_of_a_rule_is_not_checked_and_its_visitors_get_404(simulator: RunningSimulator, app: str) -> None:
    simulator.set_rules(app, [{**rule(app, 100), "actionHostName": "nowhere.azurewebsites.net"}])
    assert simulator.visit(app).status_code == 404
    simulator.set_rules(app, [])
    assert simulator.visit(app).status_code == 200


def test_a_stale_mirror_beside_new_rules_loses_unless_the_switch_says_otherwise(
    simulator: RunningSimulator, app: str
) -> None:
    path = f"{simulator.app_path(app)}/config/web"
    echoed = {"properties": {"routingRules": [rule(app, 15)], "experiments": {"rampUpRules": []}}}
    answer = simulator.arm("PATCH", path, echoed).json()["properties"]
    assert (answer["routingRules"], answer["experiments"]["rampUpRules"]) == ([], [])
    simulator.set_quirks(stale_routing_rules_win=True)
    try:
        answer = simulator.arm("PATCH", path, echoed).json()["properties"]
        assert [r["reroutePercentage"] for r in answer["experiments"]["rampUpRules"]] == [15.0]
    finally:
        simulator.set_quirks(stale_routing_rules_win=False)
        simulator.set_rules(app, [])


def test_a_new_start_up_command_restarts_the_app_and_a_rule_does_not(simulator: RunningSimulator, app: str) -> None:
    path = f"{simulator.app_path(app, 'stage')}/config/web"
    before = simulator.state()["apps"][app]["stage"]["processes"]
    simulator.arm("PATCH", path, {"properties": {"httpLoggingEnabled": True}}).raise_for_status()
    assert simulator.state()["apps"][app]["stage"]["processes"] == before
    body = {"properties": {"appCommandLine": "SAMPLE_VERSION=from-command python3 app.py"}}
    simulator.arm("PATCH", path, body).raise_for_status()
    simulator.wait_until(lambda: simulator.version(app, "stage") == "from-command")
    simulator.arm("PATCH", path, {"properties": {"appCommandLine": ""}}).raise_for_status()
    simulator.wait_until(lambda: simulator.version(app, "stage") == "2.0.0")


def test_one_write_at_a_time_the_other_meets_409_59203(simulator: RunningSimulator, app: str) -> None:
    answers = []

    def write() -> None:
        path = f"{simulator.app_path(app)}/config/web"
        answers.append(simulator.arm("PATCH", path, {"properties": {"experiments": {}}}))

    writers = [threading.Thread(target=write) for _ in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert 200 in {answer.status_code for answer in answers}
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["Details"][2]["ErrorEntity"]["ExtendedCode"] == "59203"
    assert "OperationName: Update" in refused.json()["Message"]


def test_app_settings_in_a_site_body_replace_those_there_are(simulator: RunningSimulator, app: str) -> None:
    pairs = [{"name": "COLOUR", "value": "blue"}]
    body = {"location": "West Europe", "properties": {"siteConfig": {"appSettings": pairs}}}
    simulator.arm("PATCH", simulator.app_path(app, "stage"), body).raise_for_status()
    path = f"{simulator.app_path(app, 'stage')}/config/appsettings"
    listed = simulator.arm("POST", f"{path}/list").json()
    assert (listed["type"], listed["properties"]) == ("Microsoft.Web/sites/config", {"COLOUR": "blue"})
    simulator.arm("PUT", path, {"properties": {}}).raise_for_status()


def test_sticky_names_are_null_until_somebody_writes_them(simulator: RunningSimulator, fresh_app: str) -> None:
    path = f"{simulator.app_path(fresh_app)}/config/slotConfigNames"
    assert set(simulator.arm("GET", path).json()["properties"].values()) == {None}
    simulator.arm("PUT", path, {"properties": {"appSettingNames": ["COLOUR"]}}).raise_for_status()
    assert simulator.arm("GET", path).json()["properties"] == {
        "connectionStringNames": [],
        "appSettingNames": ["COLOUR"],
        "azureStorageConfigNames": [],
    }
