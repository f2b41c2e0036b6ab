"""A way back that meets what somebody else has put into production or the slot, in the simulator."""

from typing import Any

import pytest
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.operators.test_restore import after_asking_for_a_swap, after_preflight, restore
from tests.app_service_canary.operators.test_swap import latest_deployment, swaps
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


def production_deployment(simulator: RunningSimulator, app: str) -> str:
    answer = simulator.arm("GET", f"{simulator.app_path(app)}/deployments/latest")
    return str(answer.json()["properties"]["id"])


def note_contents(context: dict[str, Any], stable: str, image_os: str | None = None, **brought: str) -> None:
    """As `preflight` and `deploy` do."""
    context["ti"].xcoms["preflight", "record"] |= {"production_content": stable, "image_os": image_os}
    context["ti"].xcoms["deploy", "return_value"] = brought


def after_swapping(simulator: RunningSimulator, app: str) -> dict[str, Any]:
    """The context of a way back after the release swapped, with what `preflight` and `deploy` noted."""
    context = after_asking_for_a_swap(simulator, app)
    note_contents(context, production_deployment(simulator, app), deployment_id=latest_deployment(simulator, app))
    assert simulator.swap(app).status_code == 200
    return context


def deploy_a_hotfix(simulator: RunningSimulator, app: str) -> str:
    simulator.deploy(app, "stage", simulator.put_package(f"{app}-9.zip", sample_package("9.0.0")))
    return latest_deployment(simulator, app)


def test_what_somebody_deployed_over_the_stable_version_is_not_swapped_in(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_swapping(simulator, fresh_app)
    stable = context["ti"].xcoms["preflight", "record"]["production_content"]
    hotfix = deploy_a_hotfix(simulator, fresh_app)
    with pytest.raises(RestoreIncomplete) as raised:
        restore(simulator, fresh_app).execute(context)
    assert str(raised.value).startswith(f"Users are on the NEW version of app '{fresh_app}'. It was not swapped back: ")
    assert f"holds deployment {hotfix}, and production held {stable} before this release" in str(raised.value)
    assert f"-n {fresh_app} --slot stage --target-slot production" in str(raised.value)
    assert swaps(simulator, fresh_app) == 1
    assert simulator.version(fresh_app) == "2.0.0"


def test_another_image_than_the_stable_one_is_not_swapped_in(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_swapping(simulator, fresh_app)
    note_contents(context, "contoso/web:1", "linux", image="contoso/web:2")
    simulator.put_image("contoso/web:9", sample_package("9.0.0"))
    body = {"properties": {"linuxFxVersion": "DOCKER|contoso/web:9"}}
    simulator.arm("PATCH", f"{simulator.app_path(fresh_app, 'stage')}/config/web", body).raise_for_status()
    with pytest.raises(RestoreIncomplete, match="holds image contoso/web:9, and production held contoso/web:1 before"):
        restore(simulator, fresh_app).execute(context)
    assert swaps(simulator, fresh_app) == 1


def test_the_stable_version_is_swapped_back(simulator: RunningSimulator, fresh_app: str) -> None:
    restore(simulator, fresh_app).execute(after_swapping(simulator, fresh_app))
    assert simulator.version(fresh_app) == "1.0.0"


@pytest.mark.parametrize("unknown", ["by an older run", "by Azure before", "by Azure now"])
def test_where_it_is_not_known_what_the_slot_has_to_hold_or_holds_it_is_swapped_back(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, unknown: str
) -> None:
    context = after_swapping(simulator, fresh_app)
    deploy_a_hotfix(simulator, fresh_app)
    if unknown == "by an older run":
        del context["ti"].xcoms["preflight", "record"]["production_content"]
    elif unknown == "by Azure before":
        context["ti"].xcoms["preflight", "record"]["production_content"] = ""
    else:
        order_fault("WebApps_GetDeploymentSlot", "forbidden", times=None, app=fresh_app)
    restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "9.0.0"


def test_the_way_back_knows_the_new_version_where_azure_tells_of_the_time_before_the_swap(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_swapping(simulator, fresh_app)
    note_contents(context, "not-told-of-yet", deployment_id=latest_deployment(simulator, fresh_app))
    restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "1.0.0"
