"""A running simulator, for tests: its addresses, and shorthand for what tests keep doing to it."""

import json
import ssl
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx

from app_service_simulator.controls import Controls
from app_service_simulator.faults.fault import Fault

ROOT = Path(__file__).parent.parent
SEVERAL_APPS = ROOT / "tests" / "seeds" / "several-apps.yaml"

API_VERSION = "2025-05-01"
"""What azure-mgmt-web 11 sends."""

START_LIMIT = 60.0
"""Seconds for the simulator to be ready, its apps included: one is usual, a busy machine may take longer."""

POLL_INTERVAL = 0.05
"""Seconds between looks at something that is under way in the simulator."""

ONE_REQUEST_EACH = httpx.Limits(max_keepalive_connections=0)
"""A connection for each request. Tests share a client among threads, and httpcore may close a kept connection as idle
for too long that another thread was just handed."""


class RunningSimulator:
    """One simulator process; `start` makes it, `stop` ends it. The attributes are the ready line's."""

    resource_manager: str
    authority: str
    front_end: str
    ca_bundle: str
    tenant_id: str
    client_id: str
    client_secret: str
    subscription_id: str
    workspace_id: str
    prometheus: str
    resource_group = "contoso-rg"
    plan = "contoso-plan"

    def __init__(self, process: "subprocess.Popen[str]", ready: dict[str, str]) -> None:
        self.process = process
        self.fields = ready
        vars(self).update(ready)
        self.client = httpx.Client(verify=self.client_tls(), timeout=60, limits=ONE_REQUEST_EACH)
        """Talks to the HTTPS port, without a token."""
        self.controls = Controls(self.resource_manager, self.ca_bundle, self.client)
        self.visitor = httpx.Client(timeout=60, limits=ONE_REQUEST_EACH)
        """Talks to the front end; it keeps no cookies unless a test sends them."""
        self._token = ""

    @classmethod
    def start(
        cls, *, speed: float = 60.0, seed: Path = SEVERAL_APPS, arguments: tuple[str, ...] = ()
    ) -> "RunningSimulator":
        """A simulator on free ports whose apps are up; it ends with the test process at the latest."""
        command = [sys.executable, "-m", "app_service_simulator", "--stop-with-parent"]
        command += ["--speed", str(speed), "--seed", str(seed), *arguments]
        environment = {"PYTHONPATH": str(ROOT / "include"), "PATH": "/usr/local/bin:/usr/bin:/bin"}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"the simulator ended with code {process.wait(START_LIMIT)} before it was ready")
        return cls(process, json.loads(line))

    def stop(self) -> int:
        """Ends the simulator and everything it runs; its exit code."""
        self.client.close()
        self.visitor.close()
        self.process.terminate()
        try:
            return self.process.wait(START_LIMIT)
        finally:
            self.process.kill()
            if self.process.stdout:
                self.process.stdout.close()

    # --- Resource Manager ---

    def app_path(self, app: str, slot: str | None = None) -> str:
        """The resource id of an app or of one of its slots."""
        path = (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Web/sites/{app}"
        )
        return f"{path}/slots/{slot}" if slot else path

    def arm(self, method: str, path: str, json: Any = None, *, params: dict[str, str] | None = None) -> httpx.Response:
        """One call with a token. `path` is a resource id, or an address such as a Location."""
        url = path if path.startswith("https://") else f"{self.resource_manager}{path}"
        query = params if "api-version=" in url else {"api-version": API_VERSION, **(params or {})}
        headers = {"Authorization": f"Bearer {self.token()}"}
        return self.client.request(method, url, json=json, params=query, headers=headers)

    def token(self, resource: str = "https://management.azure.com") -> str:
        """An access token; the one for Resource Manager is kept."""
        if resource == "https://management.azure.com" and self._token:
            return self._token
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": f"{resource}/.default",
        }
        answer = self.client.post(f"{self.authority}/{self.tenant_id}/oauth2/v2.0/token", data=form)
        token = str(answer.raise_for_status().json()["access_token"])
        if resource == "https://management.azure.com":
            self._token = token
        return token

    def finish(self, response: httpx.Response, timeout: float = 60.0) -> httpx.Response:
        """Follows a 202's Location until it answers something else, without heeding Retry-After."""
        deadline = time.monotonic() + timeout
        while response.status_code == 202:
            assert time.monotonic() < deadline, f"still under way after {timeout} s"
            time.sleep(POLL_INTERVAL)
            response = self.arm("GET", response.headers["Location"])
        return response

    def deploy(self, app: str, slot: str | None, package_uri: str, **properties: Any) -> dict[str, Any]:
        """Deploys a zip by OneDeploy and waits; the deployment's final properties, whether it went well or not."""
        body = {"properties": {"packageUri": package_uri, "type": "zip", **properties}}
        answer = self.finish(self.arm("PUT", f"{self.app_path(app, slot)}/extensions/onedeploy", body))
        return dict(answer.raise_for_status().json()["properties"])

    def swap(self, app: str, slot: str = "stage") -> httpx.Response:
        """Swaps the slot with production and waits; the last answer."""
        body = {"targetSlot": "production", "preserveVnet": True}
        return self.finish(self.arm("POST", f"{self.app_path(app, slot)}/slotsswap", body))

    def set_rules(self, app: str, rules: list[dict[str, Any]]) -> httpx.Response:
        """Replaces the app's routing rules."""
        body = {"properties": {"experiments": {"rampUpRules": rules}}}
        return self.arm("PATCH", f"{self.app_path(app)}/config/web", body).raise_for_status()

    def rules(self, app: str) -> dict[str, float]:
        """The app's routing rules as Azure tells of them: percent by the slot's name, in their order."""
        config = self.arm("GET", f"{self.app_path(app)}/config/web").json()["properties"]
        return {rule["name"]: rule["reroutePercentage"] for rule in config["experiments"]["rampUpRules"]}

    def set_app_settings(self, app: str, slot: str | None, settings: dict[str, str]) -> httpx.Response:
        """Replaces the slot's (or production's) app settings, by which the sample app behaves."""
        path = f"{self.app_path(app, slot)}/config/appsettings"
        return self.arm("PUT", path, {"properties": settings}).raise_for_status()

    def create_app(self, version: str = "1.0.0", *, slot: str = "stage", slot_running: bool = True) -> str:
        """A new app of the sample web app, with a slot that has nothing deployed; its name."""
        app = f"app-{uuid.uuid4().hex[:8]}"
        plan = self.app_path(app).replace(f"sites/{app}", f"serverfarms/{self.plan}")
        body = {"location": "West Europe", "properties": {"serverFarmId": plan}}
        self.arm("PUT", self.app_path(app), body).raise_for_status()
        self.deploy(app, None, self.put_package(f"{app}-{version}.zip", sample_package(version)))
        self.arm("PUT", self.app_path(app, slot), body).raise_for_status()
        if not slot_running:
            self.arm("POST", f"{self.app_path(app, slot)}/stop").raise_for_status()
        return app

    def delete_app(self, app: str, timeout: float = 30.0) -> None:
        """Deletes the app and its slots, as soon as no operation holds it any more."""
        deadline = time.monotonic() + timeout
        while (answer := self.arm("DELETE", self.app_path(app))).status_code == 409:
            assert time.monotonic() < deadline, answer.text
            time.sleep(POLL_INTERVAL)
        answer.raise_for_status()

    def wait_until(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        """Until the condition holds; an AssertionError when it does not in time."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"not in {timeout} s"
            time.sleep(POLL_INTERVAL)

    # --- the apps, as their users see them ---

    def visit(self, app: str, path: str = "/", slot: str | None = None, **arguments: Any) -> httpx.Response:
        """One request to the app's (or slot's) host through the front end, without cookies of earlier ones."""
        label = f"{app}-{slot}" if slot else app
        headers = {"Host": f"{label}.azurewebsites.net", **arguments.pop("headers", {})}
        self.visitor.cookies.clear()
        return self.visitor.get(f"{self.front_end}{path}", headers=headers, **arguments)

    def version(self, app: str, slot: str | None = None) -> str:
        """Which version answers at the app's (or slot's) host."""
        return str(self.visit(app, "/version", slot).raise_for_status().json()["version"])

    # --- the simulator's controls ---

    def put_package(self, name: str, package: bytes) -> str:
        """Keeps a package and returns an address to deploy it from."""
        return self.controls.put_package(name, package)

    def put_image(self, image: str, package: bytes) -> None:
        """Registers what a container image runs."""
        self.controls.put_image(image, package)

    def journal(self, after: int = 0, app: str | None = None) -> list[dict[str, Any]]:
        """The calls answered so far, oldest first; only those numbered above `after`, and about `app` if given."""
        return self.controls.journal(after, app, "call")

    def effects(self, app: str, after: int = 0) -> list[dict[str, Any]]:
        """What happened to the app later than the call that brought it about, oldest first."""
        return self.controls.journal(after, app, "effect")

    def set_quirks(self, **switches: Any) -> None:
        """Sets switches; tests that do it put them back."""
        self.controls.set_quirks(**switches)

    def set_faults(self, *faults: Fault) -> None:
        """Orders faults, instead of those still to come."""
        self.controls.set_faults(*faults)

    def state(self) -> dict[str, Any]:
        """Every app and slot, as the simulator has them."""
        return self.controls.state()

    def client_tls(self) -> ssl.SSLContext:
        """Trusts the simulator and nobody else."""
        return ssl.create_default_context(cafile=self.ca_bundle)


def sample_package(version: str, **settings: str) -> bytes:
    """A zip of the sample app that says it is `version`; `settings` are the sample app's own (SAMPLE_…)."""
    content = ROOT / "include" / "sample_app" / "web"
    package = BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for path in sorted(content.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(content))
        archive.writestr("settings.json", json.dumps({"SAMPLE_VERSION": version, **settings}))
    return package.getvalue()
