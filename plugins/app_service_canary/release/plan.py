"""What one run does: a policy and what this run was asked to release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.release.durations import ALLOWED_BAKE, format_duration, parse_bake
from app_service_canary.release.masking import without_secrets
from app_service_canary.release.policy import ReleasePolicy, Step, refuse_weights_that_do_not_rise
from app_service_canary.release.quoting import quoted

VERSION_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$"
BAKE_PATTERN = r"^\s*(manual|(\d+[dhms])+)(\s*,\s*(manual|(\d+[dhms])+))*\s*$"
IMAGE_PATTERN = r"^[a-z0-9][a-z0-9._:/-]*(:[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})$"


@dataclass(frozen=True)
class ReleasePlan:
    """The release that one run carries out.

    Attributes:
        policy: the app's release file.
        version: what people call the new version.
        source: where it comes from: a package's address or a container image.
        steps: the rungs of this run, at most as many as the release file has.
        note: what the requester wants to tell the approver.
    """

    policy: ReleasePolicy
    version: str
    source: str
    steps: tuple[Step, ...]
    note: str = ""

    @property
    def shown_source(self) -> str:
        """The source as it may be shown: without a package's signature."""
        return self.source if self.policy.artifact.is_container else without_secrets(self.source)

    def step(self, index: int) -> Step | None:
        """The rung of that index, from 0; None beyond the end of this run's weights."""
        return self.steps[index] if index < len(self.steps) else None


def plan_release(policy: ReleasePolicy, params: Mapping[str, Any]) -> ReleasePlan:
    """Reads a run's parameters against the app's release file.

    Args:
        policy: the release file.
        params: `version`, `package_uri` or `image`, and optionally `note`, `weights` and `bake`.

    Raises:
        InvalidReleasePlan: a parameter cannot be followed; names it, its value and what is allowed.
    """
    version = str(params.get("version") or "")
    if not version:
        raise InvalidReleasePlan("Parameter version: it is missing; allowed: the new version's name, such as 2.0.0")
    weights = _weights(policy, params.get("weights"))
    bakes = _bakes(policy, params.get("bake"), len(weights))
    return ReleasePlan(
        policy=policy,
        version=version,
        source=_source(policy, params),
        steps=tuple(
            Step.model_construct(weight=weight, bake=bake) for weight, bake in zip(weights, bakes, strict=True)
        ),
        note=str(params.get("note") or ""),
    )


def _source(policy: ReleasePolicy, params: Mapping[str, Any]) -> str:
    if policy.artifact.is_container:
        image = str(params.get("image") or "")
        if not image:
            raise InvalidReleasePlan("Parameter image: it is missing; allowed: an image such as registry.io/app:2.0.0")
        return image
    uri = str(params.get("package_uri") or "")
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" or not parts.hostname:
        raise InvalidReleasePlan(
            f"Parameter package_uri: found {without_secrets(uri)!r}; allowed: an https:// address that the "
            "slot can download, such as a blob's address with a shared access signature"
        )
    return uri


def _weights(policy: ReleasePolicy, asked: Any) -> list[float]:
    if asked is None:
        return [step.weight for step in policy.steps]
    if not isinstance(asked, list | tuple) or not asked:
        raise InvalidReleasePlan(f"Parameter weights: found {quoted(asked)}; allowed: a list such as [10, 25, 50]")
    for weight in asked:
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 100:
            raise InvalidReleasePlan(f"Parameter weights: found {quoted(weight)}; allowed: numbers from 0 to 100")
    if len(asked) > len(policy.steps):
        raise InvalidReleasePlan(
            f"Parameter weights: found {len(asked)} weights; allowed: at most {len(policy.steps)}, "
            "the number of steps in the release file"
        )
    try:
        refuse_weights_that_do_not_rise(list(asked))
    except ValueError as error:
        raise InvalidReleasePlan(f"Parameter weights: {error}") from None
    return [float(weight) for weight in asked]


def _bakes(policy: ReleasePolicy, asked: Any, count: int) -> list[timedelta | None]:
    if asked is None or str(asked).strip() == "":
        return [step.bake for step in policy.steps[:count]]
    try:
        bakes = [parse_bake(text) for text in str(asked).split(",")]
    except ValueError as error:
        raise InvalidReleasePlan(f"Parameter bake: {error}") from None
    if len(bakes) == 1:
        return bakes * count
    if len(bakes) < count:
        raise InvalidReleasePlan(
            f"Parameter bake: found {len(bakes)} bake times for {count} weights; allowed: one for all "
            f"steps or one for each, {ALLOWED_BAKE}, separated by commas"
        )
    return bakes[:count]


def bakes_as_written(steps: tuple[Step, ...]) -> str:
    """The steps' bake times as the run parameter `bake` takes them: one when all are the same."""
    bakes = [format_duration(step.bake) for step in steps]
    return bakes[0] if len(set(bakes)) == 1 else ", ".join(bakes)


def weights_as_written(steps: tuple[Step, ...]) -> list[float]:
    """The steps' weights as the run parameter `weights` takes them; whole numbers without a point."""
    return [int(step.weight) if step.weight.is_integer() else step.weight for step in steps]
