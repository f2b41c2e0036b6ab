"""Looking at the slot while users are sent to it."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.task_context import cleared, next_try, task_context
from tests.simulator import RunningSimulator

from app_service_canary import patience
from app_service_canary.errors import CanaryRejected, ChangedByOthers, PreflightRefused
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.operators.first_look import FirstLookTrigger
from app_service_canary.operators.traffic import ASKED_WEIGHT_KEY, AppServiceSetCanaryWeightOperator
from app_service_canary.release.analysis import Analysis
from app_service_canary.release.policy import Watch
from app_service_canary.release.record import Record

pytestmark = pytest.mark.usefixtures("azure_connection")

ALWAYS, WITH_USERS = {"SAMPLE_ERROR_RATE": "0.5"}, {"SAMPLE_ERROR_RATE": "0.5", "SAMPLE_FAIL_WITH_USERS": "1"}

RULE_CHANGE = "WebApps_UpdateConfiguration"


def shift(
    app: str,
    *,
    first_look: str | None = "5s",
    record: str | None = None,
    paths: tuple[str, ...] = ("/version",),
    **changed: Any,
) -> AppServiceSetCanaryWeightOperator:
    probe = {"rate": 50, "paths": paths, "first_look": first_look}
    metrics = {"failures": {"min_requests": 5}, "latency": {"mode": "off"}}
    analysis = {"sources": {"probe": probe, "azure_monitor": {}}, "metrics": metrics, "record": record}
    arguments: dict[str, Any] = {
        "resource_group": "contoso-rg",
        "app": app,
        "slot": "stage",
        "weight": 50,
        "slot_host": f"{app}-stage.azurewebsites.net",
        "production_host": f"{app}.azurewebsites.net",
        "watch": Watch.model_validate({"poll_interval": "1s"}),
        "analysis": Analysis.model_validate(analysis),
    }
    return AppServiceSetCanaryWeightOperator(task_id="shift", **{**arguments, **changed})


def changes(simulator: RunningSimulator, app: str) -> int:
    """How often the app's traffic rules were asked to be changed."""
    return sum(call["method"] == "PATCH" and call["app"] == app for call in simulator.journal())


SEEN: dict[str, Any] = {"evidence": {"azure_monitor": {"nonsense": True}}}
"""What an earlier look left: something."""


def test_a_version_that_is_bad_before_it_has_users_gets_none(simulator: RunningSimulator, fresh_app: str) -> None:
    simulator.set_app_settings(fresh_app, "stage", ALWAYS)
    context = task_context("shift")
    with pytest.raises(CanaryRejected, match=r"^By probe, the canary failed .* No users had been sent to it\.$"):
        shift(fresh_app, first_look="1h").execute(context)
    assert changes(simulator, fresh_app) == 0
    assert context["ti"].xcom_pull("shift", key=ASKED_WEIGHT_KEY) is None, "so there is nobody to put back"


