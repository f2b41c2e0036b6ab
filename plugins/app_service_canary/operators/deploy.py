"""Brings the new version to the slot."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.log import mask_secret

from app_service_canary.errors import DeploymentFailed
from app_service_canary.operators.swap import ASKED_KEY, production_after
from app_service_canary.operators.task import AppServiceOperator, before_of, deadline_of, remember, remembered
from app_service_canary.patience import READ_BACK
from app_service_canary.release.app_state import AppTarget, Deployment
from app_service_canary.release.masking import secrets_of, without_secrets
from app_service_canary.release.ownership import refuse_after_the_swap
from app_service_canary.release.policy import Artifact
from app_service_canary.release.source import image_reference, package_address
from app_service_canary.triggers.app_service import AppServiceOperationTrigger
from app_service_canary.triggers.waiting import SUCCEEDED

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook

_STARTED = "deployment"
"""Remembered: a deployment that was begun is joined by the next try, not begun again. One whose
answer was lost cannot be told from somebody else's: it is waited for, and then the package is deployed again."""


class AppServiceDeployOperator(AppServiceOperator):
    """Deploys a package by its address (OneDeploy), or a container image, and waits for it.

    Args:
        source: the package's address or the image. Templated, but not stored with the rendered fields: an
            address may carry a signature.
        artifact: what it is and how it is laid down.
        preflight_task_id: the task that recorded what was there before.
        swap_task_id: the task that swaps; once it has, nothing is deployed to the slot any more.
        timeout: how long the deployment may take, over all tries that join it.
        poll_interval: pause between two questions.
    """

    def __init__(
        self,
        *,
        source: str,
        artifact: Artifact | None = None,
        preflight_task_id: str = "preflight",
        swap_task_id: str = "swap",
        timeout: timedelta = timedelta(minutes=20),
        poll_interval: timedelta = timedelta(seconds=5),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source, self.artifact = source, artifact or Artifact()
        self.preflight_task_id, self.swap_task_id = preflight_task_id, swap_task_id
        self.timeout, self.poll_interval = timeout, poll_interval

    def act(self, context: Context) -> Any:
        self._refuse_after_the_swap(context)
        source = self._source(context)
        if self.artifact.is_container:
            image = image_reference(source, self.artifact)
            self.with_hook(lambda hook: hook.set_image(self.target, image, self.artifact.os))
            self.log.info("%s runs image %s now.", self.target.at_start, source)
            return {"source": source, "image": source}
        deployment = self._begun(context, source)
        return self.wait_with(
            AppServiceOperationTrigger(
                operation="deployment",
                operation_url=deployment.url,
                deployment_id=deployment.id,
                deadline=deadline_of(context, self.timeout),
                **self.trigger_arguments(self.poll_interval),
            ),
            context,
        )

    def _refuse_after_the_swap(self, context: Context) -> None:
        """A person may clear this task when its run has swapped, and what it brings would take the stable version's
        place.

        Raises:
            PreflightRefused: it has.
        """
        before = before_of(context, self.preflight_task_id)
        asked = context["ti"].xcom_pull(task_ids=self.swap_task_id, key=ASKED_KEY)
        if before is None or asked is None:
            return
        production = self.with_hook(lambda hook: production_after(hook, self.target, before, asked, READ_BACK))
        refuse_after_the_swap(self.target, before, production)

    def _begun(self, context: Context, source: str) -> Deployment:
        if begun := remembered(context, _STARTED):
            self.log.info("Joining the deployment that an earlier try of this task began.")
            return Deployment(**begun)
        deployment = self.with_hook(lambda hook: deploy_package(hook, self.target, self.artifact, source), self.timeout)
        remember(context, _STARTED, {"id": deployment.id, "url": deployment.url})
        self.log.info("Deploying %s to %s.", without_secrets(source), self.target)
        return deployment

    def finish(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        begun = remembered(context, _STARTED) or {}
        source, message = self._source(context), event["message"]
        for secret in secrets_of(source):
            message = message.replace(secret, "***")
        if event["status"] != SUCCEEDED:
            raise DeploymentFailed(
                f"{self.target.at_start} did not take the package: {message} "
                "No traffic was moved. Look at the slot's deployment log."
            )
        self.log.info("%s", message)
        return {"source": without_secrets(source), "deployment_id": begun.get("id", "")}

    def _source(self, context: Context) -> str:
        """The package's address or image, rendered; what must not be shown of it is masked in this process."""
        source = str(self.render_template(self.source, context))
        for secret in secrets_of(source):
            mask_secret(secret)
        return source


async def deploy_package(hook: AppServiceHook, target: AppTarget, artifact: Artifact, source: str) -> Deployment:
    """Asks the slot to deploy a package, if the release file and the connection let it come from there.

    Raises:
        InvalidReleasePlan: they do not; nothing was asked.
    """
    allow_http = (await hook.settings()).allow_http_packages
    package = package_address(source, artifact, allow_http=allow_http)
    path = {"path": artifact.path} if artifact.path else {}
    properties = {"packageUri": package, "type": artifact.type.value, "clean": artifact.clean, "restart": True, **path}
    return await hook.begin_deployment(target, properties)
