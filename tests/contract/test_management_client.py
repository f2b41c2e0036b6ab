"""The life of an app through azure-mgmt-web, Microsoft's client: what it sends and parses is not ours."""

import json
import time
import uuid

import httpx
import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.core.rest import HttpRequest
from azure.identity import ClientSecretCredential
from azure.mgmt.web import WebSiteManagementClient
from azure.mgmt.web import models as web
from tests.simulator import API_VERSION, POLL_INTERVAL, RunningSimulator, sample_package

from app_service_simulator.faults.fault import Fault

GROUP = RunningSimulator.resource_group
LIMIT = 30.0
"""Seconds for something in the simulator to happen; far more than it needs."""


PRODUCTION = web.CsmSlotEntity(target_slot="production", preserve_vnet=True)
"""The target of every swap here."""


def rule(app: str, percentage: float) -> web.RampUpRule:
    """Sends a share of the visitors to the app's slot `stage`."""
    return web.RampUpRule(
        name="stage", action_host_name=f"{app}-stage.azurewebsites.net", reroute_percentage=percentage
    )


def with_rules(rules: list[web.RampUpRule]) -> web.SiteConfigResource:
    return web.SiteConfigResource(properties=web.SiteConfig(experiments=web.Experiments(ramp_up_rules=rules)))


def test_a_plan_an_app_and_a_slot_are_created_and_deleted(
    client: WebSiteManagementClient, simulator: RunningSimulator
) -> None:
    name = f"app-{uuid.uuid4().hex[:8]}"
    plan = client.app_service_plans.begin_create_or_update(
        GROUP,
        f"{name}-plan",
        web.AppServicePlan(
            location="westeurope",
            kind="linux",
            properties=web.AppServicePlanProperties(reserved=True),
            sku=web.SkuDescription(name="S1", tier="Standard"),
        ),
    ).result()
    assert (plan.name, plan.sku.tier) == (f"{name}-plan", "Standard")
    site = web.Site(
        location="westeurope",
        properties=web.SiteProperties(
            server_farm_id=plan.id,
            site_config=web.SiteConfig(
                linux_fx_version="PYTHON|3.13",
                app_settings=[web.NameValuePair(name="COLOUR", value="blue")],
            ),
        ),
    )
    made = client.web_apps.begin_create_or_update(GROUP, name, site).result()
    assert (made.name, made.properties.state, made.properties.default_host_name) == (
        name,
        "Running",
        f"{name}.azurewebsites.net",
    )
    settings = client.web_apps.list_application_settings(GROUP, name)
    assert settings.properties == {"COLOUR": "blue"}
    assert client.web_apps.get_configuration(GROUP, name).properties.always_on is True

    slot = client.web_apps.begin_create_or_update_slot(GROUP, name, "stage", site).result()
    assert (slot.name, slot.type) == (f"{name}/stage", "Microsoft.Web/sites/slots")
    assert slot.properties.default_host_name == f"{name}-stage.azurewebsites.net"
    assert client.web_apps.get_configuration_slot(GROUP, name, "stage").properties.always_on is False
    assert [slot.name for slot in client.web_apps.list_slots(GROUP, name)] == [f"{name}/stage"]
    assert name in [site.name for site in client.web_apps.list_by_resource_group(GROUP)]

    with pytest.raises(ResourceExistsError, match="web app"):
        client.app_service_plans.delete(GROUP, plan.name)
    client.web_apps.delete_slot(GROUP, name, "stage")
    assert list(client.web_apps.list_slots(GROUP, name)) == []
    client.web_apps.delete(GROUP, name)
    client.app_service_plans.delete(GROUP, plan.name)
    assert simulator.visit(name).status_code == 404


def test_a_plan_below_standard_allows_no_slot(client: WebSiteManagementClient) -> None:
    name = f"app-{uuid.uuid4().hex[:8]}"
    plan = client.app_service_plans.begin_create_or_update(
        GROUP,
        f"{name}-plan",
        web.AppServicePlan(location="westeurope", sku=web.SkuDescription(name="B1", tier="Basic")),
    ).result()
    site = web.Site(location="westeurope", properties=web.SiteProperties(server_farm_id=plan.id))
    client.web_apps.begin_create_or_update(GROUP, name, site).result()
    with pytest.raises(ResourceExistsError, match="exceed the number of slots allowed"):
        client.web_apps.begin_create_or_update_slot(GROUP, name, "stage", site)
    client.web_apps.delete(GROUP, name)


