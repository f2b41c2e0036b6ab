"""Deploying a package to a slot: fetch, unpack, restart, and tell how it went."""

import asyncio
import logging
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app_service_simulator.arm.errors import PlainError
from app_service_simulator.clock import Clock
from app_service_simulator.deployment_record import DeploymentRecord, DeployStatus
from app_service_simulator.effects import DEPLOYMENT_ENDED, Effects
from app_service_simulator.faults.kinds import AFTER, BEFORE
from app_service_simulator.faults.orders import Order, ending_of, hold_up
from app_service_simulator.lifecycle import Lifecycle
from app_service_simulator.operations import Operations
from app_service_simulator.packages import PackageUnusable, fetch, unpack
from app_service_simulator.quirks import Quirks
from app_service_simulator.slot import Slot
from app_service_simulator.workers import WorkerFailed
from app_service_simulator.world import World

log = logging.getLogger(__name__)

RECEIVE, BUILD = 4.0, 14.0
"""Azure seconds until a package is there, and until it is in place: recorded deployments took 16 to 24 s."""

STACKS = {"war": ("TOMCAT", "JBOSSEAP"), "jar": ("JAVA",), "ear": ("JBOSSEAP",)}
"""Stacks an artifact can be deployed to; the other types go anywhere.

https://github.com/projectkudu/kudu/blob/master/Kudu.Services/Deployment/PushDeploymentController.cs
"""

PLACES = {
    "war": "wwwroot/app.war",
    "jar": "wwwroot/app.jar",
    "ear": "wwwroot/app.ear",
    "startup": "scripts/startup.sh",
}
"""Where an artifact goes unless `path` says otherwise, under `site`."""

KINDS = ("zip", "war", "jar", "ear", "lib", "startup", "static", "script")


@dataclass(frozen=True)
class Package:
    """What to deploy. Either `content` or `uri`; `path` is the target under `/home/site/wwwroot`.

    `clean` replaces what is there: usual for a zip, and not otherwise (None). `ignore_stack` lets an artifact
    go to a stack it does not match.
    """

    kind: str
    content: bytes | None = None
    uri: str | None = None
    path: str | None = None
    clean: bool | None = None
    restart: bool = True
    ignore_stack: bool = False
    deployer: str = "OneDeploy"

    @property
    def cleans(self) -> bool:
        return self.clean if self.clean is not None else self.kind == "zip"


