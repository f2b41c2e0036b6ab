"""The form with which a run is triggered; what its schema cannot refuse, preflight does."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from app_service_canary.release.plan import (
    BAKE_PATTERN,
    LONGEST_BAKE,
    LONGEST_NOTE,
    VERSION_PATTERN,
    bakes_as_written,
    weights_as_written,
)
from app_service_canary.release.policy import ReleasePolicy
from app_service_canary.release.source import IMAGE_PATTERN, LONGEST_ADDRESS, LONGEST_IMAGE, PACKAGE_PATTERN


def run_params(policy: ReleasePolicy) -> dict[str, Param]:
    """What a run of this app's DAG is asked for: what to release is required, the pace is prefilled."""
    return {"version": _version(), **_source(policy), **_pace(policy), "note": _note()}


def _version() -> Param:
    return Param(
        type="string",
        title="Version",
        description="What people call the new version; the app has to say it too where the release file has a "
        "version_path.",
        examples=["2.0.0", "2026-11-22.1"],
        pattern=VERSION_PATTERN,
        minLength=1,
    )


def _source(policy: ReleasePolicy) -> dict[str, Param]:
    if policy.artifact.is_container:
        image = Param(
            type="string",
            title="Container image",
            description="Registry, name and tag or digest; the slot must be allowed to pull it.",
            examples=["contoso.azurecr.io/web:2.0.0"],
            pattern=IMAGE_PATTERN,
            maxLength=LONGEST_IMAGE,
        )
        return {"image": image}
    package = Param(
        type="string",
        title="Package address",
        description=f"https:// address of the {policy.artifact.type.value} package, which the slot downloads. A "
        "shared access signature in it is hidden in logs, but stays readable in the run's configuration: give it a "
        "short life.",
        examples=["https://contosopackages.blob.core.windows.net/web/web-2.0.0.zip?sv=…&sig=…"],
        # With http too: the form cannot know whether the connection allows it. Preflight does.
        pattern=PACKAGE_PATTERN,
        maxLength=LONGEST_ADDRESS,
    )
    return {"package_uri": package}


def _pace(policy: ReleasePolicy) -> dict[str, Param]:
    count = len(policy.steps)
    weights: dict[str, Any] = {
        "type": "array",
        "items": {"type": "number", "minimum": 0, "maximum": 100},
        "minItems": 1,
        "maxItems": count,
    }
    return {
        "weights": Param(
            weights_as_written(policy.steps),
            title="Weights",
            description="Percent of new users sent to the new version, step by step, rising, such as [10, 50]; at most "
            f"{count} steps. Fewer make a shorter release.",
            # No examples: Airflow's form would offer each list as one value, and take no others.
            **weights,
        ),
        "bake": Param(
            bakes_as_written(policy.steps),
            type="string",
            title="Bake time",
            description="How long each step is watched: one for all, or one for each, separated by commas; "
            "“manual” waits until a person marks the step's watch as success.",
            examples=["15m", "5m, 15m, 1h", "manual"],
            pattern=BAKE_PATTERN,
            maxLength=LONGEST_BAKE,
        ),
    }


def _note() -> Param:
    return Param(
        "",
        # With null, for else Airflow's form does not let a run be triggered without a note.
        type=["string", "null"],
        format="multiline",
        title="Note",
        description="Shown to the manager who is asked to approve.",
        maxLength=LONGEST_NOTE,
    )