def test_a_stopped_slot_answers_403_and_a_started_one_answers_again(
    client: WebSiteManagementClient, simulator: RunningSimulator, app: str
) -> None:
    client.web_apps.stop_slot(GROUP, app, "stage")
    stopped = client.web_apps.get_slot(GROUP, app, "stage").properties
    assert (stopped.state, stopped.enabled, stopped.availability_state) == ("Stopped", True, "Normal")
    assert simulator.visit(app, slot="stage").status_code == 403
    assert simulator.state()["apps"][app]["stage"]["processes"] == []
    client.web_apps.start_slot(GROUP, app, "stage")
    assert client.web_apps.get_slot(GROUP, app, "stage").properties.state == "Running"
    assert simulator.version(app, "stage") == "2.0.0"


def test_start_and_stop_may_be_repeated(client: WebSiteManagementClient, app: str) -> None:
    for _ in range(2):
        client.web_apps.stop_slot(GROUP, app, "stage")
    for _ in range(2):
        client.web_apps.start_slot(GROUP, app, "stage")
    assert client.web_apps.get_slot(GROUP, app, "stage").properties.state == "Running"


def test_a_synchronous_restart_replaces_the_process(
    client: WebSiteManagementClient, simulator: RunningSimulator, app: str
) -> None:
    assert simulator.version(app, "stage") == "2.0.0"
    before = simulator.state()["apps"][app]["stage"]["processes"]
    client.web_apps.restart_slot(GROUP, app, "stage", synchronous=True)
    after = simulator.state()["apps"][app]["stage"]["processes"]
    assert len(after) == 1
    assert after != before


def test_rules_are_set_mirrored_and_cleared(
    client: WebSiteManagementClient, simulator: RunningSimulator, app: str
) -> None:
    processes = simulator.state()["apps"][app]["production"]["processes"]
    client.web_apps.update_configuration(GROUP, app, with_rules([rule(app, 15.0)]))
    config = client.web_apps.get_configuration(GROUP, app).properties
    assert [r.reroute_percentage for r in config.experiments.ramp_up_rules] == [15.0]
    assert config["routingRules"][0] == {
        "actionHostName": f"{app}-stage.azurewebsites.net",
        "reroutePercentage": 15.0,
        "changeStep": None,
        "changeIntervalInMinutes": None,
        "minReroutePercentage": None,
        "maxReroutePercentage": None,
        "changeDecisionCallbackUrl": None,
        "name": "stage",
    }
    assert client.web_apps.get(GROUP, app).properties.site_config.experiments is None

    client.web_apps.update_configuration(GROUP, app, with_rules([rule(app, 100.0)]))
    assert simulator.version(app) == "2.0.0"
    client.web_apps.update_configuration(GROUP, app, with_rules([]))
    assert client.web_apps.get_configuration(GROUP, app).properties.experiments.ramp_up_rules == []
    assert simulator.version(app) == "1.0.0"
    assert simulator.state()["apps"][app]["production"]["processes"] == processes


def test_app_settings_are_replaced_and_reach_the_process(
    client: WebSiteManagementClient, simulator: RunningSimulator, app: str
) -> None:
    client.web_apps.update_application_settings_slot(
        GROUP, app, "stage", web.StringDictionary(properties={"SAMPLE_VERSION": "2.0.0-blue"})
    )
    listed = client.web_apps.list_application_settings_slot(GROUP, app, "stage")
    assert listed.properties == {"SAMPLE_VERSION": "2.0.0-blue"}
    wait_for_version(simulator, app, "stage", "2.0.0-blue")
    client.web_apps.update_application_settings_slot(GROUP, app, "stage", web.StringDictionary(properties={}))
    wait_for_version(simulator, app, "stage", "2.0.0")


def test_sticky_names_and_connection_strings_are_kept(client: WebSiteManagementClient, app: str) -> None:
    names = web.SlotConfigNamesResource(properties=web.SlotConfigNames(app_setting_names=["COLOUR"]))
    written = client.web_apps.update_slot_configuration_names(GROUP, app, names)
    assert written.properties.connection_string_names == []
    read = client.web_apps.list_slot_configuration_names(GROUP, app)
    assert read.properties.app_setting_names == ["COLOUR"]
    strings = client.web_apps.list_connection_strings(GROUP, app)
    assert strings.properties == {}


