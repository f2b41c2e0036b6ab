"""A real Airflow, a simulator, and several releases that run side by side until each waits for somebody."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.real_airflow.release import WATCH, Release
from tests.real_airflow.running import RunningAirflow
from tests.simulator import RunningSimulator

from demo.azure import Address
from demo.processes import Processes
from demo.run_directory import RunDirectory

SPEED = 300.0
"""A routing cookie's hour lasts 12 s, a swap well under a second unless the app is slow to start."""

A_LONG_BAKE = [{"weight": 20, "bake": "1h"}]

STORIES: dict[str, dict[str, Any]] = {
    "approved": {},
    "by-hand": {
        "steps": [{"weight": 20, "bake": "manual"}, {"weight": 50, "bake": "1h"}],
        "drain": "1s",
        "parked_at": WATCH,
    },
    "marked-failed": {"steps": A_LONG_BAKE, "parked_at": WATCH},
    "aborted-baking": {"steps": A_LONG_BAKE, "parked_at": WATCH},
    "aborted-swapping": {"connection": "of_our_type", "seconds_to_start": 8},
    "aborted-promoted": {
        "approval": {"approvers": ["maria"]},
        "watch": {"poll_interval": "1s", "min_answers": 1, "promoted_bake": "1h"},
    },
}
"""What each release file says otherwise than the others'; see `Release`."""


@pytest.fixture(scope="session")
def fast_simulator() -> Iterator[RunningSimulator]:
    running = RunningSimulator.start(speed=SPEED)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def started(
    fast_simulator: RunningSimulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningAirflow, dict[str, Release]]]:
    """Airflow, and a release file for each of the stories; nothing is triggered yet."""
    directory = RunDirectory(tmp_path_factory.mktemp("real") / "run")
    connection = Address.model_validate(fast_simulator.fields).connection()
    of_our_type = json.dumps({**json.loads(connection), "conn_type": "azure_app_service"})
    with directory.held(), Processes(directory) as processes:
        airflow = RunningAirflow.start(processes, connection, {"AIRFLOW_CONN_OF_OUR_TYPE": of_our_type})
        releases = {name: Release(airflow, fast_simulator, name, **story) for name, story in STORIES.items()}
        airflow.ready(processes)
        for release in releases.values():
            release.wait_until_loaded()
        yield airflow, releases
        airflow.close()


@pytest.fixture(scope="session")
def airflow(started: tuple[RunningAirflow, dict[str, Release]]) -> RunningAirflow:
    return started[0]


@pytest.fixture(scope="session")
def releases(started: tuple[RunningAirflow, dict[str, Release]]) -> dict[str, Release]:
    """All of them under way, each at the place where it waits for somebody."""
    under_way = started[1]
    for release in under_way.values():
        release.trigger()
    for release in under_way.values():
        release.wait_until_parked()
    return under_way
