"""The slot tells of its latest deployment, whoever began it."""

from tests.simulator import RunningSimulator, sample_package

from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.release.app_state import AppTarget, Deployment


async def test_somebody_elses_later_deployment_is_not_taken_for_ours(
    hook: AppServiceHook, simulator: RunningSimulator, fresh_app: str
) -> None:
    target = AppTarget(simulator.resource_group, fresh_app, "stage")
    latest = f"{simulator.app_path(fresh_app, 'stage')}/deployments/latest"
    ours = simulator.arm("GET", latest).json()["properties"]["id"]
    simulator.deploy(fresh_app, "stage", simulator.put_package(f"{fresh_app}-9.zip", sample_package("9.0.0")))

    url = f"{simulator.resource_manager}{latest}?api-version=2025-05-01"
    status = await hook.deployment_status(target, Deployment(ours, url))

    assert status.done
    assert "took its place" in status.failure