def test_a_package_is_deployed_by_its_address(
    client: WebSiteManagementClient, simulator: RunningSimulator, app: str
) -> None:
    address = simulator.put_package(f"{app}-2.1.0.zip", sample_package("2.1.0")) + "?sv=2024-11-04&sig=secret"
    response = deploy(client, simulator, app, {"packageUri": address, "type": "zip"})
    assert response.status_code == 202
    assert response.json()["properties"]["provisioningState"] == "InProgress"
    final = poll(client, response)
    assert (final["status"], final["provisioningState"], final["active"]) == (4, "Succeeded", True)
    assert simulator.version(app, "stage") == "2.1.0"
    history = list(client.web_apps.list_deployments_slot(GROUP, app, "stage"))
    assert final["id"] in [entry.name.rpartition("/")[2] for entry in history]
    log = client.web_apps.list_deployment_log_slot(GROUP, app, slot="stage", id=final["id"])
    assert "Deployment successful." in json.dumps(log.as_dict())
    status = client.web_apps.begin_get_slot_site_deployment_status_slot(GROUP, app, "stage", final["id"]).result()
    assert status.properties.status == "RuntimeSuccessful"


@pytest.mark.parametrize("address", ["missing.zip", "text.zip"])
def test_a_package_that_cannot_be_used_fails_the_deployment_with_200(
    client: WebSiteManagementClient, simulator: RunningSimulator, app: str, address: str
) -> None:
    text = simulator.put_package("text.zip", b"no zip at all")
    before = simulator.version(app, "stage")
    package = text.replace("text.zip", address)
    final = poll(client, deploy(client, simulator, app, {"packageUri": package, "type": "zip"}))
    assert (final["status"], final["provisioningState"]) == (3, "Failed")
    assert simulator.version(app, "stage") == before


def test_a_swap_is_polled_to_its_end_and_exchanges_the_contents(
    client: WebSiteManagementClient, simulator: RunningSimulator
) -> None:
    app = simulator.create_app("1.0.0")
    package = simulator.put_package(f"{app}-2.0.0.zip", sample_package("2.0.0"))
    simulator.deploy(app, "stage", package)
    before = {slot: deployment_id(client, app, slot) for slot in (None, "stage")}
    poller = client.web_apps.begin_swap_slot(GROUP, app, "stage", PRODUCTION)
    poller.result()
    assert {None: before["stage"], "stage": before[None]} == {
        slot: deployment_id(client, app, slot) for slot in (None, "stage")
    }
    for site in (client.web_apps.get(GROUP, app), client.web_apps.get_slot(GROUP, app, "stage")):
        status = site.properties.slot_swap_status
        assert (status.source_slot_name, status.destination_slot_name) == ("stage", "Production")
    assert (simulator.version(app), simulator.version(app, "stage")) == ("2.0.0", "1.0.0")
    simulator.delete_app(app)


def test_a_preview_is_completed_or_reset(client: WebSiteManagementClient, simulator: RunningSimulator) -> None:
    app = simulator.create_app("1.0.0")
    simulator.deploy(app, "stage", simulator.put_package(f"{app}.zip", sample_package("2.0.0")))
    client.web_apps.apply_slot_configuration_slot(GROUP, app, "stage", PRODUCTION)
    assert client.web_apps.get(GROUP, app).properties.target_swap_slot == "stage"
    with pytest.raises(ResourceExistsError, match="prepared for swap"):
        client.web_apps.update_application_settings_slot(GROUP, app, "stage", web.StringDictionary(properties={}))
    client.web_apps.reset_production_slot_config(GROUP, app)
    assert client.web_apps.get(GROUP, app).properties.target_swap_slot is None

    client.web_apps.apply_slot_configuration_slot(GROUP, app, "stage", PRODUCTION)
    client.web_apps.begin_swap_slot(GROUP, app, "stage", PRODUCTION).result()
    assert client.web_apps.get(GROUP, app).properties.target_swap_slot is None
    assert simulator.version(app) == "2.0.0"
    simulator.delete_app(app)


def test_a_swap_of_a_stopped_slot_is_refused(client: WebSiteManagementClient, app: str) -> None:
    client.web_apps.stop_slot(GROUP, app, "stage")
    with pytest.raises(ResourceExistsError) as refused:
        client.web_apps.begin_swap_slot(GROUP, app, "stage", PRODUCTION)
    assert refused.value.status_code == 409
    assert refused.value.response.json()["Code"] == "Conflict"
    client.web_apps.start_slot(GROUP, app, "stage")


def test_the_errors_have_the_classes_and_shapes_azure_core_gives_them(
    client: WebSiteManagementClient, simulator: RunningSimulator, app: str
) -> None:
    with pytest.raises(ResourceNotFoundError) as missing:
        client.web_apps.get(GROUP, "no-such-app")
    assert missing.value.error.code == "ResourceNotFound"
    with pytest.raises(HttpResponseError) as refused:
        client.web_apps.update_configuration(GROUP, app, with_rules([rule(app, 101.0)]))
    assert refused.value.status_code == 400
    assert refused.value.error is None, "azure-core cannot read the provider's own shape"
    with (
        ClientSecretCredential(
            simulator.tenant_id,
            simulator.client_id,
            "wrong",
            authority=simulator.authority,
            disable_instance_discovery=True,
            connection_verify=simulator.ca_bundle,
        ) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215"),
    ):
        credential.get_token("https://management.azure.com/.default")


