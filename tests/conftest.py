"""What every test may use."""

from collections.abc import Iterator

import hypothesis
import pytest
import tests.airflow_environment  # noqa: F401 - settles Airflow's home before anything imports Airflow
from tests.simulator import RunningSimulator, sample_package

# On a busy machine drawing an example may take seconds; how long it took says nothing about the code.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def simulator() -> Iterator[RunningSimulator]:
    """One simulator for all tests of the process, with several apps, 60 times faster than Azure."""
    running = RunningSimulator.start(speed=60)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def app(simulator: RunningSimulator) -> Iterator[str]:
    """An app of the module's own: version 1.0.0 live, and a running slot `stage` with 2.0.0."""
    yield from _app(simulator)


@pytest.fixture
def fresh_app(simulator: RunningSimulator) -> Iterator[str]:
    """The same, for one test."""
    yield from _app(simulator)


def _app(simulator: RunningSimulator) -> Iterator[str]:
    name = simulator.create_app("1.0.0")
    package = simulator.put_package(f"{name}-2.0.0.zip", sample_package("2.0.0"))
    assert simulator.deploy(name, "stage", package)["provisioningState"] == "Succeeded"
    yield name
    simulator.delete_app(name)
