"""What a release needs around it, started and ready: the simulator, its visitors and Airflow."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from demo import airflow_home
from demo.airflow_api import AirflowApi, is_healthy
from demo.airflow_home import REPOSITORY, AirflowHome
from demo.azure import APP, Address, Azure
from demo.errors import DemonstrationError
from demo.ports import ANY
from demo.processes import Guarded, Processes
from demo.traffic import Traffic
from sample_app.build import build_package

DAG_ID = f"canary_release.{APP}"

# Seconds after which something is wrong rather than slow, each some four times what two busy cores need.
SIMULATOR_TIMEOUT = 60.0
AIRFLOW_TIMEOUT = 300.0
DAG_TIMEOUT = 90.0
VISITORS_TIMEOUT = 30.0

CLIENTS_PER_SECOND = 20.0  # without cookies; enough for a share's interval of some ±4 points in 15 s
BROWSERS = 6  # that keep their cookies, so that some are pinned to the slot and have to drain
BROWSER_PAUSE = 1.0  # seconds between two pages of one browser

Say = Callable[[str], None]


@dataclass
class Playground:
    """All of it, running."""

    processes: Processes
    azure: Azure
    home: AirflowHome
    airflow: Guarded
    operator: AirflowApi
    manager: AirflowApi
    traffic: Traffic

    def close(self) -> None:
        """Close the clients; the processes are ended by whoever holds Processes."""
        self.azure.close()
        self.operator.close()
        self.manager.close()


def own_environment() -> dict[str, str]:
    """For our own programs: ours, with `include/` as their path."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY / "include")}


def start_simulator(
    processes: Processes, speed: float, ports: tuple[int, int] = (ANY, ANY), seed: Path | None = None
) -> tuple[Guarded, Address]:
    """Start it with this seed, or its default one; return when it has printed where it is."""
    state = processes.directory.path / "simulator"
    options: dict[str, object] = {"--port": ports[0], "--front-port": ports[1], "--speed": speed, "--state": state}
    if seed is not None:
        options["--seed"] = seed
    words = [str(word) for option in options.items() for word in option]
    command = [sys.executable, "-m", "app_service_simulator", *words]
    program = processes.start("simulator", command, own_environment())
    address = processes.wait_for(program, "its address", lambda: _address(program.log), SIMULATOR_TIMEOUT)
    return program, address


def _address(log: Path) -> Address | None:
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            try:
                return Address.model_validate_json(line)
            except ValidationError:
                continue
    return None


def set_up(processes: Processes, speed: float, port: int, say: Say) -> Playground:
    """Start everything and return when a release can be triggered.

    Airflow takes by far the longest, so it starts as soon as the simulator's address is known, and the rest
    is done meanwhile. Raises NotReady or another DemonstrationError when something does not come up.
    """
    say("starting the App Service simulator")
    _, address = start_simulator(processes, speed)
    home = airflow_home.create_home(processes.directory.path / "airflow", port)
    elsewhere = "" if home.port == port else f" (port {port} is in use)"
    say(f"starting Airflow at {home.url}{elsewhere}")
    airflow = processes.start(
        "airflow",
        [str(Path(sys.executable).parent / "airflow"), "standalone"],
        airflow_home.environment(home, address.connection(), os.environ),
        stop_signal=signal.SIGINT,  # `airflow standalone` ends its components on this one alone
    )
    azure = Azure(address)
    azure.sign_in()
    traffic = _start_visitors(processes, azure, say)
    say("waiting for Airflow")
    processes.wait_for(airflow, "all its components to be healthy", lambda: is_healthy(home.url), AIRFLOW_TIMEOUT)
    operator, manager = (AirflowApi(home.url, user) for user in home.users)
    operator.sign_in()
    manager.sign_in()
    processes.wait_for(airflow, f"the DAG {DAG_ID}", lambda: _dag_loaded(operator), DAG_TIMEOUT)
    return Playground(processes, azure, home, airflow, operator, manager, traffic)


def _start_visitors(processes: Processes, azure: Azure, say: Say) -> Traffic:
    host = azure.production().host
    say(f"sending visitors to {host}: {CLIENTS_PER_SECOND:g} clients a second, {BROWSERS} browsers")
    traffic = Traffic(processes.directory.path / "visitors.jsonl")
    options = {
        "--url": azure.address.front_end,
        "--host": host,
        "--clients-per-second": CLIENTS_PER_SECOND,
        "--browsers": BROWSERS,
        "--browser-pause": BROWSER_PAUSE,
        "--journal": traffic.journal,
    }
    words = [str(word) for option in options.items() for word in option]
    program = processes.start("visitors", [sys.executable, "-m", "visitors", *words], own_environment())

    def seen() -> bool | None:
        traffic.read()
        return True if traffic.versions() else None

    processes.wait_for(program, "a visitor's answer", seen, VISITORS_TIMEOUT)
    return traffic


def _dag_loaded(api: AirflowApi) -> bool | None:
    """True once the DAG is there; raises DemonstrationError when its file cannot be imported."""
    if api.has_dag(DAG_ID):
        return True
    for failure in api.import_failures():
        raise DemonstrationError(f"Airflow cannot load {failure.filename}:\n{failure.stack_trace}")
    return None


def package_url(azure: Azure, directory: Path, version: str, bad: Mapping[str, str]) -> str:
    """Build a version of the sample app and put it into the package store; the URL's query is a secret."""
    return azure.upload_package(build_package(version, directory, bad))


def how_to_play(playground: Playground) -> str:
    """Where everything is and who may sign in."""
    users = "\n".join(f"  {user.name:10} password {user.password}" for user in playground.home.users)
    azure = playground.azure.address
    return (
        f"\nAirflow   {playground.home.url}/dags/{DAG_ID}\n{users}\n"
        f"The app   {azure.front_end} with the header Host: {playground.azure.production().host}\n"
        f"ARM       {azure.resource_manager} (simulator; its certificate authority is {azure.ca_bundle})\n"
        f"Logs      {playground.processes.directory.path}/*.log"
    )
