"""Deployments by Resource Manager's OneDeploy, by Kudu, and of container images."""

import base64
import zipfile
from io import BytesIO
from typing import Any

import httpx
import pytest
from tests.simulator import RunningSimulator, sample_package


def one_deploy(simulator: RunningSimulator, app: str, **properties: Any) -> httpx.Response:
    path = f"{simulator.app_path(app, 'stage')}/extensions/onedeploy"
    return simulator.arm("PUT", path, {"properties": properties})


def files(**contents: str) -> bytes:
    package = BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for name, text in contents.items():
            archive.writestr(name.replace("_", "."), text)
    return package.getvalue()


def scm(simulator: RunningSimulator, app: str, **headers: str) -> dict[str, str]:
    token = simulator.token("https://appservice.azure.com")
    host = {"Host": f"{app}-stage.scm.azurewebsites.net"}
    return {"Authorization": f"Bearer {token}", **host, **headers}


def set_stack(simulator: RunningSimulator, app: str, **config: str) -> None:
    path = f"{simulator.app_path(app, 'stage')}/config/web"
    simulator.arm("PATCH", path, {"properties": config}).raise_for_status()


def test_a_deployment_is_pending_with_a_location_and_then_finished(simulator: RunningSimulator, app: str) -> None:
    package = simulator.put_package("deployed.zip", sample_package("5.0.0")) + "?sv=1&sig=hidden"
    started = one_deploy(simulator, app, packageUri=package, type="zip", trackdeploymentprogress=True)
    assert started.status_code == 202
    location = started.headers["Location"]
    assert location.startswith(f"{simulator.resource_manager}{simulator.app_path(app, 'stage')}/deployments/latest")
    assert "&deployer=OneDeploy&time=" in location
    pending = simulator.arm("GET", location)
    assert (pending.status_code, pending.json()["properties"]["provisioningState"]) == (202, "InProgress")
    final = simulator.finish(pending).json()["properties"]
    assert (final["id"], final["status"]) == (started.headers["SCM-DEPLOYMENT-ID"], 4)
    assert simulator.version(app, "stage") == "5.0.0"


def test_a_package_that_does_not_start_fails_as_the_switch_says(simulator: RunningSimulator, fresh_app: str) -> None:
    package = simulator.put_package("failing.zip", sample_package("5.1.0", SAMPLE_FAIL_START="1"))
    failed = simulator.deploy(fresh_app, "stage", package)
    assert (failed["status"], failed["provisioningState"]) == (3, "Failed")
    assert "did not start" in failed["status_text"]
    path = f"{simulator.app_path(fresh_app, 'stage')}/deploymentStatus"
    status = simulator.arm("GET", f"{path}/{failed['id']}").json()["properties"]
    assert (status["status"], status["numberOfInstancesFailed"]) == ("RuntimeFailed", 1)
    simulator.set_quirks(unstartable_package_fails_deployment=False)
    try:
        unnoticed = simulator.deploy(fresh_app, "stage", package)
    finally:
        simulator.set_quirks(unstartable_package_fails_deployment=True)
    assert unnoticed["status"] == 4
    status = simulator.arm("GET", f"{path}/{unnoticed['id']}").json()["properties"]
    assert status["status"] == "RuntimeFailed"


def test_the_query_of_a_package_address_is_told_nobody(simulator: RunningSimulator, app: str) -> None:
    missing = f"{simulator.resource_manager}/_simulator/packages/none.zip?sig=hidden"
    failed = simulator.deploy(app, "stage", missing)
    path = f"{simulator.app_path(app, 'stage')}/deployments/{failed['id']}/log"
    log = simulator.arm("GET", path).text
    assert "none.zip" in log
    assert "hidden" not in log + str(failed)


def test_a_second_deployment_meets_409_while_the_first_runs(simulator: RunningSimulator, app: str) -> None:
    package = simulator.put_package("twice.zip", sample_package("5.2.0"))
    first = one_deploy(simulator, app, packageUri=package, type="zip")
    second = one_deploy(simulator, app, packageUri=package, type="zip")
    assert second.status_code == 409
    assert "There is a deployment currently in progress" in second.text
    swap = simulator.arm(
        "POST",
        f"{simulator.app_path(app, 'stage')}/slotsswap",
        {"targetSlot": "production", "preserveVnet": True},
    )
    assert swap.status_code == 409
    simulator.finish(first)


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({"type": "cab"}, "type='cab' not recognized"),
        ({"type": "static"}, "Path must be defined for type='static'"),
        ({"type": "static", "path": "../../etc/passwd"}, "leads out of the site"),
        ({"type": "war"}, "Artifact type = 'War' cannot be deployed to stack = 'OTHER'"),
        ({"type": "zip", "packageUri": None}, "Missing package"),
    ],
)
def test_a_deployment_that_cannot_be_is_refused(
    simulator: RunningSimulator, app: str, properties: dict[str, Any], sentence: str
) -> None:
    set_stack(simulator, app, linuxFxVersion="OTHER|1")
    answer = one_deploy(simulator, app, **{"packageUri": "https://127.0.0.1/x", **properties})
    assert answer.status_code == 400
    assert sentence in answer.text
    set_stack(simulator, app, linuxFxVersion="")


def test_an_unknown_property_of_a_deployment_is_refused(simulator: RunningSimulator, app: str) -> None:
    answer = one_deploy(simulator, app, packageUri="https://127.0.0.1/x", type="zip", colour="blue")
    assert (answer.status_code, answer.json()["Code"]) == (400, "BadRequest")


