"""A release needs the actions of the roles under docs/, all of them, and no other."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.faults.conftest import engine, fast_simulator, scene  # noqa: F401 - fixtures
from tests.faults.scene import Scene
from tests.faults.small_app import small_package
from tests.release_engine.release_run import ReleaseRun
from tests.simulator import ROOT

from app_service_simulator.faults.fault import Fault

ROLE, CREATING = (
    json.loads((ROOT / "docs" / f"least-privilege-role{kind}.json").read_text(encoding="utf-8"))
    for kind in ("", "-create-slot")
)

JOIN_PLAN = "Microsoft.Web/serverfarms/join/Action"
"""Asked for besides what a call itself needs, so that the journal does not show it."""

IMAGE = "contoso.azurecr.io/web:2.0.0"

MakeScene = Callable[..., Scene]
Story = Callable[[MakeScene], tuple[Scene, ReleaseRun]]


@pytest.fixture
def make(scene: MakeScene) -> Iterator[MakeScene]:  # noqa: F811 - the fixture
    """Makes scenes; before they are cleared away, everything is allowed again."""
    scenes: list[Scene] = []

    def make(**policy: Any) -> Scene:
        scenes.append(scene(**policy))
        return scenes[-1]

    yield make
    for made in scenes:
        made.simulator.controls.clear_roles()
        made.simulator.controls.clear_faults()


def a_package(make: MakeScene) -> tuple[Scene, ReleaseRun]:
    """2.0.0 as a package, approved."""
    told = make()
    told.manager("Approve")
    return told, told.release()


def an_image(make: MakeScene) -> tuple[Scene, ReleaseRun]:
    """2.0.0 as a container image, approved."""
    told = make(artifact={"type": "container"})
    told.simulator.put_image(IMAGE, small_package("2.0.0", told._unhealthy("2.0.0")))
    told.manager("Approve")
    run = told.release(image=IMAGE)
    assert run.metadata.run.conf is not None
    del run.metadata.run.conf["package_uri"]
    return told, run


def an_image_the_slot_has(make: MakeScene) -> tuple[Scene, ReleaseRun]:
    """The same image again, under a tag that may have moved: it has to be pulled anew."""
    told, run = an_image(make)
    body = {"properties": {"linuxFxVersion": f"DOCKER|{IMAGE}"}}
    path = told.simulator.app_path(told.app, "stage")
    told.simulator.arm("PATCH", f"{path}/config/web", body).raise_for_status()
    told.mark_turn()
    return told, run


def a_swap_that_fails(make: MakeScene) -> tuple[Scene, ReleaseRun]:
    """The swap fails, and leaves the slot prepared for it."""
    told, run = a_package(make)
    told.simulator.controls.add_faults(
        Fault(operation="WebApps_SwapSlot*", app=told.app, do="ends_with", ending="no_ping", prepared=True)
    )
    return told, run


def one_after_a_promotion(make: MakeScene) -> tuple[Scene, ReleaseRun]:
    """2.0.0 has been promoted before, and the app does not say its version: Azure is asked what production holds."""
    told = make(readiness={"path": "/health", "timeout": "20s", "consecutive": 1})
    told.manager("Approve")
    run = told.release()
    assert told.tell(run).state == "success"
    told.mark_turn()
    return told, told.release()


def a_slot_to_be_created(make: MakeScene) -> tuple[Scene, ReleaseRun]:
    """There is no slot yet."""
    told = make(create_slot=True)
    told.simulator.arm("DELETE", told.simulator.app_path(told.app, "stage")).raise_for_status()
    told.mark_turn()
    told.manager("Approve")
    return told, told.release()


PROMOTED = [a_package, an_image, an_image_the_slot_has, one_after_a_promotion]


def allow(told: Scene, *roles: dict[str, Any], without: str | None = None) -> None:
    """Gives the release these roles, perhaps without one action."""
    told.simulator.controls.assign_roles(
        *({**role, "Actions": [action for action in role["Actions"] if action != without]} for role in roles)
    )


def used(told: Scene) -> set[str]:
    """The actions that the release's calls needed."""
    return {call["action"] for call in told.calls_of_release() if call["action"]}


