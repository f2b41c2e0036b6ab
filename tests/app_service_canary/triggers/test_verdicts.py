"""The note of a bad verdict, in what Airflow keeps of a run."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk.execution_time.comms import SetXCom
from tests.app_service_canary.triggers.events import the_event
from tests.app_service_canary.triggers.test_analysis import rule, watch
from tests.release_engine.metadata import Metadata, Shared
from tests.release_engine.process import CURRENT
from tests.release_engine.supervisor import AirflowProcess, in_this_process
from tests.simulator import RunningSimulator

from app_service_canary.triggers import verdicts
from app_service_canary.triggers.verdicts import VERDICT_KEY, note_verdict, noted_verdict
from app_service_canary.triggers.waiting import event

LOG = logging.getLogger(__name__)

ABOUT = {"dag_id": "canary_release.storefront", "run_id": "manual__1", "task_id": "watch_promoted", "app": "storefront"}

BAD = event("failed", "503 at /health, twice.", outcome="fail", reasons=["503 at /health, twice."])


@pytest.fixture
def run() -> Iterator[Metadata]:
    """What Airflow keeps of one run, and a trigger's connection to it."""
    metadata = Metadata(ABOUT["dag_id"], ABOUT["run_id"], {}, Shared({}))
    with in_this_process():
        token = CURRENT.set(AirflowProcess("trigger", {}, lambda point: None, metadata.answer, is_trigger=True))
        yield metadata
        CURRENT.reset(token)


async def test_a_bad_verdict_that_was_noted_is_found_by_the_same_try_alone(run: Metadata) -> None:
    assert await noted_verdict(ABOUT, "try 1", LOG) is None
    await note_verdict(ABOUT, "try 1", BAD, LOG)
    assert await noted_verdict(ABOUT, "try 1", LOG) == BAD
    assert await noted_verdict(ABOUT, "try 2", LOG) is None
    assert run.xcom("watch_promoted", VERDICT_KEY)["outcome"] == "fail"


async def test_where_nobody_waits_for_a_verdict_none_is_noted(run: Metadata) -> None:
    await note_verdict(ABOUT, "", BAD, LOG)
    assert await noted_verdict(ABOUT, "", LOG) is None
    assert run.xcoms == {}


@pytest.mark.parametrize("broken", ["refuses", "hangs"])
async def test_an_airflow_that_cannot_keep_it_holds_no_verdict_up(
    run: Metadata, broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    over = threading.Event()

    def send(self: Any, message: Any) -> None:
        if broken == "refuses":
            raise ConnectionError("the database is gone")
        over.wait(10)

    monkeypatch.setattr("tests.release_engine.supervisor._Messages.send", send)
    monkeypatch.setattr(verdicts, "NOTING_LIMIT", 0.05)
    await note_verdict(ABOUT, "try 1", BAD, LOG)
    assert await noted_verdict(ABOUT, "try 1", LOG) is None
    over.set()
    assert caplog.text.count("Airflow does not keep a verdict now") == 2


@pytest.mark.usefixtures("run", "azure_connection")
async def test_users_do_not_wait_for_an_airflow_that_is_slow_to_keep_it(
    simulator: RunningSimulator, fresh_app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, kept = threading.Event(), list[SetXCom]()

    def send(self: Any, message: Any) -> None:
        if isinstance(message, SetXCom):
            over.wait(10)
            kept.append(message)

    monkeypatch.setattr("tests.release_engine.supervisor._Messages.send", send)
    simulator.set_rules(fresh_app, [rule(fresh_app, 50)])
    trigger = watch(simulator, fresh_app, path="/no-such-page", waiter="try 1", about=ABOUT)
    watching = asyncio.create_task(the_event(trigger))
    while await asyncio.to_thread(simulator.rules, fresh_app):
        assert not kept
    over.set()
    assert (await watching)["outcome"] == "fail"
    assert len(kept) == 1
