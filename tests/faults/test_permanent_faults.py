"""Trouble that stays ends the release with users on the stable version, and its sentence repeats what Azure said."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.faults.judging import problems
from tests.faults.matrix import EVERYTHING, PROMOTED, REJECTED, SWAPPED_BACK, Call, Story, all_end_well, calls_of, tell
from tests.faults.scene import Scene
from tests.release_engine.release_run import ReleaseRun
from tests.simulator import RunningSimulator

from app_service_simulator.faults.fault import Fault

MESSAGE = "The stars are not right for this request."

REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "forbidden": ({"do": "forbidden"}, "does not have authorization to perform action"),
    "arm_error": ({"do": "arm_error", "status": 400, "code": "BadRequest", "message": MESSAGE}, MESSAGE),
    "app_service_error": (
        {"do": "app_service_error", "status": 400, "code": "BadRequest", "message": MESSAGE, "extended_code": "59911"},
        MESSAGE,
    ),
}
"""What Azure may say to any call, and what of it the release's sentence has to repeat."""

LOCKED: tuple[dict[str, Any], str] = ({"do": "locked"}, "cannot perform write operation because following scope(s)")
"""What a resource lock says to writes."""

SWAP_ENDINGS = {
    "no_ping": "did not respond to http ping",
    "worker_not_started": "could not be started",
    "app_init_failed": "application initialization",
    "vm_allocation_changed": "allocation of VM instances",
    "warmup_timed_out": "have timed out",
    "in_progress": "another operation is in progress",
    "exclusive_lock": "exclusive lock",
}
"""How App Service says that it gives a swap up, and what of it is repeated."""

POLLED = ("WebApps_GetDeploymentSlot", "WebApps_GetOperationResultSlot")
"""Asked until an operation has ended, so a later call's number is not the same in every release."""

SWAP, DEPLOY = (
    Call("WebApps_SwapSlotSlot", "POST", 1),
    Call("WebApps_CreateOneDeployOperationSlot", "PUT", 1),
)

LITTLE_PATIENCE = timedelta(seconds=1)

SHORT: dict[str, Any] = {"operation_timeout": timedelta(seconds=1), "restore_timeout": "3s"}
"""For operations that do not end, and an Azure that does not come back."""

BY_HAND = "az webapp"
"""How the commands begin that finish by hand what a release could not."""


def ends_well_with(
    simulator: RunningSimulator, story: Story, fault: Callable[[str], Fault], says: str, **options: Any
) -> Callable[[], list[str]]:
    """A release with one fault, made for its app; it may end as the story does without, or must say why not."""

    def judged() -> list[str]:
        scene, run, faults = tell(
            simulator, story, lambda scene: [fault(scene.app)], **{"patience": LITTLE_PATIENCE, **options}
        )
        wrong = wrong_end(scene, run, story, says)
        if not faults[0]["acted"] and faults[0]["operation"] not in POLLED:
            wrong.append("the fault has met no call")
        scene.close()
        return [*wrong, *run.story] if wrong else []

    return judged


def at(call: Call, **fault: Any) -> Callable[[str], Fault]:
    """A fault at one call of an app's release."""
    return lambda app: Fault(operation=call.operation, app=app, nth=call.nth, **fault)


def wrong_end(scene: Scene, run: ReleaseRun, story: Story, says: str) -> list[str]:
    """What is wrong with how a release ended in trouble."""
    ended, sentence = run.outcome.get("outcome"), run.outcome.get("sentence", "")
    if ended == "not_restored":
        wanted = ("ACT NOW", says, BY_HAND)
        return [f"its sentence does not say {text!r}: {sentence}" for text in wanted if text not in sentence]
    as_without = ended == story.ends and (ended != "promoted" or run.state == "success")
    return problems(scene, run, says="" if as_without else says)


@pytest.mark.parametrize("story", [PROMOTED, REJECTED, SWAPPED_BACK], ids=lambda story: story.name)
def test_a_call_that_is_refused_ends_the_release_with_azures_reason(
    fast_simulator: RunningSimulator, engine: None, story: Story
) -> None:
    scene, _, _ = tell(fast_simulator, story)
    calls = calls_of(scene)
    scene.close()
    cases = {}
    for place, call in enumerate(calls):
        kinds = {**REFUSALS, "locked": LOCKED} if call.writes else REFUSALS
        # One refusal reads like another; each call meets one of them, and every kind comes many times.
        every = EVERYTHING or (call.writes and story is PROMOTED)
        chosen = kinds if every else dict([list(kinds.items())[place % len(kinds)]])
        for name, (fault, says) in chosen.items():
            cases[f"{story.name}: {name} at {call}"] = ends_well_with(fast_simulator, story, at(call, **fault), says)
    all_end_well(cases)