def weights(told: Scene) -> list[float]:
    """Those of the rules that send somebody anywhere."""
    return [rule["reroutePercentage"] for rule in told.rules() if rule["reroutePercentage"]]


def test_releases_pass_with_exactly_the_roles_actions(make: MakeScene) -> None:
    needed: set[str] = set()
    for story in PROMOTED:
        told, run = story(make)
        allow(told, ROLE)
        assert told.tell(run).state == "success", run.outcome
        told.simulator.controls.clear_roles()
        assert told.version() == "2.0.0"
        needed |= used(told)
    told, run = a_swap_that_fails(make)
    allow(told, ROLE)
    told.tell(run)
    assert run.states["restore"] == "success"
    assert needed | used(told) == set(ROLE["Actions"])


def test_a_missing_slot_is_created_with_exactly_both_roles_actions(make: MakeScene) -> None:
    told, run = a_slot_to_be_created(make)
    allow(told, ROLE, CREATING)
    assert told.tell(run).state == "success", run.outcome
    assert used(told) - set(ROLE["Actions"]) | {JOIN_PLAN} == set(CREATING["Actions"])


NEEDED_BY: dict[str, Story] = {
    "sites/Read": a_package,
    "sites/config/Read": a_package,
    "sites/config/Write": a_package,
    "sites/deployments/Read": one_after_a_promotion,
    "sites/slots/Read": a_package,
    "sites/slots/config/Read": a_package,
    "sites/slots/config/Write": an_image,
    "sites/slots/start/Action": a_package,
    "sites/slots/restart/Action": an_image_the_slot_has,
    "sites/slots/extensions/Write": a_package,
    "sites/slots/deployments/Read": a_package,
    "sites/slots/slotsswap/Action": a_package,
    "sites/slots/operationresults/Read": a_package,
    "sites/slots/Write": a_slot_to_be_created,
    "sites/config/list/Action": a_slot_to_be_created,
    "serverfarms/join/Action": a_slot_to_be_created,
}
"""A release that fails for want of the action, and is undone."""

NEEDED_AT_THE_END = {"sites/slots/stop/Action", "sites/slots/resetSlotConfig/Action"}
"""For what is only put in order after the users are well; these have a test each."""


def test_every_action_of_the_roles_is_tried() -> None:
    tried = {f"Microsoft.Web/{action}" for action in {*NEEDED_BY, *NEEDED_AT_THE_END}}
    assert tried == {*ROLE["Actions"], *CREATING["Actions"]}


@pytest.mark.parametrize("action", NEEDED_BY)
def test_without_an_action_a_release_says_which_it_misses_and_users_stay_on_the_stable_version(
    make: MakeScene, action: str
) -> None:
    told, run = NEEDED_BY[action](make)
    stable = told.version()
    allow(told, ROLE, CREATING, without=f"Microsoft.Web/{action}")
    told.tell(run)
    told.simulator.controls.clear_roles()
    assert run.state == "failed"
    assert f"'Microsoft.Web/{action}'" in run.outcome["sentence"]
    assert (told.version(), weights(told), told.failed_visits) == (stable, [], [])


def test_a_release_that_may_not_stop_the_slot_stays_promoted_and_says_so(make: MakeScene) -> None:
    told, run = a_package(make)
    allow(told, ROLE, without="Microsoft.Web/sites/slots/stop/Action")
    told.tell(run)
    assert run.states["stop_slot"] == "failed"
    assert run.outcome["outcome"] == "promoted"
    assert "'Microsoft.Web/sites/slots/stop/Action'" in run.outcome["sentence"]
    assert (told.version(), weights(told), told.failed_visits) == ("2.0.0", [], [])


def test_a_release_that_may_not_cancel_a_swap_is_rolled_back_and_its_log_says_so(
    make: MakeScene, capsys: pytest.CaptureFixture[str]
) -> None:
    told, run = a_swap_that_fails(make)
    allow(told, ROLE, without="Microsoft.Web/sites/slots/resetSlotConfig/Action")
    told.tell(run)
    assert run.state == "failed"
    assert "perform action 'Microsoft.Web/sites/slots/resetSlotConfig/Action'" in capsys.readouterr().out
    assert (told.version(), weights(told), told.failed_visits) == ("1.0.0", [], [])
