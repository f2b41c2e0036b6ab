"""The az command line against the simulator: the commands a release by hand is made of.

az lives in an environment of its own, for its dependencies do not go together with Airflow's:
`python -m venv .venv-az && .venv-az/bin/pip install azure-cli==2.91.0`
"""

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.simulator import ROOT, RunningSimulator, sample_package

pytestmark = [pytest.mark.az, pytest.mark.xdist_group("az")]

PROGRAM = Path(os.environ.get("AZ", ROOT / ".venv-az" / "bin" / "az"))
LIMIT = 120.0
"""Seconds one command may take: a second or two is usual, its first run compiles its modules."""

Az = Callable[..., Any]


@pytest.fixture(scope="module")
def az(simulator: RunningSimulator, tmp_path_factory: pytest.TempPathFactory) -> Az:
    """Runs az, logged in to the simulator as to a cloud of its own; the answer, parsed."""
    if not PROGRAM.exists():
        pytest.skip(f"no az at {PROGRAM}; the module's docstring says how to get it")
    environment = {
        **os.environ,
        "AZURE_CONFIG_DIR": str(tmp_path_factory.mktemp("az")),
        "REQUESTS_CA_BUNDLE": simulator.ca_bundle,
        # Otherwise MSAL asks login.microsoftonline.com whether it knows the authority.
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_CORE_SURVEY_MESSAGE": "false",
    }

    def run(*arguments: str) -> Any:
        command = [str(PROGRAM), *arguments, "-o", "json"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert ended.returncode == 0, f"az {' '.join(arguments[:4])}: {ended.stderr}"
        return json.loads(ended.stdout) if ended.stdout.strip() else None

    run("cloud", "register", "-n", "Simulator", "--endpoint-resource-manager", simulator.resource_manager)
    run("cloud", "set", "-n", "Simulator")
    secret = ("-u", simulator.client_id, "-p", simulator.client_secret, "--tenant", simulator.tenant_id)
    run("login", "--service-principal", *secret)
    # `az webapp deploy` puts paths together with this address, so it needs its slash.
    with_slash = f"{simulator.resource_manager}/"
    run("cloud", "update", "--endpoint-resource-manager", with_slash, "--skip-endpoint-discovery")
    return run


@pytest.fixture(scope="module")
def made(az: Az, simulator: RunningSimulator) -> Iterator[tuple[str, ...]]:
    """An app with a slot `stage`, made by az; the options that name it, and with `-s stage` its slot."""
    name = f"az-{uuid.uuid4().hex[:8]}"
    group = f"{name}-rg"
    az("group", "create", "-n", group, "-l", "westeurope")
    az("appservice", "plan", "create", "-g", group, "-n", f"{name}-plan", "--sku", "S1", "--is-linux")
    az("webapp", "create", "-g", group, "-p", f"{name}-plan", "-n", name, "--runtime", "PYTHON:3.13")
    app = ("-g", group, "-n", name)
    az("webapp", "deployment", "slot", "create", *app, "-s", "stage", "--configuration-source", name)
    yield app
    az("group", "delete", "-n", group, "--yes")
    assert simulator.visit(name).status_code == 404


def test_what_az_made_is_shown(az: Az, made: tuple[str, ...]) -> None:
    shown = az("webapp", "show", *made, "-s", "stage")
    assert (shown["state"], shown["defaultHostName"]) == ("Running", f"{made[3]}-stage.azurewebsites.net")
    assert made[1] in [group["name"] for group in az("group", "list")]
    assert [slot["name"] for slot in az("webapp", "deployment", "slot", "list", *made)] == ["stage"]


def test_a_slot_is_stopped_and_started(az: Az, made: tuple[str, ...], simulator: RunningSimulator) -> None:
    az("webapp", "stop", *made, "-s", "stage")
    assert simulator.visit(made[3], slot="stage").status_code == 403
    az("webapp", "start", *made, "-s", "stage")
    assert simulator.visit(made[3], slot="stage").status_code == 200


def test_settings_are_set_and_listed(az: Az, made: tuple[str, ...]) -> None:
    setting = ("--settings", "COLOUR=green", "--slot-settings", "PLACE=stage")
    az("webapp", "config", "appsettings", "set", *made, "-s", "stage", *setting)
    listed = az("webapp", "config", "appsettings", "list", *made, "-s", "stage")
    found = {entry["name"]: (entry["value"], entry["slotSetting"]) for entry in listed}
    assert (found["COLOUR"], found["PLACE"]) == (("green", False), ("stage", True))


def test_traffic_is_routed_shown_and_cleared(az: Az, made: tuple[str, ...]) -> None:
    az("webapp", "traffic-routing", "set", *made, "--distribution", "stage=15")
    [rule] = az("webapp", "traffic-routing", "show", *made)
    assert (rule["name"], rule["reroutePercentage"]) == ("stage", 15.0)
    az("webapp", "traffic-routing", "clear", *made)
    assert az("webapp", "traffic-routing", "show", *made) == []


def test_a_package_is_deployed_and_swapped_after_a_preview(
    az: Az, made: tuple[str, ...], simulator: RunningSimulator
) -> None:
    app = made[3]
    address = simulator.put_package(f"{app}.zip", sample_package("2.0.0"))
    az("webapp", "deploy", *made, "-s", "stage", "--src-url", address, "--type", "zip")
    path = simulator.app_path(app, "stage").replace(simulator.resource_group, made[1])
    simulator.wait_until(
        lambda: (
            simulator.arm("GET", f"{path}/deployments/latest").status_code == 200
            and simulator.version(app, "stage") == "2.0.0"
        )
    )
    swap = ("webapp", "deployment", "slot", "swap", *made, "-s", "stage")
    az(*swap, "--action", "preview")
    assert az("webapp", "show", *made)["targetSwapSlot"] == "stage"
    az(*swap, "--action", "reset")
    assert az("webapp", "show", *made)["targetSwapSlot"] is None
    az(*swap, "--action", "preview")
    az(*swap)
    assert simulator.version(app) == "2.0.0"


def test_metrics_are_listed(az: Az, made: tuple[str, ...]) -> None:
    resource = az("webapp", "show", *made)["id"]
    asked = ("--metric", "Requests", "Http5xx", "--interval", "PT1M", "--aggregation", "Total")
    listed = az("monitor", "metrics", "list", "--resource", resource, *asked)
    assert [entry["name"]["value"] for entry in listed["value"]] == ["Requests", "Http5xx"]
