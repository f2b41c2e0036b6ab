"""Visitors on many apps."""

import os
import subprocess
import sys
import time
from pathlib import Path

from chaos.cloud import host
from tests.simulator import ROOT, RunningSimulator

from visitors.journal import BROWSER, CLIENT, JournalReader

LIMIT = 20.0

CLIENTS = 40
"""More than come in that time unless they are told to come more often."""


def test_each_app_has_clients_and_browsers_of_its_own(simulator: RunningSimulator, tmp_path: Path) -> None:
    apps = ["contoso-web", "adatum-api"]
    command = [sys.executable, "-m", "chaos.crowd", "--url", simulator.front_end, "--journals", str(tmp_path)]
    command += ["--clients", "20"]
    path = os.pathsep.join(map(str, (ROOT / "include", ROOT)))
    crowd = subprocess.Popen([*command, *map(host, apps)], env={**os.environ, "PYTHONPATH": path})
    readers = {app: JournalReader(tmp_path / f"{host(app)}.jsonl") for app in apps}
    kinds: dict[str, list[str]] = {app: [] for app in apps}
    deadline = time.monotonic() + LIMIT
    try:
        while any(seen.count(CLIENT) < CLIENTS or BROWSER not in seen for seen in kinds.values()):
            assert time.monotonic() < deadline, kinds
            for app, reader in readers.items():
                visits = reader.read()
                assert all(visit.ok for visit in visits)
                kinds[app] += [visit.kind for visit in visits]
            time.sleep(0.05)
    finally:
        crowd.terminate()
        assert crowd.wait(LIMIT) == 0
