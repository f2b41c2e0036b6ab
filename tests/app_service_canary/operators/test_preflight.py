"""Reading everything and changing nothing, in the simulator."""

from typing import Any

import pytest
from tests.app_service_canary.conftest import Connect
from tests.app_service_canary.task_context import cleared, failure_of, task_context
from tests.simulator import RunningSimulator, sample_package

from app_service_canary.errors import InvalidReleasePlan, PreflightRefused
from app_service_canary.operators.preflight import ReleasePreflightOperator
from app_service_canary.release.policy import ReleasePolicy
from app_service_canary.release.stable import Stable

pytestmark = pytest.mark.usefixtures("azure_connection")


def preflight(app: str, **changed: Any) -> ReleasePreflightOperator:
    policy = ReleasePolicy.model_validate(
        {
            "app": app,
            "resource_group": "contoso-rg",
            "slot": "stage",
            "readiness": {"version_path": "/version"},
            "steps": [{"weight": 10, "bake": "5m"}, {"weight": 50, "bake": "manual"}],
            **changed,
        }
    )
    return ReleasePreflightOperator(
        task_id="preflight", policy=policy, resource_group="contoso-rg", app=app, slot=policy.slot
    )


def with_params(**params: Any) -> dict[str, Any]:
    context = task_context("preflight")
    context["params"] = {"version": "2.0.0", "package_uri": "https://packages.example/web.zip?sig=secret", **params}
    return context


def test_the_plan_is_left_for_the_other_tasks_to_follow(simulator: RunningSimulator, app: str) -> None:
    last = simulator.journal()[-1]["n"]
    left = preflight(app).execute(with_params(weights=[25], note="hotfix"))
    assert left["steps"] == [{"weight": 25.0, "bake": "5m"}, {"weight": None, "bake": None}]
    assert (left["stable_version"], left["canary_version"], left["note"]) == ("1.0.0", "2.0.0", "hotfix")
    assert left["source"] == "https://packages.example/web.zip?***"
    assert left["production_host"] == f"{app}.azurewebsites.net"
    assert set(left["before"]) == {"production_deployment_id", "slot_deployment_id", "slot_running"}
    assert {call["method"] for call in simulator.journal(last) if "/sites/" in call["path"]} == {"GET"}


def test_parameters_are_refused_before_azure_is_asked_anything(simulator: RunningSimulator, app: str) -> None:
    last = simulator.journal()[-1]["n"]
    with pytest.raises(InvalidReleasePlan, match="step 2 has weight 5 after 10"):
        preflight(app).execute(with_params(weights=[10, 5]))
    assert simulator.journal(last) == []


def test_a_package_by_plain_http_needs_a_connection_that_allows_it(app: str, azure_connection: Connect) -> None:
    params = with_params(package_uri="http://packages.example/web.zip")
    with pytest.raises(InvalidReleasePlan, match="allowed: an https:// address"):
        preflight(app).execute(params)
    azure_connection(allow_http_packages=True)
    assert preflight(app).execute(params)["source"] == "http://packages.example/web.zip"


def test_a_package_from_a_host_that_the_release_file_does_not_name_is_refused(app: str) -> None:
    with pytest.raises(InvalidReleasePlan, match=r"found 'https://packages\.example/web\.zip'; allowed: packages from"):
        preflight(app, artifact={"hosts": ["*.packages.example"]}).execute(with_params())


def test_a_package_whose_signature_has_ended_is_refused_before_azure_is_asked_anything(
    simulator: RunningSimulator, app: str
) -> None:
    last = simulator.journal()[-1]["n"]
    address = "https://packages.example/web.zip?se=2026-01-02T03:04:05Z&sig=Zm9ydHktdHdvIGlzIHRoZQ"
    context = with_params(package_uri=address)
    with pytest.raises(InvalidReleasePlan, match=r"ended 2026-01-02 03:04 UTC; .* Give a new signature\."):
        preflight(app).execute(context)
    assert "Zm9ydHk" not in failure_of(context)
    assert simulator.journal(last) == []
    preflight(app).execute(with_params(package_uri=address.replace("2026", "2999")))


def test_all_objections_are_told_at_once(simulator: RunningSimulator, fresh_app: str) -> None:
    host = f"{fresh_app}-stage.azurewebsites.net"
    simulator.set_rules(fresh_app, [{"name": "stage", "actionHostName": host, "reroutePercentage": 5}])
    body = {"targetSlot": "production", "preserveVnet": True}
    simulator.arm("POST", f"{simulator.app_path(fresh_app, 'stage')}/applySlotConfig", body).raise_for_status()
    with pytest.raises(PreflightRefused) as refused:
        preflight(fresh_app).execute(with_params())
    assert "A swap with preview with slot 'stage' is pending" in str(refused.value)
    assert "already sends 5 % of its users" in str(refused.value)
    simulator.arm("POST", f"{simulator.app_path(fresh_app)}/resetSlotConfig").raise_for_status()


