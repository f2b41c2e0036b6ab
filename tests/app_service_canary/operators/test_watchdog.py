"""The watchdog's task against the simulator; what Airflow tells of the release's runs is given."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.app_service_canary.release.policies import policy
from tests.app_service_canary.task_context import StateStore, TaskInstance
from tests.simulator import RunningSimulator

from app_service_canary.errors import AzureResourceMissing, ReleaseAbandoned
from app_service_canary.operators.watchdog import MEMORY, ReleaseWatchdogOperator
from app_service_canary.release.abandoned import SECOND_LOOK, Runs, Seen, Sightings
from app_service_canary.triggers.waiting import now

pytestmark = pytest.mark.usefixtures("azure_connection")

RELEASE = "canary_release.storefront"
STEPS = [{"weight": 10, "bake": "5m"}]


class WatchdogInstance(TaskInstance):
    """`context["ti"]` of the watchdog's task.

    Args:
        earlier: what the last run saw.
        unfinished: how many runs of the release are under way, at each time of asking; the last for good.
        paused: whether the release's DAG is.
        steps: those of the release under way.
    """

    def __init__(
        self,
        earlier: Sightings,
        unfinished: tuple[int, ...] = (0,),
        *,
        paused: bool = False,
        steps: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__("storefront")
        self.memory = StateStore({"storefront": earlier.to_json()})
        self.unfinished, self.paused, self.steps = list(unfinished), paused, steps

    def xcom_pull(self, task_ids: str | None = None, key: str = "return_value", **asked: Any) -> Any:
        assert (task_ids, asked["dag_id"], asked["run_id"]) == ("preflight", RELEASE, "manual__2")
        return {"steps": [*(self.steps or []), {"weight": None, "bake": None}]} if self.steps else None

    def get_dr_count(self, dag_id: str, states: list[str] | None = None) -> int:
        assert dag_id == RELEASE
        if states is None:
            return 3
        assert states == ["queued", "running"]
        return self.unfinished.pop(0) if len(self.unfinished) > 1 else self.unfinished[0]

    def get_dag(self, dag_id: str) -> Any:
        return SimpleNamespace(dag_id=dag_id, is_paused=self.paused)

    def get_task_states(self, dag_id: str, task_ids: list[str]) -> dict[str, dict[str, str]]:  # type: ignore[override]
        assert (dag_id, task_ids) == (RELEASE, ["outcome"])
        return {"manual__1": {"outcome": "failed"}, "manual__2": {"outcome": "None"}}

    @property
    def seen(self) -> Sightings:
        return Sightings.from_json(self.memory["storefront"])


def ago(hours: float, *things: Seen, unfinished: int = 0) -> Sightings:
    """A last look, a minute ago, at what had been there for so long."""
    since = now() - timedelta(hours=hours)
    return Sightings(now() - timedelta(minutes=1), Runs(3, unfinished), dict.fromkeys(things, since))


def watch(simulator: RunningSimulator, app: str, ti: WatchdogInstance, **changes: Any) -> str:
    values = {"app": app, "resource_group": simulator.resource_group, "steps": STEPS, "watchdog": "clear", **changes}
    task = ReleaseWatchdogOperator(
        task_id="storefront",
        policy=policy(**values),
        release_dag_id=RELEASE,
        forgotten_after=timedelta(minutes=15),
        resource_group=simulator.resource_group,
        app=app,
        slot="stage",
    )
    return str(task.execute({"ti": ti, "asset_state_store": {MEMORY: ti.memory}})["sentence"])


def route(simulator: RunningSimulator, app: str, name: str = "stage") -> None:
    host = f"{app}-stage.azurewebsites.net"
    simulator.set_rules(app, [{"name": name, "actionHostName": host, "reroutePercentage": 10}])


def slot_state(simulator: RunningSimulator, app: str) -> str:
    return str(simulator.arm("GET", simulator.app_path(app, "stage")).json()["properties"]["state"])


def test_a_release_that_begins_between_the_look_and_the_clearing_is_left_alone(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    route(simulator, fresh_app)
    ti = WatchdogInstance(ago(2, Seen.RULE), unfinished=(0, 1))
    assert watch(simulator, fresh_app, ti) == (
        f"A release of app '{fresh_app}' has just begun or ended; it was left alone."
    )
    assert list(simulator.rules(fresh_app)) == ["stage"]


def test_a_slot_is_stopped_only_when_its_hour_is_over(simulator: RunningSimulator, fresh_app: str) -> None:
    assert "not for long enough" in watch(simulator, fresh_app, WatchdogInstance(ago(0.9, Seen.SLOT)))
    assert slot_state(simulator, fresh_app) == "Running"
    said = watch(simulator, fresh_app, WatchdogInstance(ago(1.1, Seen.SLOT)))
    assert said == f"Slot 'stage' of app '{fresh_app}' was stopped, for no release answers for it."
    assert slot_state(simulator, fresh_app) == "Stopped"


def test_a_slot_that_somebody_begins_to_use_after_the_look_is_not_stopped(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    class Meanwhile(WatchdogInstance):
        asked = 0

        def get_dr_count(self, dag_id: str, states: list[str] | None = None) -> int:
            self.asked += 1
            if self.asked == 4:  # two counts before the look, and the second of the two after it
                route(simulator, fresh_app, "testers")
            return super().get_dr_count(dag_id, states)

    ti = Meanwhile(ago(2, Seen.SLOT))
    said = watch(simulator, fresh_app, ti)
    assert (ti.asked, list(simulator.rules(fresh_app))) == (4, ["testers"])
    assert said == f"Slot 'stage' of app '{fresh_app}' was not stopped, for somebody has just begun to use it."
    assert slot_state(simulator, fresh_app) == "Running"


def test_a_slot_that_another_rule_sends_users_to_is_neither_stopped_nor_reported(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    route(simulator, fresh_app, "testers")
    said = watch(simulator, fresh_app, WatchdogInstance(ago(2, Seen.SLOT)))
    assert said == f"No release has left anything on app '{fresh_app}'."
    assert slot_state(simulator, fresh_app) == "Running"


def test_a_release_that_takes_longer_than_its_own_steps_can_take_is_reported(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    # The file's one step of 5 minutes makes 75 h 17 min at most; the run's own bakes make it more.
    route(simulator, fresh_app)
    earlier = ago(80, Seen.RUN, Seen.RULE, unfinished=1)
    for steps in ([{"weight": 10, "bake": "10h"}], [{"weight": 10, "bake": "manual"}]):
        said = watch(simulator, fresh_app, WatchdogInstance(earlier, (1,), steps=steps))
        assert said == f"A release of app '{fresh_app}' is under way; it was left alone."
    for known in (STEPS, None):
        ti = WatchdogInstance(earlier, (1,), steps=known)
        with pytest.raises(ReleaseAbandoned, match=r"longer than the 75h17m11s that it can take"):
            watch(simulator, fresh_app, ti)
        assert ti.seen.since[Seen.RUN] == earlier.since[Seen.RUN]
    assert list(simulator.rules(fresh_app)) == ["stage"]


def test_a_failed_reading_says_why_and_forgets_nothing(simulator: RunningSimulator) -> None:
    earlier = ago(2, Seen.RULE)
    ti = WatchdogInstance(earlier)
    with pytest.raises(AzureResourceMissing, match="Azure answered 404 ResourceNotFound"):
        watch(simulator, "no-such-app", ti)
    assert earlier == ti.seen


def test_what_is_seen_first_is_remembered_for_the_next_run(simulator: RunningSimulator, fresh_app: str) -> None:
    route(simulator, fresh_app)
    ti = WatchdogInstance(Sightings())
    began = now()
    assert "not for long enough" in watch(simulator, fresh_app, ti)
    assert began <= ti.seen.since[Seen.RULE] <= now()
    assert list(simulator.rules(fresh_app)) == ["stage"]
    later = WatchdogInstance(Sightings(ti.seen.at, ti.seen.runs, {Seen.RULE: now() - SECOND_LOOK}))
    assert "was cleared, for no release answers for it" in watch(simulator, fresh_app, later)
    assert list(simulator.rules(fresh_app)) == []
