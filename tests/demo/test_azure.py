"""The demonstration's Azure: asked as a user and as ARM's client, at a real simulator."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from demo.azure import Azure
from demo.playground import package_url, start_simulator
from demo.processes import Processes
from demo.run_directory import RunDirectory


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """The simulator with its default seed, as `make release` starts it."""
    directory = RunDirectory(tmp_path_factory.mktemp("azure") / "run")
    with directory.held(), Processes(directory) as processes:
        _, address = start_simulator(processes, speed=60)
        client = Azure(address)
        client.sign_in()
        yield client
        client.close()


def test_the_seeds_production_runs_the_first_version(azure: Azure) -> None:
    assert azure.production_version() == "1.0.0"
    assert azure.production().state == "Running"


def test_the_seeds_slot_is_stopped_and_gets_no_users(azure: Azure) -> None:
    assert azure.canary_slot().state == "Stopped"
    assert azure.canary_weight() == 0


def test_an_uploaded_package_can_be_fetched_by_its_signed_url(azure: Azure, tmp_path: Path) -> None:
    url = package_url(azure, tmp_path, "2.0.0", {"SAMPLE_ERROR_RATE": "0.3"})
    assert "&sig=" in url
    package = azure.client.get(url, headers={"Authorization": ""}).raise_for_status().content
    assert package == (tmp_path / "sample-app-2.0.0.zip").read_bytes()


def test_each_signature_is_a_new_one(azure: Azure, tmp_path: Path) -> None:
    first, second = (package_url(azure, tmp_path, "2.0.0", {}) for _ in range(2))
    assert first.partition("?")[0] == second.partition("?")[0]
    assert first != second


def test_production_is_asked_itself_even_when_every_user_is_sent_to_the_slot(azure: Azure) -> None:
    site = f"{azure.address.resource_manager}{azure.site}"
    parameters = {"api-version": "2023-12-01"}
    rule = {"name": "stage", "actionHostName": azure.canary_slot().host, "reroutePercentage": 100.0}

    def route(rules: list[dict[str, object]]) -> None:
        body = {"properties": {"experiments": {"rampUpRules": rules}}}
        azure.client.patch(f"{site}/config/web", params=parameters, json=body).raise_for_status()

    route([rule])
    try:
        assert azure.canary_weight() == 100.0
        host = {"Host": azure.production().host}
        assert httpx.get(f"{azure.address.front_end}/version", headers=host).status_code == 403
        assert azure.production_version() == "1.0.0"
    finally:
        route([])


def test_a_production_that_does_not_answer_is_told_by_its_status(azure: Azure) -> None:
    site = f"{azure.address.resource_manager}{azure.site}"
    parameters = {"api-version": "2023-12-01"}
    azure.client.post(f"{site}/stop", params=parameters).raise_for_status()
    try:
        assert azure.production_version() == "none (it answered 403)"
    finally:
        azure.client.post(f"{site}/start", params=parameters).raise_for_status()


def test_the_connection_is_the_one_of_airflows_azure_provider_and_finds_the_simulator(azure: Azure) -> None:
    connection = json.loads(azure.address.connection())
    assert (connection["conn_type"], connection["login"]) == ("azure", azure.address.client_id)
    assert connection["extra"]["connect_to"] == azure.address.front_end
    assert set(connection["extra"]) == {
        "tenantId",
        "subscriptionId",
        "authority",
        "resource_manager",
        "ca_bundle",
        "connect_to",
    }
