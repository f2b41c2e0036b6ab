"""One app, its visitors, and a release of it: what a story of faults takes place in."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from tests.faults.small_app import small_package
from tests.release_engine.metadata import Shared
from tests.release_engine.release_run import ReleaseRun
from tests.simulator import RunningSimulator
from tests.stories.conftest import connection_to

from app_service_canary.dag_factory import release_dag
from app_service_canary.operators.stable import stable_asset
from app_service_canary.release.policy import ReleasePolicy
from app_service_canary.release.stable import Stable

SPEED = 3600.0
"""Azure's hour, for which a routing cookie lives, is a second."""

QUICK = timedelta(milliseconds=50)
"""Between two looks of a trigger: the simulator does not mind being asked often, as Azure would."""

SLOT = "stage"


CUT_OVER = "Swap_CutOver"
"""What the simulator's journal calls the moment at which two slots change places."""

_MAKING_A_DAG = threading.Lock()
"""Airflow notes in one place for the whole process to which DAG a new task belongs."""


class Browser:
    """A visitor who keeps cookies for as long as they live."""

    def __init__(self) -> None:
        self._cookies: dict[str, tuple[str, float]] = {}

    def cookies(self) -> dict[str, str]:
        """Those that have not run out."""
        return {name: value for name, (value, until) in self._cookies.items() if until > time.monotonic()}

    def keep(self, headers: list[str]) -> None:
        """Takes the cookies of an answer."""
        for header in headers:
            for name, morsel in SimpleCookie(header).items():
                self._cookies[name] = (morsel.value, time.monotonic() + float(morsel["max-age"] or 3600))