class Deployments:
    """Deploys, one package per slot at a time."""

    def __init__(
        self,
        clock: Clock,
        quirks: Quirks,
        world: World,
        lifecycle: Lifecycle,
        operations: Operations,
        effects: Effects,
        tls: ssl.SSLContext,
    ) -> None:
        self._clock, self._quirks, self._world = clock, quirks, world
        self._lifecycle, self._operations, self._effects, self._tls = lifecycle, operations, effects, tls
        self._pending: dict[Slot, asyncio.Task[None]] = {}

    def begin(self, slot: Slot, package: Package, order: Order | None = None) -> DeploymentRecord:
        """Starts the deployment; raises what Kudu answers at once to one it does not take.

        `order` is the fault that the deployment meets.
        """
        self._operations.refuse_if_held(slot.site.name)
        self._refuse_impossible(slot, package)
        record = DeploymentRecord(package.deployer, self._clock.now())
        record.note(record.received, f"Fetching changes for a {package.kind} package.")
        slot.content.deployments.append(record)
        task = asyncio.create_task(self._deploy(slot, package, record, order))
        self._pending[slot] = task
        task.add_done_callback(lambda _: self._pending.pop(slot, None))
        return record

    def in_progress(self, slot: Slot) -> bool:
        """Whether a package is being deployed to the slot."""
        return slot in self._pending

    async def wait(self, slot: Slot) -> None:
        """Until nothing is being deployed to the slot."""
        task = self._pending.get(slot)
        if task:
            await asyncio.shield(task)

    def latest(self, slot: Slot) -> DeploymentRecord | None:
        """The pending deployment if there is one, else the one that ended last: what `latest` names."""
        history = slot.content.deployments
        pending = next((record for record in history if not record.status.finished), None)
        return pending or slot.content.latest_finished

    def find(self, slot: Slot, deployment_id: str) -> DeploymentRecord | None:
        """The deployment with this id; `latest` is an id too."""
        if deployment_id.lower() == "latest":
            return self.latest(slot)
        return next((r for r in slot.content.deployments if r.id == deployment_id.lower()), None)

    async def stop(self) -> None:
        """Ends what is under way."""
        tasks = tuple(self._pending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refuse_impossible(self, slot: Slot, package: Package) -> None:
        if package.kind not in KINDS:
            raise PlainError(400, f"type='{package.kind}' not recognized")
        if package.content is None and not package.uri:
            raise PlainError(400, "Missing package: neither content nor packageUri was given.")
        if package.kind in ("lib", "static", "script") and not package.path:
            raise PlainError(400, f"Path must be defined for type='{package.kind}'")
        if package.path and ".." in PurePosixPath(package.path).parts:
            raise PlainError(400, f"path='{package.path}' leads out of the site.")
        stacks = STACKS.get(package.kind)
        if stacks and slot.stack not in stacks and not package.ignore_stack:
            raise PlainError(
                400,
                f"Artifact type = '{package.kind.capitalize()}' cannot be deployed to stack = '{slot.stack}'. "
                f"Site should be configured to run with stack = {' or '.join(stacks)}",
            )
        if slot.app_settings.get("WEBSITE_RUN_FROM_PACKAGE", "").lower().startswith("http"):
            raise PlainError(
                409,
                "Run-From-Zip is set to a remote URL using WEBSITE_USE_ZIP app setting. "
                "Deployment is not supported in this configuration.",
            )
        if self.in_progress(slot):
            raise PlainError(409, "There is a deployment currently in progress. Please try again when it completes.")

    async def _deploy(self, slot: Slot, package: Package, record: DeploymentRecord, order: Order | None) -> None:
        try:
            await self._install(slot, package, record, order)
            await self._put_live(slot, package, record, order)
        except PackageUnusable as failure:
            self._finish(slot, record, DeployStatus.FAILED, str(failure), "BuildFailed")
        except Exception:
            self._finish(slot, record, DeployStatus.FAILED, "The deployment failed.", "BuildFailed")
            raise

    async def _install(self, slot: Slot, package: Package, record: DeploymentRecord, order: Order | None) -> None:
        content = package.content if package.content is not None else await fetch(package.uri or "", self._tls)
        await self._clock.sleep(RECEIVE)
        record.started = self._clock.now()
        record.status, record.status_text = DeployStatus.BUILDING, f"Building and Deploying '{record.id}'."
        record.progress, record.runtime_status = "Running deployment command...", "BuildInProgress"
        record.note(record.started, "Building and deploying the package.")
        fresh = self._world.new_wwwroot()
        former = slot.content.wwwroot
        try:
            await asyncio.to_thread(_place, package, content, former, fresh)
        except BaseException:
            self._world.discard_wwwroot(fresh)
            raise
        await self._clock.sleep(BUILD)
        await _interfere(order, BEFORE)
        slot.content.wwwroot = fresh
        record.status, record.runtime_status = DeployStatus.DEPLOYING, "BuildSuccessful"

    async def _put_live(self, slot: Slot, package: Package, record: DeploymentRecord, order: Order | None) -> None:
        if not (package.restart and slot.running):
            await _interfere(order, AFTER)
            self._finish(slot, record, DeployStatus.SUCCESS, "Deployment successful.", "RuntimeSuccessful")
            return
        record.runtime_status = "RuntimeStarting"
        try:
            await self._lifecycle.restart(slot)
            await _interfere(order, AFTER)
        except WorkerFailed as failure:
            sentence = f"The app did not start after the deployment: {failure.reason}"
            record.note(self._clock.now(), failure.log_tail)
            status = DeployStatus.FAILED if self._quirks.unstartable_package_fails_deployment else DeployStatus.SUCCESS
            self._finish(slot, record, status, sentence, "RuntimeFailed")
        else:
            self._finish(slot, record, DeployStatus.SUCCESS, "Deployment successful.", "RuntimeSuccessful")

    def _finish(
        self, slot: Slot, record: DeploymentRecord, status: DeployStatus, sentence: str, runtime_status: str
    ) -> None:
        before = self._effects.look(slot.site.name)
        record.ended = self._clock.now()
        record.status, record.runtime_status, record.progress = status, runtime_status, ""
        record.status_text = sentence if status is DeployStatus.FAILED else ""
        record.note(record.ended, sentence)
        slot.content.latest_finished = record
        if status is DeployStatus.SUCCESS:
            for other in slot.content.deployments:
                other.active = other is record
        else:
            log.info("deployment to %s failed: %s", slot.label_for_people, sentence)
        failure = sentence if status is DeployStatus.FAILED else None
        self._effects.record(DEPLOYMENT_ENDED, slot.site.name, slot.id, before, began=record.received, failure=failure)


async def _interfere(order: Order | None, moment: str) -> None:
    await hold_up(order, moment)
    if order and ending_of(order, moment):
        raise PackageUnusable(order.fault.option("message"))


def _place(package: Package, content: bytes, former: Path, fresh: Path) -> None:
    if not package.cleans:
        shutil.copytree(former.parent, fresh.parent, dirs_exist_ok=True)
    target = fresh.parent / _relative(package)
    if package.kind == "zip":
        unpack(content, target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _relative(package: Package) -> str:
    if not package.path:
        return PLACES.get(package.kind, "wwwroot")
    path = package.path.removeprefix("/home/site/")
    if path.startswith("/"):
        path = path.lstrip("/")
    elif path == package.path:
        path = f"{'scripts' if package.kind == 'script' else 'wwwroot'}/{path}"
    return path if path.startswith(("wwwroot", "scripts")) else f"wwwroot/{path}"
