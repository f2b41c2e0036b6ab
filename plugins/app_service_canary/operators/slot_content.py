"""What the slot holds, looked at before the way back does anything with it: somebody may have deployed there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import AppServiceCanaryError
from app_service_canary.operators.task import record_of
from app_service_canary.patience import patiently, settled
from app_service_canary.release.app_state import AppTarget

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook

A_GLANCE = timedelta(seconds=15)
"""How long trouble with the question is borne: users may be on a bad version meanwhile."""


@dataclass(frozen=True)
class SlotContent:
    """What a release knows of the two versions that its slot may hold.

    Attributes:
        stable: the image or deployment that production had before the release; empty: not known.
        canary: the one that the release brought; empty: not known.
        image_os: the operating system when the artifact is a container; None for a package.
    """

    stable: str = ""
    canary: str = ""
    image_os: str | None = None

    @classmethod
    def of(cls, context: Context, preflight_task_id: str, deploy_task_id: str) -> SlotContent:
        """What `preflight` and `deploy` left; nothing is known in a run that an older version of this package began."""
        record = record_of(context, preflight_task_id) or {}
        if "production_content" not in record:
            return cls()
        deployed = context["ti"].xcom_pull(task_ids=deploy_task_id) or {}
        brought = deployed.get("image") or deployed.get("deployment_id") or ""
        return cls(record["production_content"], brought, record["image_os"])

    @property
    def kind(self) -> str:
        """How it is told apart, for sentences."""
        return "image" if self.image_os else "deployment"

    async def found_instead(
        self, hook: AppServiceHook, target: AppTarget, expected: str, patience: timedelta, log: Any
    ) -> str:
        """What the slot holds that this release does not know.

        Args:
            hook, target: whom to ask, of what.
            expected: `stable` or `canary`, which it should hold now. The other one is an answer of the time before
                the last swap. Empty: not known, and then it may hold anything.
            patience: how long trouble is borne at most; no longer than a glance.
            log: where it is told when Azure does not say.

        Returns:
            The image or the deployment's id; empty when it is one of ours, or Azure does not say within a glance: what
            is good to know does not hold up the way back.
        """
        if not expected:
            return ""

        async def look() -> str:
            return await settled(lambda: hook.read_content(target, self.image_os), lambda seen: seen == expected)

        try:
            found = await patiently(look, min(A_GLANCE, patience), log)
        except AppServiceCanaryError as error:
            log.warning("%s What %s holds is not known, and taken for what was left there.", error, target)
            return ""
        return "" if found in (self.stable, self.canary) else found
