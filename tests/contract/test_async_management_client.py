"""The calls a release makes, through the asynchronous azure-mgmt-web: what triggers use."""

from azure.core.rest import HttpRequest
from azure.mgmt.web import models as web
from azure.mgmt.web.aio import WebSiteManagementClient
from tests.simulator import API_VERSION, RunningSimulator, sample_package

GROUP = RunningSimulator.resource_group


async def test_a_whole_release_by_the_asynchronous_client(
    async_client: WebSiteManagementClient, simulator: RunningSimulator
) -> None:
    app = simulator.create_app("1.0.0", slot_running=False)
    apps = async_client.web_apps
    await apps.start_slot(GROUP, app, "stage")

    package = simulator.put_package(f"{app}.zip", sample_package("2.0.0"))
    request = HttpRequest(
        "PUT",
        f"{simulator.app_path(app, 'stage')}/extensions/onedeploy",
        params={"api-version": API_VERSION},
        json={"properties": {"packageUri": package, "type": "zip"}},
    )
    response = await async_client.send_request(request)
    assert response.status_code == 202
    simulator.finish(simulator.arm("GET", response.headers["Location"]))

    slot = await apps.get_slot(GROUP, app, "stage")
    rule = web.RampUpRule(name="stage", action_host_name=slot.properties.default_host_name, reroute_percentage=100.0)
    for rules, version in (([rule], "2.0.0"), ([], "1.0.0")):
        config = web.SiteConfig(experiments=web.Experiments(ramp_up_rules=rules))
        await apps.update_configuration(GROUP, app, web.SiteConfigResource(properties=config))
        assert simulator.version(app) == version

    target = web.CsmSlotEntity(target_slot="production", preserve_vnet=True)
    poller = await apps.begin_swap_slot(GROUP, app, "stage", target)
    await poller.result()
    assert (simulator.version(app), simulator.version(app, "stage")) == ("2.0.0", "1.0.0")
    await apps.stop_slot(GROUP, app, "stage")
    assert (await apps.get_slot(GROUP, app, "stage")).properties.state == "Stopped"
    simulator.delete_app(app)
