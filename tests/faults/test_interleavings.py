"""Whatever happens in whatever order, users are on a good version and nothing happens twice."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.faults.scene import SLOT, Scene
from tests.release_engine.process import AFTER, AIRFLOW, AZURE, BEFORE, Killed, Point
from tests.release_engine.release_run import ReleaseRun
from tests.simulator import RunningSimulator

from app_service_canary.triggers import app_service
from app_service_simulator.faults.fault import Fault

EXAMPLES = int(os.environ.get("INTERLEAVINGS", "0"))
"""How many random stories are told, each time others; 0: a few, always the same."""

FEW = 8
"""Each takes two to three seconds."""

LONGEST = 20
"""Things that happen in one story, where they can."""

KILLS = 3
"""Processes killed in one run; Airflow tries a task five times."""

OTHER = "other"
"""A rule of another slot, which is none of the release's business."""

PASSING = ("throttled", "server_error", "gateway_timeout", "server_timeout", "expired_token", "reset", "not_json")

moments = st.sampled_from([BEFORE, AFTER])
STEPS = st.sampled_from([0, 1, 1, 2, 3, 5, 8, 12])
"""How far the release goes on after something has happened."""


def happens(where: Callable[[Interleavings], bool] = lambda _: True, **drawn: Any) -> Callable[..., Any]:
    """A rule: something happens where it can, and then the release goes on for a while.

    No precondition of hypothesis: how far a release has come is a matter of time, and what is drawn must not be.
    """

    def as_rule(event: Callable[..., None]) -> Any:
        def happen(self: Interleavings, then: int, **given: Any) -> None:
            if where(self):
                event(self, **given)
            self.go_on(then)

        happen.__name__ = event.__name__
        return rule(then=STEPS, **drawn)(happen)

    return as_rule


ENDING = 180.0
"""Seconds for a story to come to its end once nothing more happens: a few are usual, a busy machine takes longer."""


