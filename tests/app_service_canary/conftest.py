"""What tests of the plugin share: an Airflow of their own, and a connection that leads to the simulator."""

import json
from collections.abc import Callable
from typing import Any

import pytest

# Before anything imports Airflow: it reads its home and settings once.
from tests import airflow_environment  # noqa: F401 - imported for what it does to the environment
from tests.simulator import RunningSimulator

Connect = Callable[..., str]
"""Sets the connection's fields besides the usual ones; `login` and `password` by name, any other is an extra, and
None takes a field away. Returns the connection's id."""


@pytest.fixture
def azure_connection(simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """The Airflow connection to the simulator, which is there already; call it to change fields."""

    def connect(**changes: Any) -> str:
        fields = {
            "login": simulator.client_id,
            "password": simulator.client_secret,
            "tenantId": simulator.tenant_id,
            "subscriptionId": simulator.subscription_id,
            "authority": simulator.authority,
            "resource_manager": simulator.resource_manager,
            "ca_bundle": simulator.ca_bundle,
            "connect_to": simulator.front_end,
            **changes,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        top = {name: given.pop(name) for name in ("login", "password") if name in given}
        monkeypatch.setenv("AIRFLOW_CONN_AZURE_APP_SERVICE", json.dumps({"conn_type": "azure", **top, "extra": given}))
        return "azure_app_service"

    connect()
    return connect
