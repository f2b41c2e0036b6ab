"""Faults belong to the test that orders them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.simulator import RunningSimulator

from app_service_simulator.faults.fault import Fault

Order = Callable[..., None]


@pytest.fixture
def order(simulator: RunningSimulator) -> Iterator[Order]:
    """Orders one fault; all are taken back after the test."""

    def order(do: str, operation: str = "WebApps_Get", **more: Any) -> None:
        simulator.controls.add_faults(Fault(operation=operation, do=do, **more))

    yield order
    simulator.controls.clear_faults()
