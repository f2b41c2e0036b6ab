"""The file that every component of Airflow runs when it starts."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 120.0
"""Seconds for a component to read its settings: three are usual."""

CLIENTS = {"azure.mgmt.web.aio", "azure.identity.aio", "aiohttp", "httpx"}

START = """
import json, sys
sys.argv = ["airflow", sys.argv[1]]
import airflow
from airflow import settings
settings.initialize()
print(json.dumps(sorted(sys.modules)))
"""


def modules_of(component: str, home: Path) -> set[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    environment.update(AIRFLOW_HOME=str(home), AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"))
    command = [sys.executable, "-c", START, component]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=True)
    return set(json.loads(ended.stdout.splitlines()[-1]))


def test_a_parent_of_tasks_has_imported_azures_clients(tmp_path: Path) -> None:
    assert modules_of("scheduler", tmp_path) >= CLIENTS


def test_another_component_does_not_pay_for_them(tmp_path: Path) -> None:
    assert not {name for name in modules_of("dag-processor", tmp_path) if name.startswith("azure.mgmt")}
