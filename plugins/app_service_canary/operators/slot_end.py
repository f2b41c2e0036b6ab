"""What becomes of the slot after a rollback, for the users who are still pinned to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from app_service_canary.errors import AppServiceCanaryError
from app_service_canary.operators.deploy import deploy_package
from app_service_canary.operators.slot_content import SlotContent
from app_service_canary.operators.stable import address_of
from app_service_canary.operators.task import remember, remembered
from app_service_canary.release.app_state import Deployment
from app_service_canary.release.masking import without_values
from app_service_canary.release.policy import AfterRollback, Artifact
from app_service_canary.release.stable import SlotEnd, Stable, slot_end

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.operators.task import AppServiceOperator

_HEALING_ASKED = "healing_asked"
"""Remembered: from here on the slot may hold what heals it."""

_HEALED_WITH = "healed_with"
"""State key: the image or the deployment that healed it, which a person who clears the task finds there."""

STAYING = "Users pinned to slot '{slot}' by their cookie stay there for up to an hour; it is left running."
HEALED = "Slot '{slot}' has version {version} again, for the users pinned to it by their cookie."
STOPPED = "Slot '{slot}' is stopped: users pinned to it by their cookie get an error page for up to an hour."
STOPPED_AGAIN = "Slot '{slot}' is stopped again, as it was before."


@dataclass(frozen=True)
class Ended:
    """What was done with the slot.

    Attributes:
        sentence: for people; the one that will be true when `deployment` has ended well.
        deployment: of the stable version to the slot, to be waited for; None: nothing is.
    """

    sentence: str
    deployment: Deployment | None = None


@dataclass(frozen=True)
class SlotEnding:
    """Leaves, stops or heals the slot. Whatever fails here, new users are on the stable version already.

    Attributes:
        task: on whose behalf.
        wish: the release file's `after_rollback`.
        artifact: what the app's releases bring.
        patience: how long trouble that passes is borne.
        content: what this release knows of the versions that the slot may hold.
        deploy_task_id: the task that brought the release to the slot.
    """

    task: AppServiceOperator
    wish: AfterRollback
    artifact: Artifact
    patience: timedelta
    content: SlotContent
    deploy_task_id: str = "deploy"

    def end(
        self, context: Context, stable: Stable | None, *, running: bool, was_running: bool, users_sent: bool
    ) -> Ended:
        """Does what is to be done; `stable` is what production holds, the others are as in `slot_end`."""
        what = slot_end(self.wish, running=running, was_running=was_running, users_sent=users_sent)
        try:
            if what is SlotEnd.STOP:
                self.task.with_hook(lambda hook: hook.stop_slot(self.task.target), self.patience)
                return self._said(STOPPED if users_sent else STOPPED_AGAIN)
            if what is SlotEnd.HEAL:
                return self._heal(context, stable)
        except AppServiceCanaryError as error:
            return self.in_vain(str(error))
        return self._said(STAYING) if running and users_sent else Ended("")

    def in_vain(self, why: str) -> Ended:
        """What is said when the slot could not be stopped or healed."""
        tried = "stopped" if self.wish is AfterRollback.STOP else "healed"
        return Ended(f"{self._said(STAYING).sentence} It could not be {tried}: {why}")

    def _heal(self, context: Context, stable: Stable | None) -> Ended:
        if stable is None:
            return self.in_vain("no release promoted from here tells what production holds.")
        if stable.source == (context["ti"].xcom_pull(task_ids=self.deploy_task_id) or {}).get("source"):
            return self.in_vain(
                f"{stable.source} is where this release came from too; versions need addresses of their own."
            )
        if foreign := self._foreign(context):
            return self.in_vain(foreign)
        remember(context, _HEALING_ASKED, True)
        healed = self._said(HEALED, version=stable.version)
        target, store = self.task.target, context["task_state_store"]
        if self.artifact.is_container:
            store.set(_HEALED_WITH, stable.source)
            self.task.with_hook(lambda hook: hook.set_image(target, stable.source, self.artifact.os), self.patience)
            return healed
        address = address_of(context, stable)
        if address is None:
            return self.in_vain(f"the signature in the address of {stable.source} is not known any more, or has ended.")
        try:
            deployment = self.task.with_hook(
                lambda hook: deploy_package(hook, target, self.artifact, address), self.patience
            )
        except AppServiceCanaryError as error:
            return self.in_vain(without_values(str(error), address))
        store.set(_HEALED_WITH, deployment.id)
        return Ended(healed.sentence, deployment)

    def _foreign(self, context: Context) -> str:
        """What speaks against overwriting what the slot holds: somebody has deployed there. Empty: nothing does."""
        if remembered(context, _HEALING_ASKED):
            return ""  # by now it may be what an earlier try brought, whose answer was lost
        content, task = self.content, self.task
        found = task.with_hook(
            lambda hook: content.found_instead(hook, task.target, content.canary, self.patience, task.log),
            self.patience,
        )
        if not found or found == context["task_state_store"].get(_HEALED_WITH):
            return ""
        return (
            f"it holds {content.kind} {found}, and this release brought {content.canary}; somebody deployed there, and "
            "that was not overwritten."
        )

    def _said(self, sentence: str, version: str = "") -> Ended:
        return Ended(sentence.format(slot=self.task.slot, version=version))
