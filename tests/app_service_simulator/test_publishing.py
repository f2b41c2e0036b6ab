"""Publishing profiles and instances."""

from xml.etree import ElementTree

from tests.simulator import RunningSimulator


def test_the_publishing_profile_names_the_scm_host_and_the_credentials(simulator: RunningSimulator, app: str) -> None:
    slot = simulator.app_path(app, "stage")
    profiles = ElementTree.fromstring(simulator.arm("POST", f"{slot}/publishxml", {}).text)  # noqa: S314 - our own
    found = {profile.get("publishMethod"): profile for profile in profiles}
    assert set(found) == {"MSDeploy", "FTP", "ZipDeploy"}
    assert found["ZipDeploy"].get("publishUrl") == f"{app}-stage.scm.azurewebsites.net:443"
    credentials = simulator.arm("POST", f"{slot}/config/publishingcredentials/list").json()["properties"]
    assert found["ZipDeploy"].get("userPWD") == credentials["publishingPassword"]


def test_a_running_slot_has_one_instance_and_a_stopped_one_none(simulator: RunningSimulator, fresh_app: str) -> None:
    slot = simulator.app_path(fresh_app, "stage")
    [instance] = simulator.arm("GET", f"{slot}/instances").json()["value"]
    assert instance["type"] == "Microsoft.Web/sites/slots/instances"
    simulator.arm("POST", f"{slot}/stop").raise_for_status()
    assert simulator.arm("GET", f"{slot}/instances").json()["value"] == []