class Scene:
    """An app of its own: version 1.0.0 in production, an empty slot that is stopped, and 2.0.0 to be released.

    Args:
        simulator: where it lives.
        patience: how long tasks bear trouble that passes.
        operation_timeout: how long a deployment or a swap may take; None: as long as usual.
        policy: what its release file says besides the usual.
    """

    def __init__(
        self,
        simulator: RunningSimulator,
        *,
        patience: timedelta = timedelta(seconds=30),
        operation_timeout: timedelta | None = None,
        **policy: Any,
    ) -> None:
        self.simulator, self.patience, self.operation_timeout = simulator, patience, operation_timeout
        self.app = f"app-{uuid.uuid4().hex[:8]}"
        self._folder = Path(tempfile.mkdtemp(prefix=self.app))
        self._create()
        self.policy: dict[str, Any] = {
            "app": self.app,
            "resource_group": simulator.resource_group,
            "slot": SLOT,
            "readiness": {"path": "/health", "version_path": "/version", "timeout": "20s", "consecutive": 1},
            "steps": [{"weight": 30, "bake": "1s"}],
            "watch": {"poll_interval": "1s", "failure_limit": 2, "min_answers": 1, "promoted_bake": "1s"},
            "analysis": {"sources": {}},
            "approval": {"timeout": "1h"},
            "drain": "1s",
            "restore_timeout": "55s",
            **policy,
        }
        self.shared = Shared({"azure_app_service": json.dumps(connection_to(simulator))})
        self._remember_stable("1.0.0")
        self.visits: list[str] = []
        """What each request of a visitor got: its status, and who asked."""
        self.people: list[Callable[[ReleaseRun], object]] = []
        """Called at each boundary between two steps of a release."""
        self._browser = Browser()
        self._turned = self._last_entry()
        self._ended: int | None = None

    def _create(self) -> None:
        simulator, path = self.simulator, self.simulator.app_path(self.app)
        plan = path.replace(f"sites/{self.app}", f"serverfarms/{simulator.plan}")
        body = {"location": "West Europe", "properties": {"serverFarmId": plan}}
        simulator.arm("PUT", path, body).raise_for_status()
        simulator.deploy(self.app, None, self.package("1.0.0"))
        simulator.arm("PUT", f"{path}/slots/{SLOT}", body).raise_for_status()
        simulator.arm("POST", f"{path}/slots/{SLOT}/stop").raise_for_status()

    def _remember_stable(self, version: str) -> None:
        """As if a release from here had promoted it; a rollback puts it back into the slot."""
        asset = stable_asset(self.simulator.resource_group, self.app)
        stable = Stable(version, self.package(version)).to_json()
        key = {"name": asset.name, "uri": asset.uri}
        self.shared.note_events([{"dest_asset_key": key, "extra": stable}])

    def close(self) -> None:
        self.simulator.delete_app(self.app)
        shutil.rmtree(self._folder)

    def package(self, version: str) -> str:
        """An address to deploy a version from."""
        return self.simulator.put_package(f"{self.app}-{version}.zip", small_package(version, self._unhealthy(version)))

    # -- releasing -----------------------------------------------------------------------------------

    def release(self, **conf: Any) -> ReleaseRun:
        """A run that has just been triggered."""
        with _MAKING_A_DAG:
            dag = release_dag(self.app, ReleasePolicy.model_validate(self.policy))
        for task in dag.tasks:
            if hasattr(task, "azure_app_service_conn_id") and hasattr(task, "poll_interval"):
                task.poll_interval = QUICK
            if hasattr(task, "patience"):
                task.patience = self.patience
            if self.operation_timeout and task.task_id in ("deploy", "swap"):
                task.timeout = self.operation_timeout
            if hasattr(task, "watch"):
                task.watch = task.watch.model_copy(update={"poll_interval": QUICK})
        return ReleaseRun(
            dag,
            {"version": "2.0.0", "package_uri": self.package("2.0.0"), **conf},
            shared=self.shared,
            speed=SPEED,
        )

    def tell(self, run: ReleaseRun, limit: float = 90.0) -> ReleaseRun:
        """Lets the release go on to its end, with visitors and people at each boundary."""
        deadline = time.monotonic() + limit
        try:
            while not run.over:
                assert time.monotonic() < deadline, f"not over after {limit:g} s:\n" + "\n".join(run.story)
                if run.step(wait=0.02):
                    self.visit()
                for person in self.people:
                    person(run)
            self.visit()
        finally:
            self._ended = self._last_entry()
            run.close()
        return run

    def manager(self, option: str) -> None:
        """A manager answers as soon as asked."""
        self.people.append(lambda run: run.respond(option))

    def once_waiting(self, task_id: str, then: Callable[[ReleaseRun], object]) -> None:
        """Somebody does something at the first boundary at which a task waits."""

        def act(run: ReleaseRun) -> None:
            if not done and run.states[task_id] == "deferred":
                done.append(task_id)
                then(run)

        done: list[str] = []
        self.people.append(act)

    def turn_bad(self) -> None:
        """Version 2.0.0 stops being healthy; it answers everything but the health check as before."""
        self._unhealthy("2.0.0").touch()

    def turn_good(self) -> None:
        """It is healthy again."""
        self._unhealthy("2.0.0").unlink()

    def _unhealthy(self, version: str) -> Path:
        return self._folder / f"{version}-is-unhealthy"

    # -- users ---------------------------------------------------------------------------------------

    def visit(self) -> None:
        """In turns, a new user and one who keeps coming with a browser."""
        known = self._browser.cookies() if len(self.visits) % 2 else {}
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in known.items())} if known else {}
        answer = self.simulator.visit(self.app, headers=headers)
        self._browser.keep(answer.headers.get_list("set-cookie"))
        self.visits.append(f"{answer.status_code} {'known' if known else 'new'}")

    @property
    def failed_visits(self) -> list[str]:
        return [visit for visit in self.visits if not visit.startswith("200")]

    # -- Azure afterwards ----------------------------------------------------------------------------

    def mark_turn(self) -> None:
        """From now on the release is another one than its story's beginning."""
        self._turned = self._last_entry()

    def calls_of_release(self) -> list[dict[str, Any]]:
        """The calls that the release made since its turn, in order."""
        return [
            entry
            for entry in self.simulator.journal(self._turned, self.app)
            if self._ended is None or entry["n"] <= self._ended
        ]

    def swaps(self) -> int:
        """How often production and the slot have changed places."""
        return sum(effect["operation"] == CUT_OVER for effect in self.simulator.effects(self.app))

    def _last_entry(self) -> int:
        return int(self.simulator.journal(app=self.app)[-1]["n"])

    def rules(self) -> list[dict[str, Any]]:
        config = self.simulator.arm("GET", f"{self.simulator.app_path(self.app)}/config/web").json()
        return list(config["properties"]["experiments"]["rampUpRules"])

    def version(self) -> str:
        """What production serves; a status where it serves nothing, as when people swapped an empty slot into it."""
        return self._served(None)

    def slot_version(self) -> str:
        """What the slot serves at its own host; a status where it serves nothing."""
        return self._served(SLOT)

    def _served(self, slot: str | None) -> str:
        answer = self.simulator.visit(self.app, "/version", slot)
        return str(answer.json()["version"]) if answer.status_code == 200 else str(answer.status_code)
