"""One real Airflow with three people in it, and waiting for what it does."""

import json
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.simulator import ROOT

from demo import airflow_home
from demo.airflow_api import AirflowApi, is_healthy
from demo.airflow_home import AirflowHome, User
from demo.playground import AIRFLOW_TIMEOUT
from demo.ports import free_port
from demo.processes import Guarded, Processes

PATIENCE = 180.0
"""Seconds: several releases share two cores here. No test waits for it unless it fails."""

LOOK_AGAIN = 0.5
"""Seconds between two looks; each takes some of the cores that the releases need."""

DAG_FILE_INTERVAL = 3
"""Seconds between two readings of the DAG file, so that a mended release file is seen while a test waits."""

ROLES = {"oliver": "op", "maria": "op", "vera": "viewer"}
"""SimpleAuthManager's. `op` is the least that may write a Variable."""

REFRESH_INTERVAL = 10
"""Seconds between two looks at which files there are. An import error recorded for a release file stays until then,
for Airflow reads no such file itself; its default is five minutes."""

Found = TypeVar("Found")


def wait_until(condition: Callable[[], Found], what: str, limit: float = PATIENCE) -> Found:
    """What the condition gives as soon as that is true; an AssertionError naming `what` when it is not in time."""
    deadline = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {limit:.0f} s in vain until {what}"
        time.sleep(LOOK_AGAIN)
    return found


@dataclass(frozen=True)
class Home(AirflowHome):
    """The demonstration's home, with somebody in it who may only look."""

    viewer: User

    @property
    def users(self) -> tuple[User, ...]:
        return (*super().users, self.viewer)


@dataclass
class RunningAirflow:
    """Scheduler, API server, DAG processor and triggerer, with a project folder of their own.

    Attributes:
        oliver: who triggers releases; `maria`: the manager; both of role `op`. `vera` may only look.
        project: holds a copy of `dags/`, and the `include/releases` that tests fill.
    """

    home: Home
    project: Path
    program: Guarded
    oliver: AirflowApi
    maria: AirflowApi
    vera: AirflowApi

    @classmethod
    def start(cls, processes: Processes, connection: str, more: Mapping[str, str]) -> "RunningAirflow":
        """Starts it; `ready` waits for it, so that other things can be done meanwhile.

        `connection` is the JSON of the releases' connection, `more` is added to the environment.
        """
        path = processes.directory.path / "airflow"
        path.mkdir()
        people = [User(name, role, secrets.token_urlsafe(9)) for name, role in ROLES.items()]
        home = Home(path, free_port(), operator=people[0], manager=people[1], viewer=people[2])
        (path / "passwords.json").write_text(json.dumps({person.name: person.password for person in people}))
        project = processes.directory.path / "project"
        (project / "include" / "releases").mkdir(parents=True)
        # The watchdog runs by its own clock, and would hold workers that tests count.
        left_out = shutil.ignore_patterns("__pycache__", "canary_watchdog.py")
        shutil.copytree(ROOT / "dags", project / "dags", ignore=left_out)
        program = processes.start(
            "airflow",
            [str(Path(sys.executable).parent / "airflow"), "standalone"],
            {
                **airflow_home.environment(home, connection, os.environ),
                **more,
                "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
                "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": str(DAG_FILE_INTERVAL),
                "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": str(REFRESH_INTERVAL),
            },
            stop_signal=signal.SIGINT,
        )
        return cls(home, project, program, *(AirflowApi(home.url, user) for user in people))

    def ready(self, processes: Processes) -> None:
        """Waits until its components are healthy, and signs everybody in."""
        processes.wait_for(self.program, "its components to be healthy", self._healthy, AIRFLOW_TIMEOUT)
        for person in (self.oliver, self.maria, self.vera):
            person.sign_in()

    def _healthy(self) -> bool | None:
        return is_healthy(self.home.url)

    @property
    def releases(self) -> Path:
        """Where release files are put."""
        return self.project / "include" / "releases"

    def close(self) -> None:
        for person in (self.oliver, self.maria, self.vera):
            person.close()