def test_a_zip_replaces_what_was_there_unless_it_is_not_to_clean(simulator: RunningSimulator, fresh_app: str) -> None:
    one = simulator.put_package("one.zip", files(index_html="one", kept_txt="kept"))
    two = simulator.put_package("two.zip", files(index_html="two"))
    simulator.deploy(fresh_app, "stage", one)
    simulator.deploy(fresh_app, "stage", two, clean=False)
    assert simulator.visit(fresh_app, "/", "stage").text == "two"
    assert simulator.visit(fresh_app, "/kept.txt", "stage").text == "kept"
    simulator.deploy(fresh_app, "stage", two)
    assert simulator.visit(fresh_app, "/kept.txt", "stage").status_code == 404


def test_a_static_file_goes_to_its_path_beside_what_is_there(simulator: RunningSimulator, fresh_app: str) -> None:
    simulator.deploy(fresh_app, "stage", simulator.put_package("site.zip", files(index_html="index")))
    page = simulator.put_package("page.html", b"a page")
    simulator.deploy(fresh_app, "stage", page, type="static", path="/home/site/wwwroot/pages/page.html")
    assert simulator.visit(fresh_app, "/pages/page.html", "stage").text == "a page"
    assert simulator.visit(fresh_app, "/", "stage").text == "index"


def test_a_stopped_slot_can_be_deployed_to_unless_its_kudu_is_stopped_too(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    slot = simulator.app_path(fresh_app, "stage")
    simulator.arm("POST", f"{slot}/stop").raise_for_status()
    package = simulator.put_package("stopped.zip", sample_package("6.0.0"))
    assert simulator.deploy(fresh_app, "stage", package)["status"] == 4
    assert simulator.visit(fresh_app, slot="stage").status_code == 403
    simulator.arm("POST", f"{slot}/start").raise_for_status()
    assert simulator.version(fresh_app, "stage") == "6.0.0"
    simulator.arm("PATCH", slot, {"properties": {"scmSiteAlsoStopped": True}}).raise_for_status()
    simulator.arm("POST", f"{slot}/stop").raise_for_status()
    assert one_deploy(simulator, fresh_app, packageUri=package, type="zip").status_code == 403


@pytest.mark.parametrize("path", ["/api/publish?type=zip&async=True", "/api/zipdeploy?isAsync=true"])
def test_a_push_to_kudu_is_polled_at_its_own_host(simulator: RunningSimulator, app: str, path: str) -> None:
    version = f"7.0.{len(path)}"
    headers = scm(simulator, app)
    address = f"{simulator.resource_manager}{path}"
    started = simulator.client.post(address, content=sample_package(version), headers=headers)
    assert started.status_code == 202
    location = started.headers["Location"]
    assert location.startswith(f"https://{headers['Host']}/api/deployments/latest?deployer=")
    latest = location.replace(f"https://{headers['Host']}", simulator.resource_manager)
    assert simulator.client.get(latest, headers=headers).status_code == 202
    simulator.wait_until(lambda: simulator.client.get(latest, headers=headers).status_code == 200)
    final = simulator.client.get(latest, headers=headers).json()
    assert (final["id"], final["status"]) == (started.headers["SCM-DEPLOYMENT-ID"], 4)
    assert simulator.version(app, "stage") == version


def test_a_synchronous_push_answers_when_it_is_done(simulator: RunningSimulator, app: str) -> None:
    address = f"{simulator.resource_manager}/api/publish?type=zip"
    headers = scm(simulator, app)
    assert simulator.client.post(address, content=b"no zip", headers=headers).status_code == 400
    good = simulator.client.post(address, content=sample_package("7.1.0"), headers=headers)
    assert good.status_code == 200
    assert simulator.version(app, "stage") == "7.1.0"


def test_publishing_credentials_open_kudu_only_where_basic_is_allowed(simulator: RunningSimulator, app: str) -> None:
    slot = simulator.app_path(app, "stage")
    found = simulator.arm("POST", f"{slot}/config/publishingcredentials/list").json()["properties"]
    user, password = found["publishingUserName"], found["publishingPassword"]
    assert (user, len(password)) == (f"${app}__stage", 60)
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Host": f"{app}-stage.scm.azurewebsites.net", "Authorization": f"Basic {basic}"}
    address = f"{simulator.resource_manager}/api/deployments"
    assert simulator.client.get(address, headers=headers).status_code == 401
    policy = f"{slot}/basicPublishingCredentialsPolicies/scm"
    assert simulator.arm("GET", policy).json()["properties"] == {"allow": False}
    simulator.arm("PUT", policy, {"properties": {"allow": True}}).raise_for_status()
    assert simulator.client.get(address, headers=headers).status_code == 200
    wrong = {**headers, "Authorization": "Basic " + base64.b64encode(b"x:y").decode()}
    assert simulator.client.get(address, headers=wrong).status_code == 401
    del headers["Authorization"]
    assert simulator.client.get(address, headers=headers).status_code == 401


def test_a_container_image_runs_what_was_registered_for_it(simulator: RunningSimulator, fresh_app: str) -> None:
    simulator.put_image("contoso.azurecr.io/web:8.0.0", sample_package("8.0.0"))
    set_stack(simulator, fresh_app, linuxFxVersion="DOCKER|contoso.azurecr.io/web:8.0.0")
    simulator.wait_until(lambda: simulator.version(fresh_app, "stage") == "8.0.0")
    assert simulator.swap(fresh_app).status_code == 200
    assert simulator.version(fresh_app) == "8.0.0"
    assert simulator.version(fresh_app, "stage") == "1.0.0"


def test_an_image_nobody_has_does_not_start(simulator: RunningSimulator, fresh_app: str) -> None:
    set_stack(simulator, fresh_app, linuxFxVersion="DOCKER|contoso.azurecr.io/web:none")
    simulator.wait_until(lambda: simulator.state()["apps"][fresh_app]["stage"]["processes"] == [])
    assert "worker process" in simulator.swap(fresh_app).json()["Message"]
