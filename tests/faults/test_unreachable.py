"""Entra ID or the whole of Azure may be away for a moment; one release at a time, for it hits all of them."""

from typing import Any

import pytest
from tests.faults.matrix import PROMOTED, judged
from tests.simulator import RunningSimulator

from app_service_simulator.faults.fault import Fault


@pytest.mark.parametrize(
    "fault",
    [{"do": "server_error"}, {"do": "throttled", "retry_after": 0}, {"do": "reset"}, {"do": "not_json"}],
    ids=lambda fault: fault["do"],
)
def test_every_third_call_to_entra_may_fail(
    fast_simulator: RunningSimulator, engine: None, fault: dict[str, Any]
) -> None:
    dice: dict[str, Any] = {"operation": "Entra_*", "probability": 0.33, "seed": 7, "times": None}
    assert judged(fast_simulator, PROMOTED, lambda scene: [Fault(**dice, **fault)]) == []


def test_azure_may_refuse_connections_again_and_again(fast_simulator: RunningSimulator, engine: None) -> None:
    def away(nth: int, app: str) -> Fault:
        return Fault(path="*", app=app, nth=nth, do="refused", seconds=0.1)

    assert judged(fast_simulator, PROMOTED, lambda scene: [away(nth, scene.app) for nth in (2, 7, 12, 17)]) == []
