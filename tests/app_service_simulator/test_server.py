"""What Resource Manager itself answers, before any resource is touched."""

import re

import pytest
from tests.simulator import API_VERSION, RunningSimulator

from app_service_simulator.faults.fault import Fault


def test_a_call_without_a_token_is_refused_with_a_challenge(simulator: RunningSimulator) -> None:
    address = f"{simulator.resource_manager}{simulator.app_path('contoso-web')}?api-version={API_VERSION}"
    answer = simulator.client.get(address)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "AuthenticationFailed"
    assert f'authorization_uri="{simulator.authority}/' in answer.headers["WWW-Authenticate"]


def test_a_token_somebody_made_up_is_refused(simulator: RunningSimulator) -> None:
    address = f"{simulator.resource_manager}/subscriptions?api-version={API_VERSION}"
    answer = simulator.client.get(address, headers={"Authorization": "Bearer made-up"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


def test_a_token_for_kudu_does_not_open_resource_manager(simulator: RunningSimulator) -> None:
    token = simulator.token("https://appservice.azure.com")
    address = f"{simulator.resource_manager}/subscriptions?api-version={API_VERSION}"
    answer = simulator.client.get(address, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationTokenAudience")


def test_a_call_without_an_api_version_is_refused(simulator: RunningSimulator) -> None:
    headers = {"Authorization": f"Bearer {simulator.token()}"}
    answer = simulator.client.get(f"{simulator.resource_manager}{simulator.app_path('contoso-web')}", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "MissingApiVersionParameter")


def test_an_api_version_that_is_no_date_is_refused(simulator: RunningSimulator) -> None:
    answer = simulator.arm("GET", simulator.app_path("contoso-web"), params={"api-version": "latest"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidApiVersionParameter")


@pytest.mark.parametrize("version", ["2019-08-01", "2022-03-01", "2025-05-01"])
def test_every_api_version_is_answered_alike(simulator: RunningSimulator, version: str) -> None:
    path = simulator.app_path("contoso-web")
    answer = simulator.arm("GET", path, params={"api-version": version})
    assert answer.json() == simulator.arm("GET", path).json()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups", "SubscriptionNotFound"),
        ("{subscription}/resourceGroups/none", "ResourceGroupNotFound"),
        ("{group}/providers/Microsoft.Web/sites/none", "ResourceNotFound"),
        ("{group}/providers/Microsoft.Web/sites/contoso-web/slots/none", "ResourceNotFound"),
        ("{group}/providers/Microsoft.Web/sites/contoso-web/backups", "InvalidResourceType"),
        ("{group}/providers/Microsoft.Compute/virtualMachines/vm", "InvalidResourceNamespace"),
    ],
)
def test_what_does_not_exist_answers_404_in_resource_managers_shape(
    simulator: RunningSimulator, path: str, code: str
) -> None:
    subscription = f"/subscriptions/{simulator.subscription_id}"
    group = f"{subscription}/resourceGroups/{simulator.resource_group}"
    answer = simulator.arm("GET", path.format(subscription=subscription, group=group))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)
    assert answer.headers["x-ms-failure-cause"] == "gateway"


def test_a_method_an_operation_does_not_have_answers_405(simulator: RunningSimulator) -> None:
    assert simulator.arm("GET", simulator.app_path("contoso-web") + "/start").status_code == 405


def test_paths_compare_without_case_and_with_doubled_slashes(simulator: RunningSimulator) -> None:
    path = "/" + simulator.app_path("contoso-web").upper().replace(
        simulator.subscription_id.upper(), simulator.subscription_id
    )
    assert simulator.arm("GET", path).json()["name"] == "contoso-web"


def test_a_body_that_is_no_json_is_refused(simulator: RunningSimulator) -> None:
    headers = {"Authorization": f"Bearer {simulator.token()}"}
    address = f"{simulator.resource_manager}{simulator.app_path('contoso-web')}/config/web"
    answer = simulator.client.patch(address, params={"api-version": API_VERSION}, content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRequestContent")


def test_every_answer_has_the_headers_of_azure(simulator: RunningSimulator) -> None:
    answer = simulator.arm("GET", simulator.app_path("contoso-web"))
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["x-ms-request-id"] == answer.headers["x-ms-correlation-request-id"]
    assert re.fullmatch(r"SIMULATOR:\d{8}T\d{6}Z:[0-9a-f-]{36}", answer.headers["x-ms-routing-request-id"])


def test_the_journal_counts_calls_and_keeps_no_query(simulator: RunningSimulator) -> None:
    last = simulator.journal()[-1]["n"]
    simulator.arm("GET", simulator.app_path("contoso-web"), params={"secret": "s3cret"})
    [entry] = simulator.journal(last)
    assert entry["n"] == last + 1
    assert (entry["method"], entry["operation"], entry["status"]) == ("GET", "WebApps_Get", 200)
    assert (entry["path"], entry["principal"]) == (simulator.app_path("contoso-web"), simulator.client_id)
    assert "s3cret" not in str(simulator.journal())


def test_a_fault_is_met_as_often_as_ordered(simulator: RunningSimulator) -> None:
    simulator.set_faults(Fault(operation="webapps_get", do="throttled", times=2))
    answers = [simulator.arm("GET", simulator.app_path("contoso-web")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "quirks", {"no_such_switch": True}),
        ("PATCH", "quirks", {"metrics_delay": "soon"}),
        ("PATCH", "quirks", []),
        ("PUT", "faults", [{"operation": "WebApps_Get", "do": "tantrum"}]),
        ("PUT", "faults", {}),
    ],
)
def test_a_control_refuses_what_it_does_not_know(
    simulator: RunningSimulator, method: str, path: str, body: object
) -> None:
    before = simulator.client.get(f"{simulator.resource_manager}/_simulator/{path}").json()
    answer = simulator.client.request(method, f"{simulator.resource_manager}/_simulator/{path}", json=body)
    assert (answer.status_code, "error" in answer.json()) == (400, True)
    assert simulator.client.get(f"{simulator.resource_manager}/_simulator/{path}").json() == before


def test_an_unknown_control_lists_those_there_are(simulator: RunningSimulator) -> None:
    answer = simulator.client.get(f"{simulator.resource_manager}/_simulator/nothing")
    assert answer.status_code == 404
    assert "GET /_simulator/state" in answer.json()["controls"]
