"""The release file: how one app is released. Reviewed in git, one YAML file per app."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from app_service_canary.release.analysis import Analysis
from app_service_canary.release.durations import parse_bake
from app_service_canary.release.sections import Duration, Section, UrlPath

Bake = Annotated[timedelta | None, BeforeValidator(parse_bake)]


def _two_decimals(weight: float) -> float:
    if round(weight, 2) != weight:
        raise ValueError(f"found {weight!r}; allowed: at most two decimals")
    return weight


Weight = Annotated[float, Field(ge=0, le=100, strict=True), AfterValidator(_two_decimals)]
HOST_PATTERN = r"^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?$"
"""A host name as in an address, perhaps with a port, perhaps any of its subdomains."""


class ArtifactType(str, Enum):
    """What a release brings to the slot; the first four go through OneDeploy, by URL."""

    ZIP = "zip"
    WAR = "war"
    JAR = "jar"
    STATIC = "static"
    CONTAINER = "container"


class Artifact(Section):
    """What is deployed.

    Attributes:
        type: what kind of package, or `container` for an image.
        path: where below the site's root a `static` or `war` artifact goes; None for the type's own default.
        clean: remove files that the new package does not have. App Service's default for zip.
        hosts: where it may come from: hosts of packages' addresses, or registries of images; `*.` in front
            stands for any subdomain. Empty: from anywhere.
        os: the plan's operating system, which decides between `linuxFxVersion` and `windowsFxVersion`
            for a container.
    """

    type: ArtifactType = ArtifactType.ZIP
    path: UrlPath | None = None
    clean: bool = True
    hosts: tuple[Annotated[str, Field(pattern=HOST_PATTERN)], ...] = ()
    os: Literal["linux", "windows"] = "linux"

    @property
    def is_container(self) -> bool:
        return self.type is ArtifactType.CONTAINER

    @property
    def image_os(self) -> str | None:
        """The operating system whose setting names the image; None for a package."""
        return self.os if self.is_container else None


class Readiness(Section):
    """When a slot counts as ready, asked at its own host name.

    Attributes:
        path: what is asked, at the slot and, during the watch, on the visitors' side.
        statuses: HTTP statuses that are good answers.
        consecutive: good answers in a row; one may come from an instance that has not failed yet.
        timeout: how long a slot may take. App Service itself gives a cold start 230 s on Linux.
        version_path: where the app says its version, as JSON with a `version` key or as plain text. With it,
            a slot is ready only when it runs the version being released. None: versions are not asked for.
    """

    path: UrlPath = "/"
    statuses: Annotated[tuple[Annotated[int, Field(ge=100, le=599)], ...], Field(min_length=1)] = (200,)
    consecutive: Annotated[int, Field(ge=1, le=100)] = 3
    timeout: Duration = timedelta(minutes=10)
    version_path: UrlPath | None = None


class Step(Section):
    """One rung: a share of the traffic, and how long it is watched there.

    Attributes:
        weight: percent of requests sent to the canary slot, 0–100; a request that already holds the routing
            cookie ignores it. 0 lets testers in by `?x-ms-routing-name=<slot>` and nobody else.
        bake: how long; None (`manual`) until a person marks the step's `watch` as success.
    """

    weight: Weight
    bake: Bake


class Watch(Section):
    """How closely a version is watched.

    Attributes:
        poll_interval: pause between two rounds of requests; one round asks the slot and the visitors' side.
        failure_limit: bad answers in a row, on one side, that reject the canary.
        min_answers: answers needed on each side for a pass; with fewer the verdict is inconclusive.
        timeout: how long one answer may take before it counts as a failure.
        promoted_bake: how long production is watched after the swap.
    """

    poll_interval: Duration = timedelta(seconds=5)
    failure_limit: Annotated[int, Field(ge=1, le=1000)] = 3
    min_answers: Annotated[int, Field(ge=1, le=10000)] = 3
    timeout: Duration = timedelta(seconds=10)
    promoted_bake: Duration = timedelta(minutes=10)


class OnTimeout(str, Enum):
    """What an unanswered approval means."""

    REJECT = "reject"
    APPROVE = "approve"


class Approval(Section):
    """Who decides before the swap, and until when.

    Attributes:
        approvers: ids of the Airflow users who may decide; empty: whoever may respond to the DAG's actions.
            With names, only a response under Required Actions opens the gate: a Variable does not tell who
            wrote it.
        timeout: how long the gate waits.
        on_timeout: what silence means.
    """

    approvers: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    timeout: Duration = timedelta(hours=24)
    on_timeout: OnTimeout = OnTimeout.REJECT

    def is_approver(self, user: str | None) -> bool:
        """Whether this user's word counts; Airflow refuses others itself, except where all are administrators."""
        return not self.approvers or user in self.approvers


class AfterRollback(str, Enum):
    """What becomes of the slot after a rollback, while some users are still pinned to it by their cookie."""

    KEEP = "keep"
    """It stays as it is, for a look at what went wrong; pinned users stay on the bad version for up to an hour."""
    STOP = "stop"
    """It is stopped at once: pinned users get an error page instead of the bad version."""
    HEAL = "heal"
    """The stable version is put into it: pinned users are well again as soon as it is deployed."""


class Watchdog(str, Enum):
    """What the DAG `canary_watchdog` does about traffic that no living release answers for."""

    REPORT = "report"
    CLEAR = "clear"


class ReleasePolicy(Section):
    """One release file.

    Attributes:
        app: the web app's name in Azure.
        resource_group: its resource group.
        slot: the canary slot.
        connection: the Airflow connection of type `azure`; its extra names the subscription.
        create_slot: create the slot when it is missing, with production's configuration.
        artifact, readiness, steps, watch, analysis, approval: see there.
        drain: how long, at most, users pinned to the slot are waited for before it is stopped. The routing
            cookie lives one hour (https://learn.microsoft.com/azure/app-service/deploy-staging-slots).
        restore_timeout: how long the way back may take, with Azure failing or not.
        after_rollback: what becomes of the slot after a rollback.
        watchdog: what is done about a rule or a running slot that no living release answers for.
    """

    app: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,58}[A-Za-z0-9]$")]
    resource_group: Annotated[str, Field(pattern=r"^[\w.()-]{1,90}$")]
    slot: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,58}$")]
    connection: Annotated[str, Field(min_length=1)] = "azure_app_service"
    create_slot: bool = False
    artifact: Artifact = Artifact()
    readiness: Readiness = Readiness()
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=20)]
    watch: Watch = Watch()
    analysis: Analysis = Analysis()
    approval: Approval = Approval()
    drain: Duration = timedelta(hours=1)
    restore_timeout: Duration = timedelta(minutes=30)
    after_rollback: AfterRollback = AfterRollback.HEAL
    watchdog: Watchdog = Watchdog.REPORT

    @field_validator("slot")
    @classmethod
    def _is_not_production(cls, slot: str) -> str:
        if slot.lower() == "production":
            raise ValueError("the canary slot cannot be 'production'; allowed: any other slot of the app")
        return slot

    @field_validator("steps")
    @classmethod
    def _rises(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        refuse_weights_that_do_not_rise([step.weight for step in steps])
        return steps


def refuse_weights_that_do_not_rise(weights: list[float]) -> None:
    """Raises:
    ValueError: a weight is not above the one before it, naming both.
    """
    for number, (lower, upper) in enumerate(pairwise(weights), start=2):
        if upper <= lower:
            raise ValueError(
                f"step {number} has weight {upper:g} after {lower:g}; allowed: weights that rise from step to step"
            )