def test_trouble_that_stays_is_given_up_in_time_and_users_are_put_back_or_somebody_is_told_how(
    fast_simulator: RunningSimulator, engine: None
) -> None:
    """From one call of each kind on, Azure answers nothing but 503, to the way back as well."""
    cases: dict[str, Callable[[], list[str]]] = {}
    tried: set[str] = set()
    for story in (SWAPPED_BACK, PROMOTED):
        scene, _, _ = tell(fast_simulator, story)
        calls = [call for call in calls_of(scene) if EVERYTHING or call.operation not in tried]
        tried |= {call.operation for call in calls}
        for call in {call.operation: call for call in reversed(calls)}.values():
            fault = at(call, do="server_timeout", times=None)
            cases[f"{story.name}: 503 from {call} on"] = ends_well_with(
                fast_simulator, story, fault, "503 ServerTimeout", **SHORT
            )
        scene.close()
    all_end_well(cases)


@pytest.mark.parametrize("story", [PROMOTED, SWAPPED_BACK], ids=lambda story: story.name)
def test_a_swap_that_app_service_gives_up_leaves_users_where_they_were(
    fast_simulator: RunningSimulator, engine: None, story: Story
) -> None:
    cases = {}
    manners: list[dict[str, Any]] = [{"when": "before"}, {"when": "after"}, {"when": "before", "prepared": True}]
    for place, (ending, says) in enumerate(SWAP_ENDINGS.items()):
        for how in manners if EVERYTHING else [manners[place % len(manners)]]:
            cases[f"{story.name}: {ending} {how}"] = ends_well_with(
                fast_simulator, story, at(SWAP, do="ends_with", ending=ending, **how), says, **SHORT
            )
    all_end_well(cases)


def test_a_deployment_that_fails_is_told_with_its_text(fast_simulator: RunningSimulator, engine: None) -> None:
    fault = at(DEPLOY, do="ends_with", ending="deployment_failed", message=MESSAGE)
    all_end_well({"deployment fails": ends_well_with(fast_simulator, PROMOTED, fault, MESSAGE)})


def test_an_operation_that_does_not_end_is_given_up_in_time(fast_simulator: RunningSimulator, engine: None) -> None:
    late = "has not finished in time"
    faults: dict[str, tuple[Call, dict[str, Any]]] = {
        "the deployment never ends": (DEPLOY, {}),
        "the swap never ends, before its cut-over": (SWAP, {"when": "before"}),
        "the swap never ends, after its cut-over": (SWAP, {"when": "after"}),
        "the swap ends while it is waited for on the way back": (SWAP, {"when": "before", "seconds": 2.0}),
    }
    all_end_well(
        {
            name: ends_well_with(fast_simulator, PROMOTED, at(call, do="never_ends", **how), late, **SHORT)
            for name, (call, how) in faults.items()
        }
    )


def test_the_next_release_leaves_the_stable_version_alone_that_the_way_back_could_not_swap_in(
    scene: Callable[..., Scene],
) -> None:
    told = scene(after_rollback="keep", watch={"promoted_bake": "60s", "failure_limit": 2, "min_answers": 1})
    told.once_waiting("watch_promoted", lambda run: told.turn_bad())
    told.manager("Approve")
    told.simulator.controls.add_faults(Fault(operation="WebApps_SwapSlotSlot", app=told.app, do="locked", nth=2))
    first = told.tell(told.release())
    assert (first.outcome["outcome"], told.version(), told.slot_version()) == ("not_restored", "2.0.0", "1.0.0")

    told.people[:] = []
    second = told.tell(told.release(version="3.0.0", package_uri=told.package("3.0.0")))
    assert (second.outcome["outcome"], told.version(), told.slot_version()) == ("refused", "2.0.0", "1.0.0")
    assert f"run '{first.metadata.run_id}'" in second.outcome["sentence"]

    told.simulator.swap(told.app).raise_for_status()
    assert told.version() == "1.0.0"
    told.manager("Approve")
    for version in ("3.0.0", "4.0.0"):
        run = told.tell(told.release(version=version, package_uri=told.package(version)))
        assert (run.outcome["outcome"], told.version()) == ("promoted", version)