def test_a_version_that_turns_bad_with_its_first_users_loses_them_before_a_watch_begins(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    simulator.set_app_settings(fresh_app, "stage", WITH_USERS)
    with pytest.raises(CanaryRejected, match=r"^By probe, the canary failed .*\)\.$"):
        # Every round of the look asks as a user does, too.
        shift(fresh_app, weight=100).execute(task_context("shift"))
    assert list(simulator.rules(fresh_app)) == []
    assert changes(simulator, fresh_app) == 2, "sent, and taken off again"


def test_a_bad_verdict_is_not_forgotten_by_a_try_that_was_killed_with_it(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    simulator.set_app_settings(fresh_app, "stage", ALWAYS)
    context = task_context("shift")
    with pytest.raises(CanaryRejected) as first:
        shift(fresh_app).execute(context)
    simulator.set_app_settings(fresh_app, "stage", {})
    with pytest.raises(CanaryRejected) as second:
        shift(fresh_app).execute(next_try(context))
    assert str(second.value) == str(first.value)
    assert context["ti"].xcom_pull("shift", key=ASKED_WEIGHT_KEY) is None
    shift(fresh_app, first_look="1s").execute(cleared(context))
    assert list(simulator.rules(fresh_app)) == ["stage"]


def test_a_good_version_gets_its_users_and_what_was_seen_counts_on(simulator: RunningSimulator, fresh_app: str) -> None:
    first = shift(fresh_app, first_look="1s").execute(task_context("shift"))
    assert list(simulator.rules(fresh_app)) == ["stage"]
    seen = first["evidence"]["probe"]["canary"]["requests"]
    assert seen > 50, "a second before the first users, and one after"
    second = shift(fresh_app, first_look="1s", weight=60, look_task_ids=["first"]).execute(
        task_context("shift", first=first)
    )
    assert second["evidence"]["probe"]["canary"]["requests"] > seen
    assert second["own"]["since"] == first["own"]["since"]
    assert first["evidence"]["probe"]["began"] > first["own"]["since"], "latencies count from the first users on"


def test_a_verdict_that_comes_while_azure_is_sending_users_takes_them_off_afterwards(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    simulator.set_app_settings(fresh_app, "stage", ALWAYS)
    order_fault(RULE_CHANGE, "slow", seconds=4, when="before", app=fresh_app)
    with pytest.raises(CanaryRejected, match=r"\)\.$"):
        shift(fresh_app, look_task_ids=["earlier"]).execute(task_context("shift", earlier=SEEN))
    assert list(simulator.rules(fresh_app)) == []
    assert changes(simulator, fresh_app) == 2


def test_nobody_is_sent_by_another_try_after_a_bad_verdict(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    simulator.set_app_settings(fresh_app, "stage", ALWAYS)
    order_fault(RULE_CHANGE, "hang", seconds=4, when="before", app=fresh_app)
    with pytest.raises(CanaryRejected):
        shift(fresh_app, look_task_ids=["earlier"]).execute(task_context("shift", earlier=SEEN))
    assert list(simulator.rules(fresh_app)) == []
    assert changes(simulator, fresh_app) == 1


def test_a_rule_that_somebody_changed_is_left_as_it_is_and_the_look_ends(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    host = f"{fresh_app}-stage.azurewebsites.net"
    simulator.set_rules(fresh_app, [{"name": "stage", "actionHostName": host, "reroutePercentage": 3}])
    with pytest.raises(ChangedByOthers):
        shift(fresh_app, first_look="1s", previous_task_ids=[]).execute(task_context("shift"))
    assert list(simulator.rules(fresh_app)) == ["stage"]


def test_a_rule_that_somebody_changed_is_not_cleared_by_a_bad_verdict_either(
    simulator: RunningSimulator, fresh_app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator.set_app_settings(fresh_app, "stage", ALWAYS)
    host = f"{fresh_app}-stage.azurewebsites.net"
    simulator.set_rules(fresh_app, [{"name": "stage", "actionHostName": host, "reroutePercentage": 3}])
    # It is looked at again for so long, while the verdict is reached.
    monkeypatch.setattr(patience, "LOOK_AGAIN", (3.0,))
    context = task_context("shift", earlier=SEEN)
    with pytest.raises(ChangedByOthers, match="It was not overwritten"):
        shift(fresh_app, previous_task_ids=[], look_task_ids=["earlier"]).execute(context)
    assert list(simulator.rules(fresh_app)) == ["stage"]
    assert context["task_state_store"].get("asked") is None, "so that clearing the task does not make it ours"


def test_a_try_to_send_that_azure_fails_does_not_make_users_of_the_time_before_them(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    order_fault(RULE_CHANGE, "server_error", when="before", app=fresh_app)
    left = shift(fresh_app, first_look="1s").execute(task_context("shift"))
    assert left["evidence"]["probe"]["began"] > left["own"]["since"]


def test_a_task_that_is_ended_while_it_looks_sends_nobody(simulator: RunningSimulator, fresh_app: str) -> None:
    task = shift(fresh_app, first_look="2s")
    ending = threading.Timer(0.5, task.on_kill)
    ending.start()
    with pytest.raises(PreflightRefused, match=r"was ended before users were sent .*; no traffic was moved"):
        task.execute(task_context("shift"))
    ending.join()
    assert changes(simulator, fresh_app) == 0


def test_nobody_is_sent_when_the_run_has_ended_during_the_look(simulator: RunningSimulator, fresh_app: str) -> None:
    context = task_context("shift")
    ending = threading.Timer(0.5, context["ti"].states.update, [{"restore": "success"}])
    ending.start()
    with pytest.raises(PreflightRefused, match="'restore' is success"):
        shift(fresh_app, first_look="2s").execute(context)
    ending.join()
    assert changes(simulator, fresh_app) == 0


@pytest.mark.parametrize("again", [next_try, cleared])
def test_users_of_a_try_that_was_killed_are_taken_off_and_not_forgotten(
    simulator: RunningSimulator, fresh_app: str, again: Any
) -> None:
    context = task_context("shift")
    shift(fresh_app, first_look="1s").execute(context)
    simulator.set_app_settings(fresh_app, "stage", ALWAYS)
    with pytest.raises(CanaryRejected, match=r"\)\.$"):
        shift(fresh_app).execute(again(context))
    assert list(simulator.rules(fresh_app)) == []
    assert context["ti"].xcom_pull("shift", key=ASKED_WEIGHT_KEY) == 50, "for the way back"
    with pytest.raises(CanaryRejected):
        shift(fresh_app).execute(next_try(context))
    assert context["ti"].xcom_pull("shift", key=ASKED_WEIGHT_KEY) == 50


def test_requests_of_a_try_that_was_killed_are_not_known(simulator: RunningSimulator, fresh_app: str) -> None:
    context = task_context("shift")
    first = shift(fresh_app, first_look="1s").execute(context)
    context["ti"].xcoms["earlier", "return_value"] = first
    second = shift(fresh_app, first_look="1s", look_task_ids=["earlier"]).execute(next_try(context))
    assert second["own"]["since"] > first["own"]["since"]


@pytest.mark.parametrize("broken", ["clear_weight", "close"])
def test_a_bad_verdict_stands_whatever_goes_wrong_when_it_is_acted_upon(
    simulator: RunningSimulator, fresh_app: str, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    async def raising(*_: Any, **__: Any) -> None:
        raise RuntimeError("nobody expected this")

    simulator.set_app_settings(fresh_app, "stage", ALWAYS)
    context = task_context("shift", earlier=SEEN)
    if broken == "close":
        monkeypatch.setattr(FirstLookTrigger, "closed", raising)
    else:
        monkeypatch.setattr(AppServiceHook, broken, raising)
    with pytest.raises(CanaryRejected, match="By probe, the canary failed"):
        shift(fresh_app, look_task_ids=["earlier"]).execute(context)
    assert list(simulator.rules(fresh_app)) == (["stage"] if broken == "clear_weight" else [])


def test_a_look_ends_when_it_is_over_and_not_with_its_next_round(simulator: RunningSimulator, fresh_app: str) -> None:
    began = time.monotonic()
    seldom = Watch.model_validate({"poll_interval": "5m"})
    task = shift(fresh_app, first_look="1s", watch=seldom)
    task.analysis = Analysis.model_validate({"sources": {"probe": {"rate": 0.01, "first_look": "1s"}}})
    task.execute(task_context("shift"))
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("changed", [{"first_look": None}, {"weight": 0}, {"production_host": None}])
def test_where_there_is_nothing_to_look_by_users_are_sent_at_once(
    simulator: RunningSimulator, fresh_app: str, changed: dict[str, Any]
) -> None:
    simulator.set_app_settings(fresh_app, "stage", ALWAYS)
    returned = shift(fresh_app, **changed).execute(task_context("shift"))
    assert list(simulator.rules(fresh_app)) == ["stage"]
    assert set(returned) == {"requested", "applied", "at"}


def test_a_look_that_is_not_possible_holds_nobody_up(
    simulator: RunningSimulator, fresh_app: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: Any, **__: Any) -> list[Any]:
        raise OSError("no more files")

    monkeypatch.setattr("app_service_canary.hooks.measuring.open_sources", broken)
    returned = shift(fresh_app, first_look="1h").execute(task_context("shift"))
    assert list(simulator.rules(fresh_app)) == ["stage"]
    assert "evidence" not in returned
    assert "The look at the slot broke off: OSError: no more files" in capsys.readouterr().out


def test_the_record_of_a_first_look_is_kept(simulator: RunningSimulator, fresh_app: str, tmp_path: Path) -> None:
    simulator.set_app_settings(fresh_app, "stage", ALWAYS)
    with pytest.raises(CanaryRejected):
        shift(fresh_app, record=tmp_path.as_uri()).execute(task_context("shift"))
    [path] = tmp_path.rglob("shift.1.json")
    record = Record.from_text(path.read_text(encoding="utf-8"))
    assert record.verdict is not None
    assert record.verdict["outcome"] == "fail"
    assert {window.source for window in record.windows} == {"probe"}
