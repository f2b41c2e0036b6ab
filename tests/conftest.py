"""What every test may use."""

from collections.abc import Iterator

import pytest
from tests.simulator import RunningSimulator


@pytest.fixture(scope="session")
def simulator() -> Iterator[RunningSimulator]:
    """One simulator for all tests of the process, with several apps, 60 times faster than Azure."""
    running = RunningSimulator.start(speed=60)
    yield running
    assert running.stop() == 0
