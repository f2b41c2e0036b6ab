"""What App Service takes its time for, deployments and swaps: begun once, and asked how they go.

Azure Resource Manager is asked by path here: Microsoft's client has no method for some of it, and waits or repeats in
the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app_service_canary.errors import (
    AzureRequestRejected,
    AzureResourceMissing,
    OperationInProgress,
    TransientAzureError,
)
from app_service_canary.hooks.deployments import (
    ACCEPTED,
    begun_deployment,
    deployment_status,
    has_ended,
    properties_in,
    replaced_by,
    unknown_beside,
)
from app_service_canary.hooks.management import AzureManagementHook
from app_service_canary.patience import settled
from app_service_canary.release.app_state import PRODUCTION, AppTarget, Deployment, OperationStatus

API_VERSION = "2025-05-01"
"""What azure-mgmt-web 11 speaks; for the calls it has no method for."""

NEVER_REPEAT = {"retry_total": 0}
"""Besides the client's own setting, on the two calls that must not be repeated whatever a client is set to: azure-core
repeats a POST on 500, 503 and 504, and a swap that had begun would be swapped back."""


class AppServiceOperationsHook(AzureManagementHook):
    """Begins deployments and swaps, and asks how they go; see `AppServiceHook`."""

    async def begin_deployment(self, target: AppTarget, properties: Mapping[str, Any]) -> Deployment:
        """Asks the slot to deploy a package from its address (OneDeploy).

        The client's own method sends no body and knows no slots, so the request is built here.
        """
        from azure.core.rest import HttpRequest

        path = await self.resource_id(target, target.slot)
        body = {"properties": {**properties, "trackdeploymentprogress": True}}
        request = HttpRequest("PUT", f"{path}/extensions/onedeploy", params={"api-version": API_VERSION}, json=body)
        doing = f"Deploying to {target}"
        return begun_deployment(await self._send(doing, request, **NEVER_REPEAT), doing, self._deployment_url(path))

    async def read_deployment(self, target: AppTarget, *, production: bool = False) -> str:
        """The id of the last deployment to the slot, or production, or of the one under way; empty without any."""
        doing = f"Reading the last deployment of app '{target.app}'"
        url = self._deployment_url(await self.resource_id(target, PRODUCTION if production else target.slot))
        try:
            response = await self._ask(url, doing)
        except AzureResourceMissing:
            return ""
        return str(properties_in(response, doing).get("id") or "")

    async def deployment_status(self, target: AppTarget, deployment: Deployment) -> OperationStatus:
        """How a deployment goes; a failed one still answers 200, so its body is read.

        App Service tells of the latest deployment, which may be somebody else's; then ours is asked for by its id.
        """
        doing = f"Asking how the deployment to {target} goes"

        async def read() -> dict[str, Any]:
            return properties_in(await self._ask(deployment.url, doing), doing)

        def is_ours(seen: dict[str, Any]) -> bool:
            return not has_ended(seen) or not deployment.id or seen.get("id") == deployment.id

        latest = await settled(read, is_ours)
        if is_ours(latest):
            return deployment_status(latest)
        url = self._deployment_url(await self.resource_id(target, target.slot), deployment.id)
        try:
            return replaced_by(latest, properties_in(await self._ask(url, doing), doing))
        except AzureResourceMissing:
            return unknown_beside(latest)

    @staticmethod
    def _deployment_url(path: str, deployment: str = "latest") -> str:
        return f"{path}/deployments/{deployment}?api-version={API_VERSION}"

    async def begin_swap(self, target: AppTarget) -> str:
        """Asks App Service to swap the slot with production; sent once, whatever happens.

        Returns:
            The address at which to ask how it goes.

        Raises:
            TransientAzureError: no answer, or one without that address: whether it swaps has to be looked for.
        """
        from azure.core.rest import HttpRequest

        path = await self.resource_id(target, target.slot)
        request = HttpRequest(
            "POST",
            f"{path}/slotsswap",
            params={"api-version": API_VERSION},
            json={"targetSlot": PRODUCTION, "preserveVnet": True},
        )
        doing = f"Swapping {target} with production"
        response = await self._send(doing, request, **NEVER_REPEAT)
        if not (url := response.headers.get("Location")):
            raise TransientAzureError(
                f"{doing}: Azure answered {response.status_code} and not where to ask how it goes."
            )
        return str(url)

    async def swap_status(self, url: str) -> OperationStatus:
        """How a swap goes; App Service answers with the error's own status when it gave up.

        Raises:
            AzureRequestRejected: it may not be asked, or does not know the swap; how it goes is not known then.
        """
        try:
            response = await self._ask(url, "Swapping")
        except OperationInProgress as error:  # reading is never refused for that: it is how the swap ended
            return OperationStatus(True, failure=str(error))
        except AzureRequestRejected as error:
            if error.status in (401, 403, 404):
                raise
            return OperationStatus(True, failure=str(error))
        if response.status_code != ACCEPTED:
            properties_in(response, "Asking how the swap goes")  # a page of something in between is no end of a swap
        return OperationStatus(response.status_code != ACCEPTED)
