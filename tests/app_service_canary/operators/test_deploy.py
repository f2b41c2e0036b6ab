"""Deploying, in the simulator."""

from datetime import timedelta
from typing import Any

import pytest
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.operators.test_swap import latest_deployment, preflight_of
from tests.app_service_canary.task_context import cleared, deadlines, next_try, task_context
from tests.simulator import RunningSimulator, sample_package

from app_service_canary.errors import DeploymentFailed, PreflightRefused
from app_service_canary.operators.deploy import AppServiceDeployOperator
from app_service_canary.operators.swap import ASKED_KEY
from app_service_canary.release.policy import Artifact
from app_service_canary.triggers import app_service, waiting

pytestmark = pytest.mark.usefixtures("azure_connection")


def deploy(simulator: RunningSimulator, app: str, source: str, **changed: Any) -> AppServiceDeployOperator:
    target: dict[str, Any] = {"resource_group": simulator.resource_group, "app": app, "slot": "stage"}
    return AppServiceDeployOperator(task_id="deploy", source=source, deferrable=False, **target, **changed)


def package(simulator: RunningSimulator, version: str, **settings: str) -> str:
    return simulator.put_package(f"deploy-{version}.zip", sample_package(version, **settings))


def begun(simulator: RunningSimulator, app: str) -> int:
    return sum(f"/sites/{app}/" in call["path"] and call["path"].endswith("/onedeploy") for call in simulator.journal())


