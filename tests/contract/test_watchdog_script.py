"""docs/watchdog.sh with the real az against the simulator, beside an Airflow that is up, ill or gone."""

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.contract.test_az import LIMIT, PROGRAM
from tests.simulator import ROOT, RunningSimulator

from app_service_simulator.faults.fault import Fault

pytestmark = [pytest.mark.az, pytest.mark.xdist_group("az")]

SCRIPT = ROOT / "docs" / "watchdog.sh"
OTHER = {"name": "other", "actionHostName": "elsewhere.azurewebsites.net", "reroutePercentage": 7.5}
RAMPING = {
    "name": "ramping",
    "actionHostName": "ramping.azurewebsites.net",
    "reroutePercentage": 1.0,
    "changeStep": 1.0,
    "changeIntervalInMinutes": 60,
    "minReroutePercentage": 1.0,
    "maxReroutePercentage": 5.0,
}

Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def environment(simulator: RunningSimulator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A shell's environment in which az is logged in to the simulator."""
    if not PROGRAM.exists():
        pytest.skip(f"no az at {PROGRAM}; tests/contract/test_az.py says how to get it")
    environment = {
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path_factory.mktemp("home")),
        "AZURE_CONFIG_DIR": str(tmp_path_factory.mktemp("az")),
        "REQUESTS_CA_BUNDLE": simulator.ca_bundle,
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_CORE_SURVEY_MESSAGE": "false",
    }

    def az(*arguments: str) -> None:
        command = [str(PROGRAM), *arguments, "--output", "none"]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=LIMIT)

    az("cloud", "register", "-n", "Simulator", "--endpoint-resource-manager", simulator.resource_manager)
    az("cloud", "set", "-n", "Simulator")
    secret = ("-u", simulator.client_id, "-p", simulator.client_secret, "--tenant", simulator.tenant_id)
    az("login", "--service-principal", *secret)
    return environment


@pytest.fixture
def script(environment: dict[str, str]) -> Script:
    """Runs the script with options; how it ended."""

    def run(*options: str) -> "subprocess.CompletedProcess[str]":
        command = ["sh", str(SCRIPT), *options]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False)

    return run


@pytest.fixture
def slot(simulator: RunningSimulator, app: str) -> tuple[str, ...]:
    """The options that name the app and its slot, which gets 20 % of the users; two other slots get some too."""
    host = f"{app}-stage.azurewebsites.net"
    ours = {"name": "stage", "actionHostName": host, "reroutePercentage": 20}
    simulator.set_rules(app, [OTHER, ours, RAMPING])
    return ("-g", simulator.resource_group, "-n", app, "--slot", "stage")


def rules(simulator: RunningSimulator, app: str) -> list[dict[str, Any]]:
    """Without what is not set."""
    config = simulator.arm("GET", f"{simulator.app_path(app)}/config/web").json()
    found = config["properties"]["experiments"]["rampUpRules"]
    return [{key: value for key, value in rule.items() if value is not None} for rule in found]


@pytest.fixture
def airflow() -> Iterator[Callable[..., str]]:
    """Serves what Airflow's /api/v2/monitor/health answers with these states; the address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(scheduler: str, triggerer: str) -> str:
        health = {
            "metadatabase": {"status": "healthy"},
            "scheduler": {"status": scheduler, "latest_scheduler_heartbeat": "2026-11-22T12:00:00.000000+00:00"},
            "triggerer": {"status": triggerer, "latest_triggerer_heartbeat": "2026-11-22T12:00:00.000000+00:00"},
            "dag_processor": {"status": "healthy", "latest_dag_processor_heartbeat": None},
        }

        class Health(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.path == "/api/v2/monitor/health"
                self.send_response(200 if known else 404)
                self.end_headers()
                self.wfile.write(json.dumps(health if known else {}).encode())

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Health))
        Thread(target=servers[-1].serve_forever).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_while_airflow_is_healthy_nothing_is_asked_of_azure(
    script: Script, slot: tuple[str, ...], airflow: Callable[..., str], simulator: RunningSimulator, app: str
) -> None:
    last = simulator.journal()[-1]["n"]
    ended = script("--airflow", f"{airflow('healthy', 'healthy')}/", "--clear", *slot)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert [call for call in simulator.journal(last) if app in call["path"]] == []


@pytest.mark.parametrize(
    ("scheduler", "triggerer"), [("healthy", "unhealthy"), ("unhealthy", "healthy"), ("unhealthy", "unhealthy")]
)
def test_a_rule_is_reported_when_airflow_is_not_healthy(
    script: Script, slot: tuple[str, ...], airflow: Callable[..., str], app: str, scheduler: str, triggerer: str
) -> None:
    address = airflow(scheduler, triggerer)
    ended = script("--airflow", address, "--patience", "0", *slot)
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout == (
        f"App '{app}' sends 20.0 % of its users to slot 'stage', and Airflow at {address} is not healthy. "
        f"To clear the rule: {SCRIPT} --clear {' '.join(slot)}\n"
    )


def test_when_airflow_is_gone_the_rule_is_cleared_and_the_other_slots_rules_stay(
    script: Script, slot: tuple[str, ...], simulator: RunningSimulator, app: str
) -> None:
    # Port 1 of this machine: nobody listens there.
    ended = script("--airflow", "http://127.0.0.1:1", "--patience", "0", "--clear", *slot)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"The traffic rule of slot 'stage' of app '{app}' (20.0 %) was removed")
    assert rules(simulator, app) == [OTHER, RAMPING]
    again = script("--clear", *slot)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_the_command_of_a_report_clears_the_rule_without_asking_airflow(
    script: Script, slot: tuple[str, ...], simulator: RunningSimulator, app: str, environment: dict[str, str]
) -> None:
    report = script(*slot[:-1], "STAGE")
    assert report.returncode == 1
    command = report.stdout.strip().partition("To clear the rule: ")[2]
    subprocess.run(command.split(), env=environment, check=True, capture_output=True, timeout=LIMIT)
    assert rules(simulator, app) == [OTHER, RAMPING]


def test_an_app_that_cannot_be_read_is_not_taken_for_one_without_a_rule(script: Script) -> None:
    ended = script("-g", "contoso-rg", "-n", f"no-{uuid.uuid4().hex[:8]}", "--slot", "stage")
    assert ended.returncode == 2
    assert "could not be read" in ended.stderr


def test_a_rule_that_cannot_be_removed_is_no_success(
    script: Script, slot: tuple[str, ...], simulator: RunningSimulator, app: str
) -> None:
    simulator.set_faults(Fault(operation="WebApps_UpdateConfiguration", app=app, do="locked"))
    ended = script("--clear", *slot)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"the traffic rule of slot 'stage' of app '{app}' (20.0 %) could not be removed" in ended.stderr
    assert len(rules(simulator, app)) == 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("-g", "g", "-n", "a", "--slot", "x'y"), "--slot: found 'x'y'; allowed: letters, digits and dashes"),
        (("-g", "g", "-n", "a"), "--slot: found ''"),
        (("-g", "g", "--slot", "stage"), "-g GROUP and -n APP are needed"),
        (("-g", "g", "-n", "a", "--slot"), "--slot needs a value"),
        (("--force",), "found '--force'; allowed: --airflow URL"),
        (("--patience", "soon", "-g", "g", "-n", "a", "--slot", "s"), "--patience: found 'soon'; allowed: seconds"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(options: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    command = ["sh", str(SCRIPT), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False, cwd=tmp_path)
    assert ended.returncode == 2
    assert sentence in ended.stderr
