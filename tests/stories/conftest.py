"""Whole releases, told with a real DAG, a real database and the simulator."""

import json
from collections.abc import Iterator

import pytest
from tests.simulator import RunningSimulator
from tests.stories.storyteller import Storyteller

from app_service_canary.triggers import waiting


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Airflow's tables, made once for each test process."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def quick_simulator() -> Iterator[RunningSimulator]:
    """A simulator whose hour of routing cookies lasts three seconds."""
    running = RunningSimulator.start(speed=1200)
    yield running
    assert running.stop() == 0


@pytest.fixture
def story(
    quick_simulator: RunningSimulator, airflow_database: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Storyteller]:
    """An app of its own with version 1.0.0 in production, and everything to release 2.0.0 through it."""
    monkeypatch.setenv("AIRFLOW_CONN_AZURE_APP_SERVICE", json.dumps(connection_to(quick_simulator)))
    # `dag.test()` has no scheduler whose race with the triggerer would have to be waited out.
    monkeypatch.setattr(waiting, "SETTLE", waiting.timedelta(0))
    teller = Storyteller(quick_simulator)
    yield teller
    teller.end()


def connection_to(simulator: RunningSimulator) -> dict[str, object]:
    """The Airflow connection that leads to a simulator."""
    return {
        "conn_type": "azure",
        "login": simulator.client_id,
        "password": simulator.client_secret,
        "extra": {
            "tenantId": simulator.tenant_id,
            "subscriptionId": simulator.subscription_id,
            "authority": simulator.authority,
            "resource_manager": simulator.resource_manager,
            "ca_bundle": simulator.ca_bundle,
            "connect_to": simulator.front_end,
        },
    }
