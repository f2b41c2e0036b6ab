"""Microsoft's own clients, pointed at the simulator."""

from collections.abc import AsyncIterator, Iterator

import pytest
from azure.identity import ClientSecretCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.mgmt.web import WebSiteManagementClient
from azure.mgmt.web.aio import WebSiteManagementClient as AsyncWebSiteManagementClient
from tests.simulator import RunningSimulator

POLLING_INTERVAL = 1
"""Seconds between polls where the service does not say; the default of 30 is for a real Azure."""


@pytest.fixture(scope="session")
def credential(simulator: RunningSimulator) -> Iterator[ClientSecretCredential]:
    """The service principal, by azure-identity."""
    with ClientSecretCredential(
        simulator.tenant_id,
        simulator.client_id,
        simulator.client_secret,
        authority=simulator.authority,
        disable_instance_discovery=True,
        connection_verify=simulator.ca_bundle,
    ) as credential:
        yield credential


@pytest.fixture(scope="session")
def client(simulator: RunningSimulator, credential: ClientSecretCredential) -> Iterator[WebSiteManagementClient]:
    """azure-mgmt-web, synchronous."""
    with WebSiteManagementClient(
        credential,
        simulator.subscription_id,
        simulator.resource_manager,
        credential_scopes=["https://management.azure.com/.default"],
        connection_verify=simulator.ca_bundle,
        polling_interval=POLLING_INTERVAL,
    ) as client:
        yield client


@pytest.fixture
async def async_client(simulator: RunningSimulator) -> AsyncIterator[AsyncWebSiteManagementClient]:
    """azure-mgmt-web, asynchronous."""
    async with (
        AsyncClientSecretCredential(
            simulator.tenant_id,
            simulator.client_id,
            simulator.client_secret,
            authority=simulator.authority,
            disable_instance_discovery=True,
            connection_verify=simulator.ca_bundle,
        ) as credential,
        AsyncWebSiteManagementClient(
            credential,
            simulator.subscription_id,
            simulator.resource_manager,
            credential_scopes=["https://management.azure.com/.default"],
            connection_verify=simulator.ca_bundle,
            polling_interval=POLLING_INTERVAL,
        ) as client,
    ):
        yield client
