"""The service principal may do what its roles have, and learns the name of what they lack."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.simulator import RunningSimulator

from app_service_simulator.arm.actions import action_of
from app_service_simulator.arm.errors import object_id
from app_service_simulator.roles import Roles
from app_service_simulator.server import RESOURCE_MANAGER

SWAP = {"targetSlot": "production", "preserveVnet": True}


def role(*actions: str, but: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"Name": "a role", "Actions": list(actions), "NotActions": list(but), "AssignableScopes": ["/"]}


@pytest.fixture
def restricted(simulator: RunningSimulator) -> Iterator[RunningSimulator]:
    """Afterwards everything is allowed again."""
    yield simulator
    simulator.controls.clear_roles()


@pytest.mark.parametrize(
    "route", [route for module in RESOURCE_MANAGER for route in module.routes], ids=lambda route: route.operation
)
def test_every_operation_knows_the_action_it_needs(route: Any) -> None:
    action = action_of(route.operation)
    if action is not None:
        verbs = {"GET": "Read", "HEAD": "Read", "PUT": "Write", "PATCH": "Write", "DELETE": "Delete", "POST": "Action"}
        assert action.rpartition("/")[2] in (verbs[route.method], "Read")
        about_slots = bool(re.search(r"/slots(/|$)", route.pattern.pattern))
        assert ("/slots/" in action) is about_slots or "Insights" in action


@pytest.mark.parametrize(
    ("roles", "allowed"),
    [
        ([role("Microsoft.Web/sites/Read")], True),
        ([role("microsoft.web/SITES/read")], True),
        ([role("Microsoft.Web/*/read")], True),
        ([role("*")], True),
        ([role("Microsoft.Web/sites/slots/Read")], False),
        ([role("*", but=("Microsoft.Web/*/Read",))], False),
        ([role("*", but=("Microsoft.Web/*",)), role("Microsoft.Web/sites/Read")], True),
        ([role()], False),
        ([], False),
    ],
)
def test_roles_add_up_and_each_takes_away_only_from_itself(roles: list[dict[str, Any]], allowed: bool) -> None:
    assigned = Roles()
    assert assigned.allow("Microsoft.Web/sites/Read")
    assigned.assign(roles)
    assert assigned.allow("Microsoft.Web/sites/Read") is allowed


def test_a_call_without_its_action_is_refused_in_azures_own_words(restricted: RunningSimulator) -> None:
    restricted.controls.assign_roles(role("Microsoft.Web/sites/Read"))
    assert restricted.arm("GET", restricted.app_path("contoso-web")).status_code == 200
    answer = restricted.arm("POST", f"{restricted.app_path('contoso-web', 'stage')}/start")
    client = restricted.client_id
    assert (answer.status_code, answer.json()["error"]) == (
        403,
        {
            "code": "AuthorizationFailed",
            "message": f"The client '{client}' with object id '{object_id(client)}' does not have authorization to "
            "perform action 'Microsoft.Web/sites/slots/start/Action' over scope "
            f"'{restricted.app_path('contoso-web', 'stage')}' or the scope is invalid. If access was recently "
            "granted, please refresh your credentials.",
        },
    )


def test_permission_is_asked_before_existence(restricted: RunningSimulator) -> None:
    restricted.controls.assign_roles()
    assert restricted.arm("GET", restricted.app_path("nowhere")).status_code == 403
    assert restricted.arm("GET", "/subscriptions").status_code == 200


def test_a_metric_needs_monitors_own_action(restricted: RunningSimulator) -> None:
    path = f"{restricted.app_path('contoso-web')}/providers/Microsoft.Insights/metrics"
    restricted.controls.assign_roles(role("Microsoft.Web/*"))
    assert "Microsoft.Insights/metrics/Read" in restricted.arm("GET", path).json()["error"]["message"]
    restricted.controls.assign_roles(role("Microsoft.Insights/metrics/read"))
    assert restricted.arm("GET", path).status_code == 200


def test_creating_a_slot_needs_the_plan_too(restricted: RunningSimulator, app: str) -> None:
    plan = restricted.app_path(app).replace(f"sites/{app}", f"serverfarms/{restricted.plan}")
    body = {"location": "West Europe", "properties": {"serverFarmId": plan}}
    restricted.controls.assign_roles(role("Microsoft.Web/sites/slots/Write"))
    answer = restricted.arm("PUT", restricted.app_path(app, "second"), body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "LinkedAuthorizationFailed")
    assert f"'Microsoft.Web/serverfarms/join/Action' on the linked scope(s) '{plan}'" in answer.text
    restricted.controls.assign_roles(
        role("Microsoft.Web/sites/slots/Write"), role("Microsoft.Web/serverfarms/join/Action")
    )
    assert restricted.arm("PUT", restricted.app_path(app, "second"), body).status_code == 200


@pytest.mark.parametrize(("switch", "status"), [(False, 202), (True, 403)])
def test_a_swap_may_need_a_right_on_the_app_too(
    restricted: RunningSimulator, app: str, switch: bool, status: int
) -> None:
    restricted.set_quirks(swap_needs_rights_on_target=switch)
    restricted.controls.assign_roles(role("Microsoft.Web/sites/slots/*"))
    path = f"{restricted.app_path(app, 'stage')}/slotsswap"
    answer = restricted.arm("POST", path, SWAP)
    restricted.set_quirks(swap_needs_rights_on_target=False)
    assert answer.status_code == status
    assert restricted.finish(answer).status_code == (200 if status == 202 else 403)


def test_kudu_asks_the_bearer_of_a_token_for_the_right_to_publish(restricted: RunningSimulator) -> None:
    def deployments() -> int:
        headers = {"Authorization": f"Bearer {restricted.token()}", "Host": "contoso-web.scm.azurewebsites.net"}
        return restricted.client.get(f"{restricted.resource_manager}/api/deployments", headers=headers).status_code

    restricted.controls.assign_roles(role("Microsoft.Web/sites/Read"))
    assert deployments() == 403
    restricted.controls.assign_roles(role("Microsoft.Web/sites/publish/Action"))
    assert deployments() == 200


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({}, "a list of role definitions is expected"),
        ([{"Name": "x"}], r"Actions in \{'Name': 'x'\}: Field required"),
        ([{"Actions": "*"}], "Actions in .*: Input should be a valid list"),
        (["Owner"], "a role in 'Owner': Input should be a valid dict"),
    ],
)
def test_what_is_no_role_definition_is_refused(restricted: RunningSimulator, wanted: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Roles().assign(wanted)
    assert restricted.client.put(f"{restricted.resource_manager}/_simulator/roles", json=wanted).status_code == 400
    assert restricted.client.get(f"{restricted.resource_manager}/_simulator/roles").json() is None
