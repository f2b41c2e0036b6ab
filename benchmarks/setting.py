"""Where the benchmarks that need a running Airflow take place: the demonstration's simulator and Airflow."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from pydantic import JsonValue

from benchmarks.journal import Call
from demo import airflow_home
from demo.airflow_api import AirflowApi, DagRun, is_healthy
from demo.airflow_home import REPOSITORY
from demo.azure import Azure
from demo.errors import DemonstrationError
from demo.playground import AIRFLOW_TIMEOUT, DAG_TIMEOUT, start_simulator
from demo.ports import ANY
from demo.processes import Guarded, Processes
from demo.run_directory import RunDirectory

RUN = REPOSITORY / ".run" / "bench"
RUN_TIMEOUT = 300.0  # seconds one DAG run may take; the longest here takes one minute
LOOK_EVERY = 1.0  # seconds; Airflow itself says when things ended, so looking more often would only cost it time


class Setting:
    """A simulator that is up, and what is started beside it; everything ends with the `setting` block."""

    def __init__(self, processes: Processes, speed: float) -> None:
        self.processes = processes
        self.simulator, self.address = start_simulator(processes, speed)
        self.azure = Azure(self.address)
        self.azure.sign_in()

    @property
    def path(self) -> Path:
        """The run's own folder."""
        return self.processes.directory.path

    def calls(self, after: int = 0) -> list[Call]:
        """The simulator's journal beyond entry `after`."""
        url = f"{self.address.resource_manager}/_simulator/journal"
        entries = self.azure.client.get(url, params={"after": after, "kind": "call"}).raise_for_status().json()
        return [Call.model_validate(entry) for entry in entries]

    def last_call(self) -> int:
        """The number of the journal's last entry."""
        return max((call.n for call in self.calls()), default=0)

    @contextmanager
    def airflow(self, name: str, dags: Path, plugins: Path, *dag_ids: str) -> Iterator[RunningAirflow]:
        """An `airflow standalone` of its own over these folders, with the DAGs loaded.

        Args:
            name: tells several apart, one after the other, in one setting.
            dags, plugins: its folders.
            dag_ids: the DAGs to wait for.
        """
        home = airflow_home.create_home(self.path / f"airflow-{name}", ANY)
        environment = airflow_home.environment(home, self.address.connection(), os.environ)
        folders = {"AIRFLOW__CORE__DAGS_FOLDER": str(dags), "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins)}
        program = self.processes.start(
            f"airflow-{name}",
            [str(Path(sys.executable).parent / "airflow"), "standalone"],
            {**environment, **folders},
            stop_signal=signal.SIGINT,  # `airflow standalone` ends its components on this one alone
        )
        try:
            self.processes.wait_for(program, "its health", lambda: is_healthy(home.url), AIRFLOW_TIMEOUT)
            with closing(AirflowApi(home.url, home.manager)) as api:
                api.sign_in()
                wanted = " and ".join(dag_ids)
                self.processes.wait_for(
                    program, f"the DAG {wanted}", lambda: all(map(api.has_dag, dag_ids)) or None, DAG_TIMEOUT
                )
                yield RunningAirflow(program, api)
        finally:
            program.ask_to_stop()
            program.process.wait()


class RunningAirflow:
    """One Airflow, asked by its API."""

    def __init__(self, program: Guarded, api: AirflowApi) -> None:
        self.program, self.api = program, api

    def finish(self, dag_id: str, run: DagRun, meanwhile: Callable[[], None] = lambda: None) -> DagRun:
        """The run when it has ended; `meanwhile` is called between looks.

        Raises:
            DemonstrationError: it takes too long, or Airflow ended.
        """
        deadline = time.monotonic() + RUN_TIMEOUT
        while not run.finished:
            if time.monotonic() > deadline:
                raise DemonstrationError(f"run {run.dag_run_id} has not ended in {RUN_TIMEOUT:.0f} s")
            if not self.program.running:
                raise DemonstrationError(f"Airflow ended. The end of its log:\n{self.program.tail()}")
            meanwhile()
            time.sleep(LOOK_EVERY)
            run = self.api.run(dag_id, run.dag_run_id)
        return run

    def trigger(self, dag_id: str, conf: Mapping[str, JsonValue]) -> DagRun:
        return self.api.trigger(dag_id, conf, "A benchmark")


@contextmanager
def setting(speed: float) -> Iterator[Setting]:
    """A simulator in an emptied `.run/bench`, so many times faster than Azure at Azure's own work."""
    with RunDirectory(RUN).held(), Processes(RunDirectory(RUN)) as processes:
        place = Setting(processes, speed)
        with closing(place.azure):
            yield place
