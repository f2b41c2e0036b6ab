"""What one run does: a policy and what this run was asked to release."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.release.durations import ALLOWED_BAKE, format_duration, parse_bake
from app_service_canary.release.masking import without_secrets
from app_service_canary.release.policy import ReleasePolicy, Step, refuse_weights_that_do_not_rise
from app_service_canary.release.quoting import quoted, storable
from app_service_canary.release.source import END, image_reference, package_address

VERSION_PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9._+-]{{0,63}}{END}"
BAKE_PATTERN = r"^\s*(manual|(\d+[dhms])+)(\s*,\s*(manual|(\d+[dhms])+))*\s*$"
LONGEST_BAKE = 1000
"""Characters: 20 steps with a bake time of each unit take some 300."""

LONGEST_NOTE = 2000
"""Characters: a page, which is what a manager may read."""


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


def plan_release(policy: ReleasePolicy, params: Mapping[str, Any], *, allow_http_packages: bool = False) -> ReleasePlan:
    """Reads a run's parameters against the app's release file.

    Args:
        policy: the release file.
        params: `version`, `package_uri` or `image`, and optionally `note`, `weights` and `bake`.
        allow_http_packages: the connection lets packages come by plain http.

    Raises:
        InvalidReleasePlan: a parameter cannot be followed; names it, its value and what is allowed.
    """
    weights = _weights(policy, params.get("weights"))
    bakes = _bakes(policy, params.get("bake"), len(weights))
    return ReleasePlan(
        policy=policy,
        version=_version(params.get("version")),
        source=(
            image_reference(params.get("image"), policy.artifact)
            if policy.artifact.is_container
            else package_address(params.get("package_uri"), policy.artifact, allow_http=allow_http_packages)
        ),
        steps=tuple(
            Step.model_construct(weight=weight, bake=bake) for weight, bake in zip(weights, bakes, strict=True)
        ),
        note=_note(params.get("note")),
    )


def _version(found: Any) -> str:
    if found is None or found == "":
        raise InvalidReleasePlan("Parameter version: it is missing; allowed: the new version's name, such as 2.0.0")
    if not isinstance(found, str) or not re.match(VERSION_PATTERN, found):
        raise InvalidReleasePlan(
            f"Parameter version: found {quoted(found)}; allowed: up to 64 letters, digits, dots, dashes, underscores "
            "and plus signs, such as 2.0.0"
        )
    return found


def _note(found: Any) -> str:
    if not isinstance(found, str | None) or len(found or "") > LONGEST_NOTE:
        raise InvalidReleasePlan(
            f"Parameter note: found {quoted(found)}; allowed: text of at most {LONGEST_NOTE} characters"
        )
    return storable(found or "")


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
    if asked is None or (isinstance(asked, str) and not asked.strip()):
        return [step.bake for step in policy.steps[:count]]
    if not isinstance(asked, str) or len(asked) > LONGEST_BAKE:
        raise InvalidReleasePlan(f"Parameter bake: found {quoted(asked)}; allowed: {ALLOWED_BAKE}")
    try:
        bakes = [parse_bake(text) for text in asked.split(",")]
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