class Interleavings(RuleBasedStateMachine):
    """One app over several releases, with people, faults and dying processes in between.

    What the model keeps: other slots' rules as people left them, and what people did during a run that it cannot
    be held to account for.
    """

    simulator: RunningSimulator

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene(self.simulator, drain="1s", after_rollback="keep")
        self.run: ReleaseRun | None = None
        self.version = self.stable = "1.0.0"
        self.other: float | None = None
        self.kill_at: tuple[str, str] | None = None
        self.swapped_by_people = self.refused = self.cleared = False
        self.set_by_people: float | None = None
        self.swaps_before = self.swaps_by_people = 0
        self.faults: list[int] = []

    # -- the release -----------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self.run is not None and not self.run.over

    @happens(lambda self: not self.running)
    def trigger(self) -> None:
        self.close_run()
        major = int(self.version.partition(".")[0]) + 1
        self.version, self.stable = f"{major}.0.0", self.scene.version()
        self.swaps_before, self.swaps_by_people = self.scene.swaps(), 0
        self.swapped_by_people = self.refused = self.cleared = False
        # What an earlier run was not let clear, and told people to, is there until they do.
        self.set_by_people = self.weight(SLOT) or self.set_by_people
        self.run = self.scene.release(version=self.version, package_uri=self.scene.package(self.version))
        self.run.watchers.append(self.maybe_kill)

    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            if self.run is not None and not self.run.over:
                self.run.step(wait=0.03)

    @happens(
        lambda self: self.run is not None and not self.run.over and self.run.kills < KILLS,
        side=st.sampled_from([AZURE, AZURE, AIRFLOW]),
        when=moments,
    )
    def next_call_kills(self, side: str, when: str) -> None:
        self.kill_at = (side, when)

    @happens(lambda self: self.running)
    def restart_triggerer(self) -> None:
        assert self.run is not None
        self.run.restart_triggerer()

    def maybe_kill(self, point: Point) -> None:
        if self.kill_at == (point.side, point.when):
            self.kill_at = None
            raise Killed

    # -- people ----------------------------------------------------------------------------------------

    @happens(
        lambda self: self.running, option=st.sampled_from(["Approve", "Approve", "Reject"]), by_variable=st.booleans()
    )
    def decide(self, option: str, by_variable: bool) -> None:
        assert self.run is not None
        if not by_variable:
            self.run.respond(option)
        elif self.run.states["approval"] == "deferred":
            key = f"canary_approval__{self.run.dag.dag_id}__{self.run.metadata.run_id}"
            self.run.metadata.variables[key] = option.lower()

    @happens(lambda self: self.running, seldom=st.integers(0, 3))
    def abort(self, seldom: int) -> None:
        assert self.run is not None
        if not seldom:
            self.run.abort()

    @happens(lambda self: self.run is not None and self.run.over and self.run.state == "failed")
    def clear_what_failed(self) -> None:
        assert self.run is not None
        order = list(self.run.tasks)
        failed = [task for task in order if self.run.states[task] == "failed"]
        self.run.clear(*order[order.index(failed[0]) :])
        self.cleared = True

    @happens(weight=st.sampled_from([None, 0.0, 5.0]))
    def edit_another_slots_rule(self, weight: float | None) -> None:
        if self.edit(OTHER, f"{self.scene.app}.azurewebsites.net", weight):
            self.other = weight

    @happens(lambda self: self.running, weight=st.sampled_from([None, 0.0, 70.0]))
    def edit_our_rule(self, weight: float | None) -> None:
        if self.edit(SLOT, f"{self.scene.app}-{SLOT}.azurewebsites.net", weight):
            self.set_by_people = weight

    @happens(lambda self: self.running)
    def somebody_deploys(self) -> None:
        body = {"properties": {"packageUri": self.scene.package("66.6.6"), "type": "zip"}}
        self.arm("PUT", f"/slots/{SLOT}/extensions/onedeploy", body)

    @happens(lambda self: self.running)
    def somebody_swaps(self) -> None:
        body = {"targetSlot": "production", "preserveVnet": True}
        swaps, ended = self.scene.swaps(), self.swaps_ended()
        if self.arm("POST", f"/slots/{SLOT}/slotsswap", body) < 300:
            self.swapped_by_people = True
            self.simulator.wait_until(lambda: self.swaps_ended() > ended)
            self.swaps_by_people += self.scene.swaps() - swaps

    def swaps_ended(self) -> int:
        return sum(effect["operation"] == "Swap_Ended" for effect in self.simulator.effects(self.scene.app))

    def edit(self, name: str, host: str, weight: float | None) -> bool:
        """What a person does to one rule in the portal; whether App Service took it."""
        rules = [rule for rule in self.rules_now() if rule["name"] != name]
        if weight is not None:
            rules.append({"name": name, "actionHostName": host, "reroutePercentage": weight})
        return self.arm("PATCH", "/config/web", {"properties": {"experiments": {"rampUpRules": rules}}}) == 200

    def arm(self, method: str, path: str, body: Any = None) -> int:
        """A person's call, which meets no fault; its status, for App Service may be at work on the app."""
        self.withdraw_faults()
        return self.simulator.arm(method, f"{self.simulator.app_path(self.scene.app)}{path}", body).status_code

    # -- faults ----------------------------------------------------------------------------------------

    @happens(lambda self: self.running, kind=st.sampled_from(PASSING), when=moments, nth=st.integers(1, 3))
    def trouble_passes(self, kind: str, when: Any, nth: int) -> None:
        options: dict[str, Any] = {"retry_after": 0} if kind == "throttled" else {}
        self.order(do=kind, when=when, nth=nth, **options)

    @happens(lambda self: self.running and not self.refused, nth=st.integers(1, 3))
    def azure_refuses(self, nth: int) -> None:
        self.refused = True
        self.order(do="forbidden", nth=nth)

    def order(self, **fault: Any) -> None:
        [ordered] = self.simulator.controls.add_faults(Fault(path="*", app=self.scene.app, **fault))
        self.faults.append(ordered["id"])

    def withdraw_faults(self) -> None:
        for fault in self.faults:
            self.simulator.controls.remove_fault(fault)
        self.faults = []

    # -- what must hold ----------------------------------------------------------------------------------

    def slots(self) -> dict[str, Any]:
        return dict(self.simulator.state()["apps"][self.scene.app])

    def rules_now(self) -> list[dict[str, Any]]:
        return [
            {key: value for key, value in rule.items() if value is not None}
            for rule in self.slots()["production"]["rules"]
        ]

    def weight(self, name: str) -> float | None:
        return next((rule["reroutePercentage"] for rule in self.rules_now() if rule["name"] == name), None)

    @invariant()
    def other_rules_are_as_people_left_them(self) -> None:
        assert self.weight(OTHER) == self.other, self.told()

    @invariant()
    def a_stopped_slot_gets_no_new_user(self) -> None:
        if self.slots()[SLOT]["state"] == "Stopped":
            assert self.weight(SLOT) in (None, 0, self.set_by_people), self.told()

    @invariant()
    def nothing_is_swapped_twice(self) -> None:
        """A release swaps once, and back at most once."""
        if self.run is not None and not self.cleared:
            assert self.own_swaps() <= 2, self.told()
            if self.run.over and self.run.outcome.get("outcome") == "promoted":
                assert self.own_swaps() <= 1, self.told()

    @invariant()
    def a_run_that_is_over_leaves_users_well(self) -> None:
        if self.run is None or not self.run.over:
            return
        ended = self.run.outcome.get("outcome")
        if ended == "not_restored":
            assert self.refused, self.told()
            return
        assert self.weight(SLOT) in (None, 0, self.set_by_people), self.told()
        if not self.swapped_by_people:
            assert self.scene.version() == (self.version if ended == "promoted" else self.stable), self.told()

    def own_swaps(self) -> int:
        return self.scene.swaps() - self.swaps_before - self.swaps_by_people

    def told(self) -> str:
        """What has happened, for people who look into a failure."""
        story = self.run.story if self.run else []
        return "\n".join([*story, f"rules {self.rules_now()}", f"own swaps {self.own_swaps()}"])

    def close_run(self) -> None:
        self.withdraw_faults()
        if self.run is not None:
            self.run.close()
            self.run = None

    def teardown(self) -> None:
        """Every story is told to its end; a manager approves what is still open."""
        try:
            if self.run is not None:
                self.kill_at = None
                deadline = time.monotonic() + ENDING
                while not self.run.over:
                    assert time.monotonic() < deadline, f"not over in time:\n{self.told()}"
                    self.run.step(wait=0.03)
                    self.run.respond("Approve")
                self.other_rules_are_as_people_left_them()
                self.a_stopped_slot_gets_no_new_user()
                self.nothing_is_swapped_twice()
                self.a_run_that_is_over_leaves_users_well()
        finally:
            self.close_run()
            self.scene.close()


def test_whatever_happens_in_whatever_order_users_are_well_and_nothing_happens_twice(
    fast_simulator: RunningSimulator, engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two minutes of Azure's, at the simulator's pace.
    monkeypatch.setattr(app_service, "UNKNOWN_LIMIT", 2.0)
    Interleavings.simulator = fast_simulator
    run_state_machine_as_test(
        Interleavings,
        settings=settings(
            max_examples=EXAMPLES or FEW,
            stateful_step_count=LONGEST,
            derandomize=not EXAMPLES,
            deadline=None,
            # A failure is looked into by its story; making it shorter would tell hundreds more of some seconds each.
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
