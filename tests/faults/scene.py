"""One app, its visitors, and a release of it: what a story of faults takes place in."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

from tests.faults.small_app import small_package
from tests.release_engine.release_run import ReleaseRun
from tests.simulator import RunningSimulator
from tests.stories.conftest import connection_to

from app_service_canary.dag_factory import release_dag
from app_service_canary.release.policy import ReleasePolicy

SPEED = 3600.0
"""Azure's hour, for which a routing cookie lives, is a second."""

QUICK = timedelta(milliseconds=50)
"""Between two looks of a trigger: the simulator does not mind being asked often, as Azure would."""

SLOT = "stage"


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
        policy: what its release file says besides the usual.
    """

    def __init__(self, simulator: RunningSimulator, **policy: Any) -> None:
        self.simulator = simulator
        self.app = f"app-{uuid.uuid4().hex[:8]}"
        self._create()
        self.policy: dict[str, Any] = {
            "app": self.app,
            "resource_group": simulator.resource_group,
            "slot": SLOT,
            "readiness": {"path": "/health", "version_path": "/version", "timeout": "20s", "consecutive": 1},
            "steps": [{"weight": 30, "bake": "1s"}],
            "watch": {"poll_interval": "1s", "failure_limit": 2, "min_answers": 1, "promoted_bake": "1s"},
            "approval": {"timeout": "1h"},
            "drain": "1s",
            "restore_timeout": "20s",
            **policy,
        }
        self.variables: dict[str, str] = {}
        self.visits: list[str] = []
        """What each request of a visitor got: its status, and who asked."""
        self.people: list[Callable[[ReleaseRun], object]] = []
        """Called at each boundary between two steps of a release."""
        self._browser = Browser()
        self._tell_apart = int(simulator.journal()[-1]["n"])

    def _create(self) -> None:
        simulator, path = self.simulator, self.simulator.app_path(self.app)
        plan = path.replace(f"sites/{self.app}", f"serverfarms/{simulator.plan}")
        body = {"location": "West Europe", "properties": {"serverFarmId": plan}}
        simulator.arm("PUT", path, body).raise_for_status()
        simulator.deploy(self.app, None, self.package("1.0.0"))
        simulator.arm("PUT", f"{path}/slots/{SLOT}", body).raise_for_status()
        simulator.arm("POST", f"{path}/slots/{SLOT}/stop").raise_for_status()

    def close(self) -> None:
        self.simulator.delete_app(self.app)

    def package(self, version: str) -> str:
        """An address to deploy a version from."""
        return self.simulator.put_package(f"{self.app}-{version}.zip", small_package(version))

    # -- releasing -----------------------------------------------------------------------------------

    def release(self, **conf: Any) -> ReleaseRun:
        """A run that has just been triggered."""
        dag = release_dag(self.app, ReleasePolicy.model_validate(self.policy))
        for task in dag.tasks:
            if hasattr(task, "azure_app_service_conn_id") and hasattr(task, "poll_interval"):
                task.poll_interval = QUICK
            if hasattr(task, "watch"):
                task.watch = task.watch.model_copy(update={"poll_interval": QUICK})
        return ReleaseRun(
            dag,
            {"version": "2.0.0", "package_uri": self.package("2.0.0"), **conf},
            connections={"azure_app_service": json.dumps(connection_to(self.simulator))},
            variables=self.variables,
            speed=SPEED,
        )

    def tell(self, run: ReleaseRun, limit: float = 60.0) -> ReleaseRun:
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
            run.close()
        return run

    def manager(self, option: str) -> None:
        """A manager answers as soon as asked."""
        self.people.append(lambda run: run.respond(option))

    def turns_bad_in_production(self) -> None:
        """The new version stops being healthy once it serves everybody."""
        settings = f"{self.simulator.app_path(self.app)}/config/appsettings"

        def spoil(run: ReleaseRun) -> None:
            if run.states["watch_promoted"] == "deferred" and not done:
                done.append(self.simulator.arm("PUT", settings, {"properties": {"UNHEALTHY": "1"}}).raise_for_status())

        done: list[Any] = []
        self.people.append(spoil)

    # -- users ---------------------------------------------------------------------------------------

    def visit(self) -> None:
        """A new user, and one who keeps coming with a browser."""
        new = self.simulator.visit(self.app)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._browser.cookies().items())}
        known = self.simulator.visit(self.app, headers=headers if headers["Cookie"] else {})
        self._browser.keep(known.headers.get_list("set-cookie"))
        self.visits += [f"{new.status_code} new", f"{known.status_code} known"]

    @property
    def failed_visits(self) -> list[str]:
        return [visit for visit in self.visits if not visit.startswith("200")]

    # -- Azure afterwards ----------------------------------------------------------------------------

    def journal(self) -> list[dict[str, Any]]:
        """The calls about this app since the scene began, and what they led to."""
        return [entry for entry in self.simulator.journal(self._tell_apart) if f"/sites/{self.app}" in entry["path"]]

    def rules(self) -> list[dict[str, Any]]:
        config = self.simulator.arm("GET", f"{self.simulator.app_path(self.app)}/config/web").json()
        return list(config["properties"]["experiments"]["rampUpRules"])

    def version(self) -> str:
        """What production serves."""
        return self.simulator.version(self.app)

    def slot_state(self) -> str:
        return str(self.simulator.arm("GET", self.simulator.app_path(self.app, SLOT)).json()["properties"]["state"])