def test_a_swap_whose_answer_the_gateway_lost_is_done_all_the_same(
    client: WebSiteManagementClient, simulator: RunningSimulator
) -> None:
    app = simulator.create_app("1.0.0")
    simulator.deploy(app, "stage", simulator.put_package(f"{app}.zip", sample_package("2.0.0")))
    simulator.set_faults(Fault(operation="WebApps_SwapSlotSlot", do="gateway_timeout", when="after"))
    first = simulator.journal()[-1]["n"]
    with pytest.raises(HttpResponseError, match="GatewayTimeout"):
        # With retries azure-core would post the swap again: after the first had ended, that would undo it.
        client.web_apps.begin_swap_slot(GROUP, app, "stage", PRODUCTION, retry_total=0)
    swaps = [entry for entry in simulator.journal(first) if entry["operation"] == "WebApps_SwapSlotSlot"]
    assert [entry["status"] for entry in swaps] == [504]
    deadline = time.monotonic() + LIMIT
    while client.web_apps.get(GROUP, app).properties.slot_swap_status is None:
        assert time.monotonic() < deadline, "the swap does not end"
        time.sleep(POLL_INTERVAL)
    wait_for_version(simulator, app, None, "2.0.0")
    simulator.delete_app(app)


def test_azure_core_repeats_a_swap_by_itself_after_a_gateway_timeout(
    client: WebSiteManagementClient, simulator: RunningSimulator
) -> None:
    app = simulator.create_app("1.0.0")
    simulator.set_faults(Fault(operation="WebApps_SwapSlotSlot", do="gateway_timeout"))
    first = simulator.journal()[-1]["n"]
    client.web_apps.begin_swap_slot(GROUP, app, "stage", PRODUCTION, retry_total=1).result()
    swaps = [entry for entry in simulator.journal(first) if entry["operation"] == "WebApps_SwapSlotSlot"]
    assert [entry["status"] for entry in swaps] == [504, 202]
    simulator.delete_app(app)


def test_metrics_of_a_slot_come_from_the_traffic_it_served(
    client: WebSiteManagementClient, simulator: RunningSimulator, app: str
) -> None:
    definitions = client.send_request(
        HttpRequest(
            "GET",
            f"{simulator.app_path(app)}/providers/Microsoft.Insights/metricDefinitions",
            params={"api-version": "2018-01-01"},
        )
    ).json()["value"]
    assert {"Requests", "Http5xx", "HttpResponseTime"} <= {entry["name"]["value"] for entry in definitions}
    answer = client.send_request(
        HttpRequest(
            "GET",
            f"{simulator.app_path(app, 'stage')}/providers/Microsoft.Insights/metrics",
            params={"api-version": "2024-02-01", "metricnames": "Requests,Http5xx", "interval": "PT1M"},
        )
    )
    assert answer.status_code == 200
    assert [entry["name"]["value"] for entry in answer.json()["value"]] == ["Requests", "Http5xx"]
    assert answer.json()["namespace"] == "Microsoft.Web/sites/slots"


def wait_for_version(simulator: RunningSimulator, app: str, slot: str | None, version: str) -> None:
    deadline = time.monotonic() + LIMIT
    while simulator.version(app, slot) != version:
        assert time.monotonic() < deadline, f"{version} does not answer"
        time.sleep(POLL_INTERVAL)


def deployment_id(client: WebSiteManagementClient, app: str, slot: str | None) -> str:
    site = client.web_apps.get_slot(GROUP, app, slot) if slot else client.web_apps.get(GROUP, app)
    return str(site.properties["deploymentId"])


def deploy(
    client: WebSiteManagementClient, simulator: RunningSimulator, app: str, properties: dict[str, object]
) -> httpx.Response:
    return client.send_request(
        HttpRequest(
            "PUT",
            f"{simulator.app_path(app, 'stage')}/extensions/onedeploy",
            params={"api-version": API_VERSION},
            json={"properties": properties},
        )
    )


def poll(client: WebSiteManagementClient, response: httpx.Response) -> dict[str, object]:
    deadline = time.monotonic() + LIMIT
    while response.status_code == 202:
        assert time.monotonic() < deadline, "the deployment does not end"
        time.sleep(POLL_INTERVAL)
        response = client.send_request(HttpRequest("GET", response.headers["Location"]))
    assert response.status_code == 200
    return dict(response.json()["properties"])
