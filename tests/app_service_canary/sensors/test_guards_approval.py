"""A gate that is tried again, after its process or the triggerer was killed."""

import pytest
from tests.app_service_canary.sensors.test_approval import (
    KEY,
    Airflow,
    airflow,  # noqa: F401 - a fixture
    context,
    gate,
    open_gate,
    response,
)

from app_service_canary.errors import ApprovalDenied

pytestmark = pytest.mark.usefixtures("airflow")


@pytest.fixture
def asks(airflow: Airflow) -> Airflow:  # noqa: F811 - that very fixture
    return airflow


def test_a_gate_that_is_tried_again_does_not_ask_again(asks: Airflow) -> None:
    with_context = context()
    for _ in range(2):
        open_gate(gate(), with_context)
    assert len(asks.asked) == 1


def test_a_decision_outlives_the_process_that_took_it(asks: Airflow) -> None:
    with_context = context()
    open_gate(gate(), with_context)
    with pytest.raises(ApprovalDenied, match="rejected by maria"):
        gate().execute_complete(with_context, response("Reject"))
    asks.variables[KEY] = "approve"
    with pytest.raises(ApprovalDenied, match="rejected by maria"):
        gate().execute(with_context)
