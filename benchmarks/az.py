"""The az command line, logged in to the simulator, and a release with it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from demo.airflow_home import REPOSITORY
from demo.azure import Address
from demo.errors import DemonstrationError

PROGRAM = REPOSITORY / ".venv-az" / "bin" / "az"
SCRIPT = Path(__file__).with_name("release_with_az.sh")
LIMIT = 300.0  # seconds for one program; a release here takes one minute


class Az:
    """az with a configuration folder of its own, so that the user's login is neither used nor changed."""

    def __init__(self, address: Address, config: Path) -> None:
        self.environment = {
            **os.environ,
            "AZ": str(PROGRAM),
            "AZURE_CONFIG_DIR": str(config),
            "REQUESTS_CA_BUNDLE": address.ca_bundle,
            # Otherwise MSAL asks login.microsoftonline.com whether it knows the authority.
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
            "AZURE_CORE_SURVEY_MESSAGE": "false",
        }
        if not PROGRAM.exists():
            raise DemonstrationError(f"There is no {PROGRAM}; `make az` installs it.")
        arm = address.resource_manager
        self._az("cloud", "register", "-n", "Simulator", "--endpoint-resource-manager", arm)
        self._az("cloud", "set", "-n", "Simulator")
        secret = ("-u", address.client_id, "-p", address.client_secret, "--tenant", address.tenant_id)
        self._az("login", "--service-principal", *secret)
        # `az webapp deploy` puts paths together with this address, so it needs its slash.
        self._az("cloud", "update", "--endpoint-resource-manager", f"{arm}/", "--skip-endpoint-discovery")

    def release(self, choices: Mapping[str, str]) -> float:
        """Runs the script with these variables; its seconds."""
        began = time.perf_counter()
        self._run([str(SCRIPT)], {**self.environment, **choices})
        return time.perf_counter() - began

    def _az(self, *arguments: str) -> None:
        self._run([str(PROGRAM), *arguments, "-o", "none"], self.environment)

    def _run(self, command: list[str], environment: Mapping[str, str]) -> None:
        ended = subprocess.run(  # noqa: S603 - this package's own commands
            command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )
        if ended.returncode:
            raise DemonstrationError(f"{Path(command[0]).name} ended with {ended.returncode}: {ended.stderr.strip()}")