def test_a_production_that_does_not_say_its_version_is_called_unknown(simulator: RunningSimulator, app: str) -> None:
    left = preflight(app, readiness={"version_path": "/no-such-page"}).execute(with_params())
    assert left["stable_version"] == "(unknown)"


def test_a_run_that_is_cleared_keeps_what_was_there_before_it_changed_anything(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = with_params()
    before = preflight(fresh_app).execute(context)["before"]
    host = f"{fresh_app}-stage.azurewebsites.net"
    simulator.set_rules(fresh_app, [{"name": "stage", "actionHostName": host, "reroutePercentage": 50}])
    context["ti"].xcoms.clear()
    with pytest.raises(PreflightRefused, match="already sends 50 %"):
        preflight(fresh_app).execute(context)
    assert context["ti"].xcom_pull("preflight", key="record")["before"] == before


def test_a_run_that_is_cleared_and_refused_before_azure_is_asked_keeps_it_as_well(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = with_params()
    before = preflight(fresh_app).execute(context)["before"]
    context["params"] = {**context["params"], "weights": [-1]}
    with pytest.raises(InvalidReleasePlan):
        preflight(fresh_app).execute(cleared(context))
    assert context["ti"].xcom_pull("preflight", key="record")["before"] == before


def test_a_run_that_is_cleared_after_its_swap_does_not_overwrite_the_stable_version(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = with_params()
    preflight(fresh_app).execute(context)
    simulator.swap(fresh_app)
    with pytest.raises(PreflightRefused, match="trigger a new run"):
        preflight(fresh_app).execute(context)


def noted_stable(app: str, context: dict[str, Any], **changed: Any) -> dict[str, Any] | None:
    """What preflight notes for the way back as the version to put into the slot."""
    preflight(app, **changed).execute(context)
    stable: dict[str, Any] | None = context["ti"].xcom_pull("preflight", key="record")["stable"]
    return stable


PROMOTED = Stable("1.0.0", "https://packages.example/web-1.zip", False, "d-1")


def test_what_was_promoted_last_is_noted_while_production_still_has_it(app: str) -> None:
    context, asset = with_params(), preflight(app).asset
    context["inlet_events"].happened(asset, PROMOTED.to_json())
    assert noted_stable(app, context) == PROMOTED.to_json()
    assert preflight(app).inlets == [asset]


def test_what_was_promoted_last_is_not_noted_when_production_has_another_version(app: str) -> None:
    context = with_params()
    context["inlet_events"].happened(preflight(app).asset, {**PROMOTED.to_json(), "version": "0.9.0"})
    assert noted_stable(app, context) is None


def test_where_production_does_not_say_its_version_its_deployment_tells(simulator: RunningSimulator, app: str) -> None:
    path = f"{simulator.app_path(app)}/deployments/latest"
    latest = str(simulator.arm("GET", path).json()["properties"]["id"])
    for deployment_id, expected in ((latest, True), ("another", False)):
        context = with_params()
        promoted = {**PROMOTED.to_json(), "deployment_id": deployment_id}
        context["inlet_events"].happened(preflight(app).asset, promoted)
        assert (noted_stable(app, context, readiness={}) is not None) is expected


def test_the_way_back_is_told_which_deployment_production_holds(simulator: RunningSimulator, app: str) -> None:
    path, context = f"{simulator.app_path(app)}/deployments/latest", with_params()
    preflight(app).execute(context)
    record = context["ti"].xcom_pull("preflight", key="record")
    latest = simulator.arm("GET", path).json()["properties"]["id"]
    assert (record["production_content"], record["image_os"]) == (latest, None)


def test_a_run_that_is_cleared_notes_what_is_stable_then(app: str) -> None:
    context = with_params()
    context["inlet_events"].happened(preflight(app).asset, PROMOTED.to_json())
    noted_stable(app, context)
    later = {**PROMOTED.to_json(), "source": "https://h/later.zip"}
    context["inlet_events"].happened(preflight(app).asset, later)
    assert noted_stable(app, cleared(context)) == later


def test_production_that_runs_a_container_tells_its_image_itself(simulator: RunningSimulator, fresh_app: str) -> None:
    simulator.put_image("contoso.azurecr.io/web:1.0.0", sample_package("1.0.0"))
    body = {"properties": {"linuxFxVersion": "DOCKER|contoso.azurecr.io/web:1.0.0"}}
    simulator.arm("PATCH", f"{simulator.app_path(fresh_app)}/config/web", body).raise_for_status()
    context = with_params(image="contoso.azurecr.io/web:2.0.0")
    del context["params"]["package_uri"]
    noted = noted_stable(fresh_app, context, artifact={"type": "container"}, readiness={})
    assert noted is not None
    assert noted["source"] == "contoso.azurecr.io/web:1.0.0"
    record = context["ti"].xcom_pull("preflight", key="record")
    assert (record["production_content"], record["image_os"]) == (noted["source"], "linux")
