"""Releases in this process, against a simulator in which an hour is a second."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from tenacity import wait_exponential_jitter
from tests.faults.scene import SPEED, Scene
from tests.release_engine.supervisor import in_this_process
from tests.simulator import RunningSimulator

from app_service_canary import patience
from app_service_canary.hooks import connection
from app_service_canary.operators import analysis, deploy, own_swap, preflight, promoted_analysis, swap
from app_service_canary.release.durations import parse_bake
from app_service_canary.sensors import drained
from app_service_canary.triggers import analysis as watching
from app_service_canary.triggers import waiting

READ_TIMEOUT = 1.0
"""Seconds until a call that gets no answer is given up; the simulator answers in milliseconds."""

SHORTER = 20
"""How many times shorter bakes are than the release file can say."""


@pytest.fixture(scope="session")
def fast_simulator() -> Iterator[RunningSimulator]:
    running = RunningSimulator.start(speed=SPEED)
    yield running
    assert running.stop() == 0


@pytest.fixture
def engine() -> Iterator[None]:
    with in_this_process(), pytest.MonkeyPatch.context() as patch:
        # There is no scheduler here whose race with the triggerer would have to be waited out.
        patch.setattr(waiting, "SETTLE", timedelta(0))
        patch.setattr(drained, "SETTLE", timedelta(0))
        patch.setattr(patience, "_growing", wait_exponential_jitter(multiplier=0.02, max=0.1, jitter=0.02))
        patch.setitem(connection.TIMEOUTS, "read_timeout", READ_TIMEOUT)
        patch.setattr(patience, "LOOK_AGAIN", (0.05, 0.2))
        for module in (deploy, preflight, promoted_analysis, swap, own_swap):
            patch.setattr(module, "READ_BACK", timedelta(seconds=2))
        patch.setattr(watching, "BEGUN", timedelta(0))
        patch.setattr(analysis, "parse_bake", lambda text: (bake := parse_bake(text)) and bake / SHORTER)
        yield


@pytest.fixture
def scene(fast_simulator: RunningSimulator, engine: None) -> Iterator[Callable[..., Scene]]:
    """Makes scenes; each has an app of its own."""
    scenes: list[Scene] = []

    def make(**policy: Any) -> Scene:
        scenes.append(Scene(fast_simulator, **policy))
        return scenes[-1]

    yield make
    for made in scenes:
        made.close()
