"""The connection type `azure_app_service`: in Airflow's lists, and as complete as the connection it describes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection

from app_service_canary import provider_info
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.hooks.connection import AzureSettings

ROOT = Path(__file__).resolve().parents[2]


def the_connection_type() -> dict[str, Any]:
    [described] = provider_info.provider_info()["connection-types"]
    return dict(described)


def test_the_described_hook_is_the_one_of_this_type() -> None:
    described = the_connection_type()
    assert described["connection-type"] == AppServiceHook.conn_type
    assert described["hook-name"] == AppServiceHook.hook_name
    assert described["hook-class-name"] == f"{AppServiceHook.__module__}.{AppServiceHook.__name__}"


class Recording(dict[str, str]):
    """A connection's extra that remembers which keys it was asked for."""

    def __init__(self) -> None:
        super().__init__(subscriptionId="00000000-0000-0000-0000-000000000000")
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def test_the_form_has_a_field_for_every_extra_that_is_read_and_no_other() -> None:
    extra = Recording()
    AzureSettings.of(Connection(conn_id="any", conn_type=AppServiceHook.conn_type), extra)
    refused = {"key_path", "key_json"}
    assert set(the_connection_type()["conn-fields"]) == extra.asked - refused


def test_the_clouds_to_choose_from_are_the_azure_providers() -> None:
    from airflow.providers.microsoft.azure.hooks.base_azure import _AZURE_CLOUD_ENVIRONMENTS

    assert set(provider_info.CLOUDS) == set(_AZURE_CLOUD_ENVIRONMENTS)


def test_the_version_is_the_projects() -> None:
    assert f'\nversion = "{provider_info.VERSION}"\n' in (ROOT / "pyproject.toml").read_text()


PRINT = {
    "form": "from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService as service\n"
    "print([each.hook_name for each in service.hook_meta_data() if each.connection_type == 'azure_app_service'])",
    "hook": "from airflow.models.connection import Connection\n"
    "print([Connection(conn_id='any', conn_type='azure_app_service').get_hook().hook_name])",
}


@pytest.mark.parametrize("part", PRINT)
def test_a_new_airflow_process_knows_the_type_from_the_plugins_folder_alone(part: str) -> None:
    process = subprocess.run([sys.executable, "-c", PRINT[part]], capture_output=True, text=True, check=True, cwd="/")
    assert process.stdout.splitlines()[-1] == "['Azure App Service']"
