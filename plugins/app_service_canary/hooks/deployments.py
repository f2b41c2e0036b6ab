"""Deployments as App Service's deployment service (Kudu) writes them, understood.

https://github.com/projectkudu/kudu/blob/master/Kudu.Services/Deployment/DeploymentController.cs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app_service_canary.hooks.azure_errors import ODD_BODY, unreadable
from app_service_canary.release.app_state import Deployment, OperationStatus
from app_service_canary.release.masking import without_queries

if TYPE_CHECKING:
    from azure.core.rest import AsyncHttpResponse

ID_HEADER = "SCM-DEPLOYMENT-ID"
"""The id that a deployment will have; sent when asked to track the deployment's progress."""

ACCEPTED = 202

FAILED, SUCCEEDED = 3, 4
"""Kudu's DeployStatus; 0 to 2 are pending, building and deploying."""


def begun_deployment(response: AsyncHttpResponse, doing: str, latest_url: str) -> Deployment:
    """A deployment that was accepted; without a Location, it is the slot's latest.

    Raises:
        TransientAzureError: another answer than 202 that tells of no deployment, as a page of something in between.
    """
    if response.status_code != ACCEPTED and not properties_in(response, doing):
        raise unreadable(doing, "it tells of no deployment")
    return Deployment(response.headers.get(ID_HEADER) or "", response.headers.get("Location") or latest_url)


def properties_in(response: AsyncHttpResponse, doing: str) -> dict[str, Any]:
    """The `properties` of an answer; none of an empty one, as while nothing is known yet.

    Raises:
        TransientAzureError: it is not JSON, or no resource.
    """
    try:
        return dict(response.json().get("properties") or {}) if response.text().strip() else {}
    except ODD_BODY as error:
        raise unreadable(doing, error) from error


def has_ended(properties: Mapping[str, Any]) -> bool:
    """Whether a deployment is over, well or not."""
    return properties.get("status") in (FAILED, SUCCEEDED)


def deployment_status(properties: Mapping[str, Any]) -> OperationStatus:
    """How a deployment goes."""
    if properties.get("status") != FAILED:
        return OperationStatus(has_ended(properties))
    text = properties.get("status_text") or properties.get("message") or "no reason given"
    return OperationStatus(True, failure=without_queries(str(text)))


def replaced_by(other: Mapping[str, Any], ours: Mapping[str, Any]) -> OperationStatus:
    """How our deployment went, when another one has ended that the slot calls its latest.

    While ours goes on, the latest that has ended is the one before it.
    """
    status = deployment_status(ours)
    if not status.done or status.failure:
        return status
    return OperationStatus(True, failure=f"{_named(other)} came after it and took its place.")


def unknown_beside(other: Mapping[str, Any]) -> OperationStatus:
    """The slot does not know our deployment, only another one that has ended: ours is not there yet, or went away with
    the slot's content when somebody swapped it."""
    return OperationStatus(False, unknown_beside=_named(other))


def _named(deployment: Mapping[str, Any]) -> str:
    return f"Deployment {deployment.get('id')} by {deployment.get('deployer') or 'somebody'}"
