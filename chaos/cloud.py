"""The simulated Azure of one run: many apps of the same kind, its journal and its kills."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import httpx
import yaml

from app_service_simulator.controls import Controls
from app_service_simulator.faults.fault import Fault
from chaos.callbacks import Callbacks
from chaos.cases import BEFORE, Case
from chaos.judging import Story
from chaos.record import Entry
from demo.airflow_home import REPOSITORY
from demo.azure import Address
from demo.playground import start_simulator
from demo.processes import Processes
from sample_app.build import build_package

SPEED = 300.0
"""A routing cookie's hour lasts 12 s, so that a release with pinned users is over in about a minute; a swap takes as
long as the app takes to start."""

FIRST_VERSION = "1.0.0"
SLOT = "stage"
RESOURCE_GROUP = "chaos-rg"

IN_PRODUCTION = "production"
"""The value of ENVIRONMENT_NAME, a slot setting, that a version which turns bad there goes by."""


def seed(apps: list[str]) -> dict[str, Any]:
    """What the simulator starts with: each app with the first version in production, and a stopped slot."""
    app = {
        "content": {
            "directory": str(REPOSITORY / "include" / "sample_app" / "web"),
            "files": {"settings.json": f'{{"SAMPLE_VERSION": "{FIRST_VERSION}"}}'},
        },
        "app_settings": {"ENVIRONMENT_NAME": IN_PRODUCTION},
        "sticky_settings": ["ENVIRONMENT_NAME"],
        "slots": {SLOT: {"running": False, "app_settings": {"ENVIRONMENT_NAME": SLOT}}},
    }
    plan = {"name": "chaos-plan", "size": "P1v3"}
    return {"resource_group": RESOURCE_GROUP, "plan": plan, "apps": [{**app, "name": name} for name in apps]}


class Cloud:
    """The simulator, asked and ordered about by its controls alone: a call to Resource Manager would be counted."""

    def __init__(self, address: Address, packages: Path) -> None:
        self.address, self.packages = address, packages
        self.controls = Controls(address.resource_manager, address.ca_bundle)
        self._callbacks = Callbacks()
        self.visitor = httpx.Client(base_url=address.front_end, timeout=60.0, trust_env=False)
        self._entries: dict[str, list[Entry]] = {}
        self._read = 0

    @classmethod
    def start(cls, processes: Processes, apps: list[str]) -> Cloud:
        """Starts a simulator with these apps."""
        folder = processes.directory.path
        file = folder / "seed.yaml"
        file.write_text(yaml.safe_dump(seed(apps)), encoding="utf-8")
        _, address = start_simulator(processes, SPEED, seed=file)
        return cls(address, folder / "packages")

    def close(self) -> None:
        self._callbacks.close()
        self.controls.close()
        self.visitor.close()

    # -- releases --

    def package(self, version: str, story: Story) -> str:
        """The address of a package of the sample app; its query is a secret."""
        settings = {"SAMPLE_UNHEALTHY": IN_PRODUCTION} if story.turns_bad else {}
        file = build_package(version, self.packages, settings)
        url = self.controls.put_package(file.name, file.read_bytes())
        return f"{url}?sv=2024-11-04&sr=b&sp=r&sig={secrets.token_urlsafe(32)}"

    def order_kill(self, app: str, case: Case) -> list[int]:
        """Has the process killed that makes the case's call about this app.

        A call that is counted from a write on is ordered when that write has been carried out, and before it is
        answered: by a callback from the simulator.

        Returns:
            The numbers of the orders, for `take_back`.
        """
        assert case.call is not None
        call = case.call
        moment: Literal["before", "after"] = "before" if case.moment == BEFORE else "after"
        kill = Fault(operation=call.operation, app=app, nth=call.number, when=moment, do="kill", process="caller")
        if call.since is None:
            return self._order(kill)
        orders: list[int] = []
        url = self._callbacks.expect(lambda: orders.extend(self._order(kill)))
        since = call.since
        orders += self._order(
            Fault(operation=since.operation, app=app, nth=since.number, when="after", do="callback", url=url)
        )
        return orders

    def take_back(self, orders: Iterable[int]) -> None:
        """Withdraws them, whether or not they have been carried out."""
        for order in orders:
            self.controls.remove_fault(order)

    def _order(self, fault: Fault) -> list[int]:
        return [int(ordered["id"]) for ordered in self.controls.add_faults(fault)]

    # -- looking --

    def entries(self, app: str, after: int) -> list[Entry]:
        """The journal about one app beyond entry `after`, in the order in which the calls began."""
        self.read_journal()
        found = [entry for entry in self._entries.get(app.lower(), []) if entry.n > after]
        return sorted(found, key=lambda entry: entry.began)

    def read_journal(self) -> int:
        """Keeps what is new in the journal, which itself forgets; the number of its last entry."""
        for line in self.controls.journal(after=self._read):
            entry = Entry.model_validate(line)
            self._read = entry.n
            if entry.app:
                self._entries.setdefault(entry.app.lower(), []).append(entry)
        return self._read

    def weights(self, app: str) -> tuple[float, ...]:
        """The percentages of the app's traffic rules."""
        slots: Mapping[str, Any] = self.controls.state()["apps"][app]
        return tuple(float(rule["reroutePercentage"]) for rule in slots["production"]["rules"])

    def version(self, app: str) -> str:
        """What production serves, whatever the rules say."""
        answer = self.visitor.get(
            "/version", params={"x-ms-routing-name": "self"}, headers={"Host": host(app)}, follow_redirects=False
        )
        return str(answer.json()["version"]) if answer.is_success else f"nothing ({answer.status_code})"


def host(app: str) -> str:
    """The app's host name."""
    return f"{app}.azurewebsites.net"
