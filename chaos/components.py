"""An Airflow whose components are processes of their own, each started again when it dies."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

from chaos import keeper
from chaos.metadata import Metadata
from demo import airflow_home
from demo.airflow_api import CONNECT_RETRIES, AirflowApi, is_healthy
from demo.airflow_home import REPOSITORY, AirflowHome
from demo.playground import AIRFLOW_TIMEOUT
from demo.ports import ANY, LOOPBACK, free_port
from demo.processes import Guarded, Processes

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
"""What `airflow standalone` starts, and docker-compose.yaml."""

EXECUTION_API = "execution-api"
"""The half of the api-server that tasks talk to, in a process of its own (`--apps`). The other half writes its audit
log on its event loop; with SQLite it would wait there for a task's request that holds the database's lock and cannot
be finished by the same loop: five seconds in which Airflow stands still, and then an internal server error."""

BOUNDARIES = Path(__file__).parent / "airflow_plugin" / "chaos_boundaries.py"

SETTINGS: Mapping[str, Mapping[str, object]] = {
    # How soon a component that died is missed decides how long its work lies. Airflow's defaults are made for
    # hundreds of machines; docs/deployment.md has what we recommend. These are shorter, because nothing is learnt from
    # waiting, and longer than two busy cores keep a healthy process from its heartbeat.
    "scheduler": {
        "scheduler_heartbeat_sec": 1,
        "scheduler_health_check_threshold": 15,
        "orphaned_tasks_check_interval": 5,
        "task_instance_heartbeat_timeout": 30,
        "task_instance_heartbeat_timeout_detection_interval": 5,
    },
    "triggerer": {"job_heartbeat_sec": 1, "triggerer_health_check_threshold": 15},
    # The release files are there before Airflow is.
    "dag_processor": {"min_file_process_interval": 3600, "refresh_interval": 3600},
    "core": {"parallelism": 6, "max_active_tasks_per_dag": 6},
}


@dataclass(frozen=True)
class Project:
    """A folder laid out as this repository is, with release files of its own and one plugin more."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> Project:
        (path / "include" / "releases").mkdir(parents=True)
        (path / "dags").mkdir()
        shutil.copy(REPOSITORY / "dags" / "canary_release.py", path / "dags")
        (path / "plugins").mkdir()
        for part in (REPOSITORY / "plugins").iterdir():
            if part.name != "__pycache__":
                (path / "plugins" / part.name).symlink_to(part)
        shutil.copy(BOUNDARIES, path / "plugins")
        return cls(path)

    @property
    def releases(self) -> Path:
        return self.path / "include" / "releases"


class Components:
    """The four components under their keepers.

    Attributes:
        operator, manager: the API, for the two people in it.
        metadata: its database.
        orders: where an order to kill the scheduler at a task's boundary is put; see `chaos_boundaries`.
    """

    def __init__(self, home: AirflowHome, folder: Path, programs: Mapping[str, Guarded], metadata: Metadata) -> None:
        self.home, self.folder, self.programs, self.metadata = home, folder, programs, metadata
        # Not patient itself: `insist` in the lane asks again, and has to know that it did.
        self.operator, self.manager = (
            AirflowApi(home.url, user, httpx.HTTPTransport(retries=CONNECT_RETRIES))
            for user in (home.operator, home.manager)
        )
        self.orders = folder / "orders"

    @classmethod
    def start(cls, processes: Processes, project: Project, connection: str, database: str) -> Components:
        """Brings the database up to date, and starts them; `ready` waits for them.

        Args:
            processes: who ends them.
            project: their folders.
            connection: the JSON of the releases' connection.
            database: where its metadata are.
        """
        folder = processes.directory.path
        home = airflow_home.create_home(folder / "airflow", ANY)
        environment = {
            **airflow_home.environment(home, connection, os.environ),
            **{
                f"AIRFLOW__{section}__{name}".upper(): str(value)
                for section, values in SETTINGS.items()
                for name, value in values.items()
            },
            "AIRFLOW__CORE__DAGS_FOLDER": str(project.path / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(project.path / "plugins"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "CHAOS_ORDERS": str(folder / "orders"),
            "CHAOS_SCHEDULER": str(_pid_file(folder, "scheduler")),
        }
        port = free_port()
        environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] = f"http://{LOOPBACK}:{port}/execution/"
        airflow = str(Path(sys.executable).parent / "airflow")
        kept = [sys.executable, "-I", keeper.__file__, "--pid-file"]
        processes.finish(processes.start("migrate", [airflow, "db", "migrate"], environment))
        words = {name: [name] for name in COMPONENTS} | {
            "api-server": ["api-server", "--apps", "core"],
            EXECUTION_API: ["api-server", "--apps", "execution", "--port", str(port)],
        }
        programs = {
            name: processes.start(name, [*kept, str(_pid_file(folder, name)), "--", airflow, *arguments], environment)
            for name, arguments in words.items()
        }
        return cls(home, folder, programs, Metadata(database))

    def ready(self, processes: Processes) -> None:
        """Waits until they are healthy, and signs both people in."""
        processes.wait_for(self.programs["api-server"], "all components to be healthy", self._healthy, AIRFLOW_TIMEOUT)
        for api in (self.operator, self.manager):
            api.sign_in()

    def _healthy(self) -> bool | None:
        return is_healthy(self.home.url)

    def close(self) -> None:
        self.operator.close()
        self.manager.close()
        self.metadata.close()

    def pid(self, name: str) -> int:
        """The number of the component's process that runs now, or ran last."""
        return int(_pid_file(self.folder, name).read_text())

    def kill(self, name: str) -> bool:
        """Ends a component at once, as SIGKILL to a container's first process does; False: it is dead already."""
        with suppress(ProcessLookupError):
            os.kill(self.pid(name), signal.SIGKILL)
            return True
        return False

    def processes_of(self, name: str) -> set[int]:
        """The numbers of a component's processes."""
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.pid(name))
            return {first.pid, *(child.pid for child in first.children(recursive=True))}
        return set()

    def order(self, dag_id: str, moment: str, task_id: str) -> Path:
        """Has the scheduler killed once, when the task begins or has ended; the file that then holds the time."""
        order = self.orders / dag_id / moment / task_id
        order.parent.mkdir(parents=True, exist_ok=True)
        order.touch()
        return order.with_name(f"{task_id}.met")


def _pid_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.pid"
