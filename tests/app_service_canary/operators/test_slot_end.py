"""What becomes of the slot after a rollback, in the simulator."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.operators.test_restore import after_preflight, restore, rule
from tests.app_service_canary.operators.test_restore_foreign import (
    deploy_a_hotfix,
    note_contents,
    production_deployment,
)
from tests.app_service_canary.operators.test_swap import latest_deployment
from tests.app_service_canary.task_context import DAG_ID, cleared, next_try
from tests.simulator import RunningSimulator, sample_package

from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.operators.stable import secret_key
from app_service_canary.operators.traffic import ASKED_WEIGHT_KEY
from app_service_canary.release.masking import without_secrets
from app_service_canary.release.policy import AfterRollback, Artifact
from app_service_canary.release.stable import Stable

pytestmark = pytest.mark.usefixtures("azure_connection")

SIGNATURE = "se=2999-01-01T00:00:00Z&sig=Zm9ydHktdHdvIGlzIHRoZQ"


def stable_package(simulator: RunningSimulator, app: str, version: str = "1.0.0") -> str:
    """The address of the package that production has."""
    return simulator.put_package(f"{app}-stable.zip", sample_package(version))


def with_users_sent(simulator: RunningSimulator, app: str, stable: Stable | None = None) -> dict[str, Any]:
    """The context of a restore after this release sent users to the slot."""
    simulator.set_rules(app, [rule(app)])
    context = after_preflight(simulator, app)
    context["ti"].xcoms["preflight", "record"]["stable"] = stable.to_json() if stable else None
    return context


def said_after(simulator: RunningSimulator, app: str, wish: AfterRollback, context: dict[str, Any], **more: Any) -> str:
    """What restore says of it."""
    return str(restore(simulator, app, after_rollback=wish, **more).execute(context)["sentence"])


def state(simulator: RunningSimulator, app: str) -> str:
    return str(simulator.arm("GET", simulator.app_path(app, "stage")).json()["properties"]["state"])


def deployments(simulator: RunningSimulator, app: str) -> int:
    return sum(call["path"].endswith("/onedeploy") for call in simulator.journal(app=app))


def test_a_slot_is_healed_with_the_stable_version(simulator: RunningSimulator, fresh_app: str) -> None:
    stable = Stable("1.0.0", stable_package(simulator, fresh_app))
    said = said_after(simulator, fresh_app, AfterRollback.HEAL, with_users_sent(simulator, fresh_app, stable))
    assert simulator.version(fresh_app, "stage") == "1.0.0"
    assert said == (
        "New users are on the stable version. Slot 'stage' has version 1.0.0 again, for the users pinned to it by "
        "their cookie."
    )


def test_the_signature_that_healing_needs_is_the_one_that_was_remembered(
    simulator: RunningSimulator, fresh_app: str, variables: dict[str, str]
) -> None:
    address = f"{stable_package(simulator, fresh_app)}?{SIGNATURE}"
    variables[secret_key(DAG_ID)] = address
    context = with_users_sent(simulator, fresh_app, Stable("1.0.0", without_secrets(address), secret=True))
    said_after(simulator, fresh_app, AfterRollback.HEAL, context)
    assert simulator.version(fresh_app, "stage") == "1.0.0"


def test_with_a_signature_that_has_ended_the_slot_is_left_and_it_says_why(
    simulator: RunningSimulator, fresh_app: str, variables: dict[str, str]
) -> None:
    address = f"{stable_package(simulator, fresh_app)}?{SIGNATURE.replace('2999', '2001')}"
    variables[secret_key(DAG_ID)] = address
    context = with_users_sent(simulator, fresh_app, Stable("1.0.0", without_secrets(address), secret=True))
    before = deployments(simulator, fresh_app)
    said = said_after(simulator, fresh_app, AfterRollback.HEAL, context)
    assert "it is left running. It could not be healed: the signature in the address of" in said
    assert "has ended" in said
    assert "Zm9ydHkt" not in said
    assert deployments(simulator, fresh_app) == before


def test_where_no_release_was_promoted_yet_the_slot_is_left(simulator: RunningSimulator, fresh_app: str) -> None:
    said = said_after(simulator, fresh_app, AfterRollback.HEAL, with_users_sent(simulator, fresh_app))
    assert "It could not be healed: no release promoted from here tells what production holds." in said
    assert simulator.version(fresh_app, "stage") == "2.0.0"


def test_a_container_is_healed_with_the_stable_image(simulator: RunningSimulator, fresh_app: str) -> None:
    image = "contoso.azurecr.io/web:1.0.0"
    simulator.put_image(image, sample_package("1.0.0"))
    context = with_users_sent(simulator, fresh_app, Stable("1.0.0", image))
    container = Artifact.model_validate({"type": "container"})
    said = said_after(simulator, fresh_app, AfterRollback.HEAL, context, artifact=container)
    assert "has version 1.0.0 again" in said
    simulator.wait_until(lambda: simulator.visit(fresh_app, "/version", "stage").json().get("version") == "1.0.0")


def test_a_healing_that_fails_leaves_new_users_on_the_stable_version_and_says_why(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    missing = f"{simulator.resource_manager}/_simulator/packages/none.zip"
    context = with_users_sent(simulator, fresh_app, Stable("1.0.0", missing))
    said = said_after(simulator, fresh_app, AfterRollback.HEAL, context)
    assert said.startswith("New users are on the stable version. Users pinned to slot 'stage' by their cookie stay")
    assert "It could not be healed: " in said


def test_a_healing_that_an_earlier_try_began_is_joined(simulator: RunningSimulator, fresh_app: str) -> None:
    context = with_users_sent(simulator, fresh_app, Stable("1.0.0", stable_package(simulator, fresh_app)))
    killed = restore(simulator, fresh_app, after_rollback=AfterRollback.HEAL)
    killed.wait_with = lambda trigger, context: None  # type: ignore[method-assign]
    killed.execute(context)
    begun = deployments(simulator, fresh_app)
    said = said_after(simulator, fresh_app, AfterRollback.HEAL, next_try(context))
    assert "has version 1.0.0 again" in said
    assert deployments(simulator, fresh_app) == begun
    assert simulator.version(fresh_app, "stage") == "1.0.0"


def test_a_slot_that_shall_be_stopped_is_stopped(simulator: RunningSimulator, fresh_app: str) -> None:
    said = said_after(simulator, fresh_app, AfterRollback.STOP, with_users_sent(simulator, fresh_app))
    assert state(simulator, fresh_app) == "Stopped"
    assert "Slot 'stage' is stopped: users pinned to it by their cookie get an error page" in said


def test_a_slot_that_cannot_be_stopped_does_not_fail_the_way_back(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    context = with_users_sent(simulator, fresh_app)
    order_fault("WebApps_StopSlot", "forbidden", times=None, app=fresh_app)
    said = said_after(simulator, fresh_app, AfterRollback.STOP, context)
    assert "It could not be stopped: Stopping slot 'stage'" in said


def test_a_slot_that_shall_be_kept_is_left_running(simulator: RunningSimulator, fresh_app: str) -> None:
    stable = Stable("1.0.0", stable_package(simulator, fresh_app))
    said = said_after(simulator, fresh_app, AfterRollback.KEEP, with_users_sent(simulator, fresh_app, stable))
    assert state(simulator, fresh_app) == "Running"
    assert simulator.version(fresh_app, "stage") == "2.0.0"
    assert said.endswith("stay there for up to an hour; it is left running.")


@pytest.mark.parametrize("wish", AfterRollback)
def test_a_slot_that_nobody_was_sent_to_is_stopped_again_if_it_was_stopped_before(
    simulator: RunningSimulator, fresh_app: str, wish: AfterRollback
) -> None:
    context = after_preflight(simulator, fresh_app)
    context["ti"].xcoms["preflight", "record"]["before"]["slot_running"] = False
    said = said_after(simulator, fresh_app, wish, context)
    assert state(simulator, fresh_app) == "Stopped"
    assert said == "New users are on the stable version. Slot 'stage' is stopped again, as it was before."


def test_users_were_sent_there_though_their_rule_is_gone_already(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_preflight(simulator, fresh_app)
    context["ti"].xcoms["preflight", "record"]["before"]["slot_running"] = False
    context["ti"].xcoms["canary_10.shift", ASKED_WEIGHT_KEY] = 10.0
    said = said_after(simulator, fresh_app, AfterRollback.KEEP, context, shift_task_ids=["canary_10.shift"])
    assert "it is left running" in said
    assert state(simulator, fresh_app) == "Running"


def test_an_address_that_every_version_comes_from_heals_nothing(simulator: RunningSimulator, fresh_app: str) -> None:
    stable = Stable("1.0.0", stable_package(simulator, fresh_app))
    context = with_users_sent(simulator, fresh_app, stable)
    context["ti"].xcoms["deploy", "return_value"] = {"source": stable.source}
    said = said_after(simulator, fresh_app, AfterRollback.HEAL, context)
    assert "It could not be healed: " in said
    assert "is where this release came from too" in said
    assert simulator.version(fresh_app, "stage") == "2.0.0"


def after_deploying(simulator: RunningSimulator, app: str) -> dict[str, Any]:
    """With what `deploy` left of the version that the slot holds."""
    context = with_users_sent(simulator, app, Stable("1.0.0", stable_package(simulator, app)))
    note_contents(context, production_deployment(simulator, app), deployment_id=latest_deployment(simulator, app))
    return context


def test_what_a_person_deployed_to_the_slot_is_left_there_and_it_says_so(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_deploying(simulator, fresh_app)
    brought, hotfix = latest_deployment(simulator, fresh_app), deploy_a_hotfix(simulator, fresh_app)
    said = said_after(simulator, fresh_app, AfterRollback.HEAL, context)
    assert f"could not be healed: it holds deployment {hotfix}, and this release brought {brought}; somebody" in said
    assert simulator.version(fresh_app, "stage") == "9.0.0"


def test_an_image_that_a_person_set_is_left_there(simulator: RunningSimulator, fresh_app: str) -> None:
    simulator.put_image("contoso/web:9", sample_package("9.0.0"))
    body = {"properties": {"linuxFxVersion": "DOCKER|contoso/web:9"}}
    simulator.arm("PATCH", f"{simulator.app_path(fresh_app, 'stage')}/config/web", body).raise_for_status()
    context = with_users_sent(simulator, fresh_app, Stable("1.0.0", "contoso/web:1"))
    note_contents(context, "contoso/web:1", "linux", image="contoso/web:2")
    container = Artifact.model_validate({"type": "container"})
    said = said_after(simulator, fresh_app, AfterRollback.HEAL, context, artifact=container)
    assert "it holds image contoso/web:9, and this release brought contoso/web:2; somebody deployed there" in said


@pytest.mark.parametrize("again", [next_try, cleared], ids=["a next try", "a person who clears it"])
def test_what_the_release_brought_is_healed_and_so_is_what_healed_it(
    simulator: RunningSimulator, fresh_app: str, again: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    context = after_deploying(simulator, fresh_app)
    for _ in range(2):
        said = said_after(simulator, fresh_app, AfterRollback.HEAL, again(context))
        assert "Slot 'stage' has version 1.0.0 again" in said
    assert simulator.version(fresh_app, "stage") == "1.0.0"


def test_in_a_run_that_an_older_version_began_the_slot_is_healed_whatever_it_holds(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_deploying(simulator, fresh_app)
    del context["ti"].xcoms["preflight", "record"]["production_content"]
    deploy_a_hotfix(simulator, fresh_app)
    assert "has version 1.0.0 again" in said_after(simulator, fresh_app, AfterRollback.HEAL, context)


def test_a_healing_whose_answer_was_lost_is_not_taken_for_somebody_elses(
    simulator: RunningSimulator, fresh_app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = after_deploying(simulator, fresh_app)
    with monkeypatch.context() as dying:
        begin_deployment = AppServiceHook.begin_deployment

        async def die(self: AppServiceHook, *of: Any) -> None:
            await begin_deployment(self, *of)
            raise KeyboardInterrupt

        dying.setattr(AppServiceHook, "begin_deployment", die)
        with pytest.raises(KeyboardInterrupt):
            said_after(simulator, fresh_app, AfterRollback.HEAL, context)
    said = said_after(simulator, fresh_app, AfterRollback.HEAL, next_try(context))
    assert "Slot 'stage' has version 1.0.0 again" in said
