"""A real Airflow, a simulator, and several releases that run side by side until each waits for somebody."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.real_airflow.release import WATCH, Release
from tests.real_airflow.running import RunningAirflow
from tests.simulator import RunningSimulator

from app_service_simulator.faults.fault import Fault
from demo.azure import Address
from demo.processes import Processes
from demo.run_directory import RunDirectory

SPEED = 300.0
"""A routing cookie's hour lasts 12 s, a swap well under a second unless the app is slow to start."""

A_LONG_BAKE = [{"weight": 20, "bake": "1h"}]

WITHOUT_VISITORS = {"sources": {"azure_monitor": {}}, "extend": "1s"}
"""There is never enough evidence, for nobody visits these apps."""

STORIES: dict[str, dict[str, Any]] = {
    "approved": {},
    "by-hand": {
        "steps": [{"weight": 20, "bake": "manual"}, {"weight": 50, "bake": "1h"}],
        "drain": "1s",
        "parked_at": WATCH,
    },
    "held": {"analysis": WITHOUT_VISITORS, "parked_at": WATCH},
    "held-promoted": {"analysis": WITHOUT_VISITORS, "parked_at": WATCH},
    "marked-failed": {"steps": A_LONG_BAKE, "parked_at": WATCH},
    "aborted-baking": {"steps": A_LONG_BAKE, "parked_at": WATCH},
    "aborted-swapping": {"connection": "of_our_type", "seconds_to_start": 8},
    "aborted-promoted": {
        "approval": {"approvers": ["maria"]},
        "watch": {"poll_interval": "1s", "min_answers": 1, "promoted_bake": "1h"},
        "analysis": {"sources": {}},
    },
}
"""What each release file says otherwise than the others'; see `Release`."""

FAILURES = ("refused", "not-taken", "not-deployed")
"""Releases that fail by themselves, each with the package's address in what goes wrong."""


@pytest.fixture(scope="session")
def fast_simulator() -> Iterator[RunningSimulator]:
    running = RunningSimulator.start(speed=SPEED)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def started(fast_simulator: RunningSimulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Started"]:
    """Airflow, and a release file for each of the stories and failures; nothing is triggered yet."""
    directory = RunDirectory(tmp_path_factory.mktemp("real") / "run")
    connection = Address.model_validate(fast_simulator.fields).connection()
    of_our_type = json.dumps({**json.loads(connection), "conn_type": "azure_app_service"})
    with directory.held(), Processes(directory) as processes:
        airflow = RunningAirflow.start(processes, connection, {"AIRFLOW_CONN_OF_OUR_TYPE": of_our_type})
        releases = {name: Release(airflow, fast_simulator, name, **story) for name, story in STORIES.items()}
        failures = {name: Release(airflow, fast_simulator, name) for name in FAILURES}
        airflow.ready(processes)
        for release in (*releases.values(), *failures.values()):
            release.wait_until_loaded()
        yield airflow, releases, failures
        airflow.close()


Started = tuple[RunningAirflow, dict[str, Release], dict[str, Release]]


@pytest.fixture(scope="session")
def airflow(started: Started) -> RunningAirflow:
    return started[0]


@pytest.fixture(scope="session")
def releases(started: Started) -> dict[str, Release]:
    """All of them under way, each at the place where it waits for somebody."""
    under_way = started[1]
    for release in under_way.values():
        release.trigger()
    for release in under_way.values():
        release.wait_until_parked()
    return under_way


@pytest.fixture(scope="session")
def failures(started: Started, releases: dict[str, Release], fast_simulator: RunningSimulator) -> dict[str, Release]:
    """All of them failed. Azure quoted the package's address, as it stands and encoded, in why."""
    failing = started[2]
    for name, do in (("not-taken", "arm_error"), ("not-deployed", "ends_with")):
        release = failing[name]
        message = f"Cannot fetch {release.package_uri} (from={quote(release.package_uri, safe='')})"
        how = {"status": 400, "code": "BadRequest"} if do == "arm_error" else {"ending": "deployment_failed"}
        fast_simulator.controls.add_faults(
            Fault(operation="WebApps_CreateOneDeployOperation*", app=release.app, do=do, message=message, **how)
        )
    for name, release in failing.items():
        # The form cannot know that this connection does not allow plain http; preflight refuses it, and quotes it.
        uri = release.package_uri.replace("https://", "http://") if name == "refused" else release.package_uri
        release.trigger(package_uri=uri)
    for release in failing.values():
        release.wait_for_the_end()
    return failing
