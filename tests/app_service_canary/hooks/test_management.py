"""Opening and closing Microsoft's clients for an Airflow connection."""

from typing import Any

import pytest
from azure.identity import ClientSecretCredential
from tests.app_service_canary.conftest import Connect

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.release.app_state import AppTarget


def test_microsofts_synchronous_client_is_to_be_had_for_the_rest(azure_connection: Connect, target: AppTarget) -> None:
    with AppServiceHook(azure_connection()).get_conn() as client:
        assert client.web_apps.get(target.resource_group, target.app).name == target.app


async def test_the_hosts_client_goes_where_the_connection_says(hook: AppServiceHook, target: AppTarget) -> None:
    async with await hook.app_hosts() as hosts:
        assert await hosts.version(f"{target.app}.azurewebsites.net", "/version") == "1.0.0"


async def test_a_closed_hook_opens_again_when_it_is_needed(hook: AppServiceHook, target: AppTarget) -> None:
    async with hook:
        await hook.read_production(target)
    async with hook:
        assert (await hook.read_production(target)).running


async def test_what_the_connection_says_is_read_once(hook: AppServiceHook, azure_connection: Connect) -> None:
    before = await hook.settings()
    azure_connection(subscriptionId="another")

    assert await hook.settings() is before


async def test_nothing_is_opened_before_it_is_needed(azure_connection: Connect) -> None:
    async with AppServiceHook(azure_connection(subscriptionId=None)):
        pass


async def test_a_connection_that_cannot_be_used_is_refused_when_it_is_needed(azure_connection: Connect) -> None:
    async with AppServiceHook(azure_connection(subscriptionId=None)) as hook:
        with pytest.raises(InvalidReleasePlan, match="names no subscription"):
            await hook.client()


def test_the_credential_is_to_be_had_as_other_azure_hooks_have_it(azure_connection: Connect) -> None:
    assert isinstance(AppServiceHook(azure_connection()).get_credential(), ClientSecretCredential)


def test_a_good_connection_tests_well(azure_connection: Connect) -> None:
    works, said = AppServiceHook(azure_connection()).test_connection()

    assert works
    assert said.startswith("Reached Azure App Service; this identity sees ")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"password": "not-the-secret"}, "AADSTS7000215"),
        ({"subscriptionId": None}, "names no subscription"),
        ({"subscriptionId": "00000000-0000-0000-0000-00000000dead"}, "Listing the web apps of connection"),
        ({"cloud_environment": "AzureMoon"}, "allowed: AzurePublicCloud"),
        ({"authority": "http://127.0.0.1"}, "Connection 'azure_app_service': "),
    ],
)
def test_a_bad_connection_says_what_is_wrong(azure_connection: Connect, change: dict[str, Any], expected: str) -> None:
    works, said = AppServiceHook(azure_connection(**change)).test_connection()

    assert not works
    assert expected in said
    assert "not-the-secret" not in said
