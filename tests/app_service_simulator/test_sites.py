"""Apps and slots as resources."""

import re

import pytest
from tests.simulator import RunningSimulator


def test_an_app_shows_only_a_stub_of_its_configuration(simulator: RunningSimulator, app: str) -> None:
    simulator.set_rules(app, [{"name": "stage", "actionHostName": "x", "reroutePercentage": 0}])
    properties = simulator.arm("GET", simulator.app_path(app)).json()["properties"]
    filled = {name for name, value in properties["siteConfig"].items() if value is not None}
    assert filled <= {
        "numberOfWorkers",
        "linuxFxVersion",
        "windowsFxVersion",
        "alwaysOn",
        "http20Enabled",
        "acrUseManagedIdentityCreds",
        "functionAppScaleLimit",
        "minimumElasticInstanceCount",
    }
    assert properties["siteConfig"]["experiments"] is None
    simulator.set_rules(app, [])


def test_a_slot_has_names_and_hosts_of_its_own(simulator: RunningSimulator, app: str) -> None:
    document = simulator.arm("GET", simulator.app_path(app, "stage")).json()
    properties = document["properties"]
    assert (document["id"], document["name"]) == (simulator.app_path(app, "stage"), f"{app}/stage")
    assert (document["type"], properties["name"]) == ("Microsoft.Web/sites/slots", f"{app}(stage)")
    assert properties["enabledHostNames"] == [
        f"{app}-stage.azurewebsites.net",
        f"{app}-stage.scm.azurewebsites.net",
    ]
    assert re.fullmatch(rf"{app}__[0-9a-f]{{4}}", properties["deploymentId"])
    assert properties["ftpUsername"] == rf"{app}__stage\${app}__stage"
    assert (properties["slotSwapStatus"], properties["targetSwapSlot"]) == (None, None)


def test_a_long_name_is_cut_in_the_slots_host_and_gets_random_characters(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    long = "a-slot-with-a-very-long-name"
    plan = simulator.arm("GET", simulator.app_path(fresh_app)).json()["properties"]["serverFarmId"]
    body = {"location": "West Europe", "properties": {"serverFarmId": plan}}
    made = simulator.arm("PUT", simulator.app_path(fresh_app, long), body)
    assert made.status_code == 200
    host = made.json()["properties"]["defaultHostName"]
    assert re.fullmatch(rf"{fresh_app}-{long[:19]}[0-9a-f]{{4}}\.azurewebsites\.net", host)


def test_a_slot_without_content_serves_the_platforms_page(simulator: RunningSimulator, fresh_app: str) -> None:
    path = simulator.app_path(fresh_app, "empty")
    simulator.arm("PUT", path, {"location": "West Europe", "properties": {}}).raise_for_status()
    assert simulator.visit(fresh_app, slot="empty").status_code == 200
    assert simulator.arm("DELETE", path).status_code == 200
    assert simulator.visit(fresh_app, slot="empty").status_code == 404


def test_a_stopped_slot_keeps_everything_but_its_state_and_its_process(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    path = simulator.app_path(fresh_app, "stage")
    before = simulator.arm("GET", path).json()["properties"]
    assert simulator.arm("POST", f"{path}/stop").content == b""
    after = simulator.arm("GET", path).json()["properties"]
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"state", "lastModifiedTimeUtc"}
    assert after["state"] == "Stopped"
    assert simulator.state()["apps"][fresh_app]["stage"]["processes"] == []


def test_a_name_that_is_taken_is_not_available(simulator: RunningSimulator, app: str) -> None:
    path = f"/subscriptions/{simulator.subscription_id}/providers/Microsoft.Web/checknameavailability"
    taken = simulator.arm("POST", path, {"name": app, "type": "Microsoft.Web/sites"}).json()
    assert (taken["nameAvailable"], taken["reason"]) == (False, "AlreadyExists")
    free = simulator.arm("POST", path, {"name": "nobody-has-this", "type": "Microsoft.Web/sites"}).json()
    assert free["nameAvailable"] is True


@pytest.mark.parametrize(
    ("properties", "status"),
    [
        ({"noSuchProperty": 1}, 400),
        ({"cloningInfo": {}}, 400),
        ({"serverFarmId": "/no/such/plan"}, 404),
        ({"siteConfig": {"noSuchThing": 1}}, 400),
    ],
)
def test_an_app_that_cannot_be_made_is_not_made(
    simulator: RunningSimulator, app: str, properties: dict[str, object], status: int
) -> None:
    plan = simulator.arm("GET", simulator.app_path(app)).json()["properties"]["serverFarmId"]
    body = {"location": "West Europe", "properties": {"serverFarmId": plan, **properties}}
    path = simulator.app_path("never-made")
    assert simulator.arm("PUT", path, body).status_code == status
    assert simulator.arm("GET", path).status_code == 404


def test_what_was_read_can_be_written_back(simulator: RunningSimulator, app: str) -> None:
    document = simulator.arm("GET", simulator.app_path(app)).json()
    config = simulator.arm("GET", f"{simulator.app_path(app)}/config/web").json()
    assert simulator.arm("PUT", simulator.app_path(app), document).status_code == 200
    assert simulator.arm("PUT", f"{simulator.app_path(app)}/config/web", config).status_code == 200
    assert simulator.arm("GET", f"{simulator.app_path(app)}/config/web").json() == config


def test_an_operation_id_shows_during_a_swap_only_by_the_switch(simulator: RunningSimulator, fresh_app: str) -> None:
    simulator.set_quirks(operation_id_during_swap=True)
    try:
        body = {"targetSlot": "production", "preserveVnet": True}
        started = simulator.arm("POST", f"{simulator.app_path(fresh_app, 'stage')}/slotsswap", body)
        shown = simulator.arm("GET", simulator.app_path(fresh_app)).json()["properties"]
        assert f"/{shown['inProgressOperationId']}?" in started.headers["Location"]
        simulator.finish(started)
    finally:
        simulator.set_quirks(operation_id_during_swap=False)


def test_a_resource_group_is_deleted_with_all_that_is_in_it(simulator: RunningSimulator) -> None:
    group = f"/subscriptions/{simulator.subscription_id}/resourceGroups/passing-rg"
    assert simulator.arm("PUT", group, {"location": "westeurope"}).status_code == 201
    web = f"{group}/providers/Microsoft.Web"
    plan = {"location": "westeurope", "sku": {"name": "S1"}, "properties": {"reserved": True}}
    simulator.arm("PUT", f"{web}/serverfarms/passing-plan", plan).raise_for_status()
    site = {"location": "westeurope", "properties": {"serverFarmId": f"{web}/serverfarms/passing-plan"}}
    simulator.arm("PUT", f"{web}/sites/passing-app", site).raise_for_status()
    assert simulator.visit("passing-app").status_code == 200
    assert simulator.arm("DELETE", group).status_code == 200
    assert simulator.arm("GET", f"{web}/sites/passing-app").json()["error"]["code"] == "ResourceGroupNotFound"
    assert simulator.visit("passing-app").status_code == 404
