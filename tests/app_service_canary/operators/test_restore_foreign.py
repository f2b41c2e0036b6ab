"""A way back that meets what somebody else has put into production or the slot, in the simulator."""

import pytest
from tests.app_service_canary.operators.test_restore import after_asking_for_a_swap, after_preflight, restore
from tests.app_service_canary.operators.test_swap import swaps
from tests.app_service_canary.operators.test_swap_of_another_slot import create
from tests.simulator import RunningSimulator, sample_package

from app_service_canary.errors import RestoreIncomplete

pytestmark = pytest.mark.usefixtures("azure_connection")


def swap_in_another_slot(simulator: RunningSimulator, app: str) -> None:
    create(simulator, app, "dev")
    simulator.deploy(app, "dev", simulator.put_package(f"{app}-9.zip", sample_package("9.0.0")))
    assert simulator.swap(app, "dev").status_code == 200


def test_what_somebody_swapped_in_from_another_slot_is_told_of_and_not_called_stable(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_preflight(simulator, fresh_app)
    swap_in_another_slot(simulator, fresh_app)
    said = restore(simulator, fresh_app).execute(context)["sentence"]
    assert said == "Production holds what somebody else swapped in; it was not swapped back."
    assert simulator.version(fresh_app) == "9.0.0"


def test_after_a_swap_of_this_run_a_person_is_told_what_production_holds_until_it_is_the_stable_version(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    swap_in_another_slot(simulator, fresh_app)
    for _ in range(2):
        with pytest.raises(RestoreIncomplete, match=f"Production of app '{fresh_app}' holds deploymentId"):
            restore(simulator, fresh_app).execute(context)
    assert swaps(simulator, fresh_app) == 1
    simulator.swap(fresh_app, "dev")
    assert restore(simulator, fresh_app).execute(context)["sentence"].startswith("New users are on the stable version.")
