"""What tests of the plugin share: an Airflow of their own, and a connection that leads to the simulator."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

# Before anything imports Airflow: it reads its home and settings once.
from tests import airflow_environment  # noqa: F401 - imported for what it does to the environment
from tests.simulator import RunningSimulator

from app_service_canary import patience
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.operators import deploy, own_swap, preflight, promoted_analysis, swap
from app_service_canary.release.app_state import AppState, AppTarget
from app_service_canary.triggers import waiting
from app_service_simulator.faults.fault import Fault

Connect = Callable[..., str]
"""Sets the connection's fields besides the usual ones; `login` and `password` by name, any other is an extra, and
None takes a field away. Returns the connection's id."""


@pytest.fixture(autouse=True)
def no_scheduler_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events come at once: here no scheduler has to see a deferral first."""
    monkeypatch.setattr(waiting, "SETTLE", timedelta(0))


@pytest.fixture(autouse=True)
def quick_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried or looked at again is so soon, as the simulator is quick."""
    monkeypatch.setattr(patience, "_growing", lambda state: 0.05)
    monkeypatch.setattr(patience, "LOOK_AGAIN", (0.05, 0.05))
    for module in (deploy, preflight, promoted_analysis, swap, own_swap):
        monkeypatch.setattr(module, "READ_BACK", timedelta(seconds=1))


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Airflow's Variables, kept in memory."""
    kept: dict[str, str] = {}
    monkeypatch.setattr("airflow.sdk.Variable.get", lambda key, default=None: kept.get(key, default))
    monkeypatch.setattr("airflow.sdk.Variable.set", lambda key, value, description=None: kept.update({key: value}))
    monkeypatch.setattr("airflow.sdk.Variable.delete", lambda key: kept.pop(key, None))
    return kept


OrderFault = Callable[..., None]
AnswerFirst = Callable[[list[AppState]], None]
"""Orders a fault of an operation besides those there are; `do` and the fault's other members by name."""


@pytest.fixture
def order_fault(simulator: RunningSimulator) -> Iterator[OrderFault]:
    """Lets calls of Azure go wrong; what was not met is taken back."""

    def order(operation: str, do: str, **more: Any) -> None:
        simulator.controls.add_faults(Fault(operation=operation, do=do, **more))

    yield order
    simulator.set_faults()


@pytest.fixture
def answer_first(monkeypatch: pytest.MonkeyPatch) -> AnswerFirst:
    """Whoever reads an app is told what is in this list, from its end, before what is so: Azure's old answers."""

    def answer(old: list[AppState]) -> None:
        read_app = AppServiceHook.read_app

        async def read_old(self: AppServiceHook, target: AppTarget) -> AppState:
            return old.pop() if old else await read_app(self, target)

        monkeypatch.setattr(AppServiceHook, "read_app", read_old)

    return answer


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