def test_a_package_is_deployed_by_its_address_whose_signature_is_not_returned(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    url = package(simulator, "3.0.0")
    returned = deploy(simulator, fresh_app, f"{url}?sig=secretsecretsecret").execute(task_context())
    assert returned["source"] == f"{url}?***"
    assert returned["deployment_id"] == latest_deployment(simulator, fresh_app)
    assert simulator.version(fresh_app, "stage") == "3.0.0"


def test_the_address_is_not_among_the_rendered_fields_that_airflow_stores(
    simulator: RunningSimulator, app: str
) -> None:
    assert "source" not in deploy(simulator, app, "https://x").template_fields


def test_a_deployment_that_an_earlier_try_began_is_joined_and_not_begun_again(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context, operator = task_context(), deploy(simulator, fresh_app, package(simulator, "3.1.0"))
    operator.wait_with = lambda trigger, context: None  # type: ignore[method-assign]
    operator.execute(context)
    before = begun(simulator, fresh_app)
    del operator.wait_with
    operator.execute(next_try(context))
    assert begun(simulator, fresh_app) == before
    assert simulator.version(fresh_app, "stage") == "3.1.0"


def test_all_tries_of_one_deployment_have_its_time_together_until_a_person_clears_the_task(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context, operator = task_context(), deploy(simulator, fresh_app, package(simulator, "3.1.1"))
    first, second, anew = deadlines(operator, context)
    assert second == first
    assert anew > first


def test_a_deploy_task_that_a_person_clears_deploys_anew(simulator: RunningSimulator, fresh_app: str) -> None:
    context, operator = task_context(), deploy(simulator, fresh_app, package(simulator, "3.2.0"))
    operator.execute(context)
    before = begun(simulator, fresh_app)
    operator.execute(next_try(context))
    assert begun(simulator, fresh_app) == before
    operator.execute(cleared(context))
    assert begun(simulator, fresh_app) == before + 1


def test_somebody_elses_later_deployment_is_not_taken_for_ours(simulator: RunningSimulator, fresh_app: str) -> None:
    context, operator = task_context(), deploy(simulator, fresh_app, package(simulator, "3.4.0"))
    operator.wait_with = lambda trigger, context: None  # type: ignore[method-assign]
    operator.execute(context)
    simulator.wait_until(lambda: simulator.version(fresh_app, "stage") == "3.4.0")
    other = package(simulator, "9.9.9")
    simulator.wait_until(lambda: simulator.deploy(fresh_app, "stage", other).get("provisioningState") == "Succeeded")
    del operator.wait_with
    with pytest.raises(DeploymentFailed, match="came after it and took its place"):
        operator.execute(next_try(context))


def test_a_deployment_that_went_away_when_somebody_swapped_the_slot_is_not_waited_for_till_the_end(
    simulator: RunningSimulator, fresh_app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_service, "UNKNOWN_LIMIT", 0.5)
    simulator.swap(fresh_app).raise_for_status()
    slot_package = package(simulator, "3.6.0")
    context = task_context()
    operator = deploy(simulator, fresh_app, slot_package, timeout=timedelta(seconds=30))
    operator.wait_with = lambda trigger, context: None  # type: ignore[method-assign]
    operator.execute(context)
    simulator.wait_until(lambda: simulator.version(fresh_app, "stage") == "3.6.0")
    simulator.swap(fresh_app).raise_for_status()
    del operator.wait_with
    with pytest.raises(DeploymentFailed, match=r"has not known deployment \w+ for .*Was the slot swapped meanwhile"):
        operator.execute(next_try(context))


@pytest.mark.parametrize(("when", "requests"), [("before", 2), ("after", 2)])
def test_a_deployment_whose_answer_was_lost_is_deployed_again_and_not_taken_for_somebody_elses(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, when: str, requests: int
) -> None:
    before = begun(simulator, fresh_app)
    order_fault("WebApps_CreateOneDeployOperationSlot", "gateway_timeout", when=when, app=fresh_app)
    deploy(simulator, fresh_app, package(simulator, "3.5.0")).execute(task_context())
    assert simulator.version(fresh_app, "stage") == "3.5.0"
    assert begun(simulator, fresh_app) >= before + requests


def test_a_package_that_does_not_start_fails_with_azures_reason_and_no_traffic_moved(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    operator = deploy(simulator, fresh_app, package(simulator, "3.3.0", SAMPLE_FAIL_START="1"))
    with pytest.raises(DeploymentFailed, match=r"Slot 'stage' of app '.*' did not take the package: .*No traffic was"):
        operator.execute(task_context())


def test_an_image_is_set_on_the_slot(simulator: RunningSimulator, fresh_app: str) -> None:
    simulator.put_image("contoso.azurecr.io/web:4.0.0", sample_package("4.0.0"))
    artifact = Artifact.model_validate({"type": "container"})
    returned = deploy(simulator, fresh_app, "contoso.azurecr.io/web:4.0.0", artifact=artifact).execute(task_context())
    assert returned == {"source": "contoso.azurecr.io/web:4.0.0", "image": "contoso.azurecr.io/web:4.0.0"}
    assert simulator.state()["apps"][fresh_app]["stage"]["image"] is not None


def test_an_address_that_azure_quotes_is_shown_without_its_secrets(simulator: RunningSimulator, app: str) -> None:
    source = "https://user:hunter2hunter2@packages.example/web.zip?token=abcdefghijklmnopqrstuvwxyz"
    quoting = waiting.event("failed", f"Could not download {source}.")
    with pytest.raises(DeploymentFailed) as failed:
        deploy(simulator, app, source).execute_complete(task_context(), quoting)
    assert "hunter2" not in str(failed.value)
    assert "abcdefghijklmnop" not in str(failed.value)


def after_asking_for_a_swap(simulator: RunningSimulator, operator: AppServiceDeployOperator) -> dict[str, Any]:
    context = task_context("deploy", preflight=preflight_of(simulator, operator.app))
    production = operator.with_hook(lambda hook: hook.read_production(operator.target))
    context["ti"].xcoms["swap", ASKED_KEY] = {"at": "2026-11-22T12:00:00+00:00", "before": production.last_swap}
    return context


@pytest.mark.parametrize("container", [False, True])
def test_a_deploy_task_that_is_cleared_after_the_swap_does_not_overwrite_the_stable_version(
    simulator: RunningSimulator, fresh_app: str, container: bool
) -> None:
    artifact = Artifact.model_validate({"type": "container"}) if container else Artifact()
    operator = deploy(simulator, fresh_app, package(simulator, "3.5.0"), artifact=artifact)
    context = after_asking_for_a_swap(simulator, operator)
    simulator.swap(fresh_app)
    with pytest.raises(PreflightRefused, match="the slot holds the stable version"):
        operator.execute(context)
    assert simulator.version(fresh_app, "stage") == "1.0.0"


def test_a_deploy_task_that_is_cleared_after_the_way_back_deploys_anew(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    operator = deploy(simulator, fresh_app, package(simulator, "3.6.0"))
    context = after_asking_for_a_swap(simulator, operator)
    for _ in range(2):
        simulator.swap(fresh_app)
    operator.execute(context)
    assert simulator.version(fresh_app, "stage") == "3.6.0"
