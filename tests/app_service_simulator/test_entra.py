"""Tokens: who gets one, and what Entra ID says to the others."""

import pytest
from tests.simulator import RunningSimulator


def form(simulator: RunningSimulator, **changes: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": simulator.client_id,
        "client_secret": simulator.client_secret,
        "scope": "https://management.azure.com/.default",
        **changes,
    }


def test_discovery_names_the_token_endpoint_of_this_authority(simulator: RunningSimulator) -> None:
    address = f"{simulator.authority}/{simulator.tenant_id}/v2.0/.well-known/openid-configuration"
    document = simulator.client.get(address).json()
    assert document["token_endpoint"] == f"{simulator.authority}/{simulator.tenant_id}/oauth2/v2.0/token"


@pytest.mark.parametrize(
    "scope",
    [
        "https://management.azure.com/.default",
        "https://management.core.windows.net//.default",
        "https://appservice.azure.com/.default",
    ],
)
def test_the_service_principal_gets_a_token_for_an_hour(simulator: RunningSimulator, scope: str) -> None:
    address = f"{simulator.authority}/{simulator.tenant_id}/oauth2/v2.0/token"
    answer = simulator.client.post(address, data=form(simulator, scope=scope))
    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")
    assert answer.json()["expires_in"] == 3599


@pytest.mark.parametrize(
    ("changes", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": "somebody"}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": "https://graph.example/.default"}, 400, "invalid_resource", 500011),
    ],
)
def test_a_request_that_is_not_in_order_gets_entras_error(
    simulator: RunningSimulator, changes: dict[str, str], status: int, error: str, number: int
) -> None:
    address = f"{simulator.authority}/{simulator.tenant_id}/oauth2/v2.0/token"
    answer = simulator.client.post(address, data=form(simulator, **changes))
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_codes"] == [number]


def test_another_tenant_is_unknown(simulator: RunningSimulator) -> None:
    address = f"{simulator.authority}/another/v2.0/.well-known/openid-configuration"
    answer = simulator.client.get(address)
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])
