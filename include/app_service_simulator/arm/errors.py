"""The errors Azure answers with, in its two shapes.

    AzureError
    ├── ResourceManagerError   {"error": {"code", "message"}}        Resource Manager itself, most providers
    ├── AppServiceError        {"Code", "Message", "Details", …}     Microsoft.Web
    └── PlainError             text                                  Kudu

One function or constant per error, with Microsoft's own sentence where one is known.
"""

import uuid
from collections.abc import Mapping
from typing import Any

import aiohttp.web


class AzureError(Exception):
    """An answer other than the one asked for."""

    status: int
    headers: Mapping[str, str] = {}

    def response(self) -> aiohttp.web.Response:
        """The HTTP answer."""
        raise NotImplementedError


class ResourceManagerError(AzureError):
    """`cause` is what x-ms-failure-cause says: gateway (Resource Manager) or service (the provider)."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        cause: str = "gateway",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = {"x-ms-failure-cause": cause, **(headers or {})}

    def response(self) -> aiohttp.web.Response:
        body = {"error": {"code": self.code, "message": self.message}}
        return aiohttp.web.json_response(body, status=self.status, headers=self.headers)


class AppServiceError(AzureError):
    """The resource provider's own shape, which azure-core's ARMErrorFormat cannot read.

    `code` is usually the status's name, and the number itself for 429, as recorded.
    """

    def __init__(self, status: int, code: str, message: str, extended_code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.extended_code = status, code, message, extended_code

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        entity: dict[str, Any] = {"Code": self.code, "Message": self.message}
        if self.extended_code:
            entity = {
                "ExtendedCode": self.extended_code,
                "MessageTemplate": self.message,
                "Parameters": [],
                **entity,
            }
        details = [{"Message": self.message}, {"Code": self.code}, {"ErrorEntity": entity}]
        return {
            "Code": self.code,
            "Message": self.message,
            "Target": None,
            "Details": details,
            "Innererror": None,
        }

    def response(self) -> aiohttp.web.Response:
        return aiohttp.web.json_response(self.body(), status=self.status, headers=self.headers)


class PlainError(AzureError):
    """Kudu's errors: a sentence as text."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.headers = headers or {}

    def response(self) -> aiohttp.web.Response:
        return aiohttp.web.json_response(self.message, status=self.status, headers=self.headers)


def invalid_token(authority: str, tenant: str, message: str, *, code: str = "InvalidAuthenticationToken") -> AzureError:
    """401: no token, one we did not issue, or one for another audience."""
    challenge = f'Bearer authorization_uri="{authority}/{tenant}", error="invalid_token", error_description="{message}"'
    return ResourceManagerError(401, code, message, headers={"WWW-Authenticate": challenge})


def expired_token(authority: str, tenant: str) -> AzureError:
    return invalid_token(
        authority, tenant, "The access token expiry UTC time has passed.", code="ExpiredAuthenticationToken"
    )


def object_id(client_id: str) -> str:
    """The service principal's object id in the tenant: another one than the application's, and always the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, client_id))


def authorization_failed(client_id: str, action: str, scope: str) -> AzureError:
    """403 for a principal whose roles do not have the action."""
    return ResourceManagerError(
        403,
        "AuthorizationFailed",
        f"The client '{client_id}' with object id '{object_id(client_id)}' does not have authorization to perform "
        f"action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please "
        "refresh your credentials.",
    )


def linked_authorization_failed(client_id: str, action: str, scope: str, linked: str, linked_scope: str) -> AzureError:
    """403 for a principal that may do what it asks, but not use another resource for it."""
    return ResourceManagerError(
        403,
        "LinkedAuthorizationFailed",
        f"The client '{client_id}' with object id '{object_id(client_id)}' has permission to perform action '{action}' "
        f"on scope '{scope}'; however, it does not have permission to perform action '{linked}' on the linked scope(s) "
        f"'{linked_scope}' or the linked scope(s) are invalid.",
    )


def scope_locked(scope: str) -> AzureError:
    """409 under a resource lock; a lock on an app holds for what is below it."""
    return ResourceManagerError(
        409,
        "ScopeLocked",
        f"The scope '{scope}' cannot perform write operation because following scope(s) are locked: '{scope}'. "
        "Please remove the lock and try again.",
    )


def missing_api_version() -> AzureError:
    return ResourceManagerError(
        400,
        "MissingApiVersionParameter",
        "The api-version query parameter (?api-version=) is required for all requests.",
    )


def invalid_api_version(version: str) -> AzureError:
    return ResourceManagerError(400, "InvalidApiVersionParameter", f"The api-version '{version}' is invalid.")


def subscription_not_found(subscription: str) -> AzureError:
    return ResourceManagerError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")


def resource_group_not_found(group: str) -> AzureError:
    return ResourceManagerError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def resource_not_found(resource: str, group: str) -> AzureError:
    return ResourceManagerError(
        404,
        "ResourceNotFound",
        f"The Resource '{resource}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def unknown_namespace(namespace: str) -> AzureError:
    return ResourceManagerError(404, "InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid.")


def unknown_operation(method: str, path: str) -> AzureError:
    return ResourceManagerError(
        404,
        "InvalidResourceType",
        f"The resource type could not be found: the simulator has no operation {method} {path}.",
    )


def method_not_allowed(method: str) -> AzureError:
    return ResourceManagerError(
        405, "HttpMethodNotSupported", f"The HTTP method '{method}' is not supported at this scope."
    )


def invalid_content(message: str) -> AzureError:
    return ResourceManagerError(400, "InvalidRequestContent", f"The request content was invalid: {message}")


def gateway_timeout() -> AzureError:
    """504: the provider may have done what was asked; the recordings show it on reads and writes."""
    return ResourceManagerError(
        504,
        "GatewayTimeout",
        "The gateway did not receive a response from 'Microsoft.Web' within the specified time period.",
        cause="service",
    )


def bad_request(message: str, extended_code: str | None = None) -> AppServiceError:
    return AppServiceError(400, "BadRequest", message, extended_code)


def unknown_member(member: str, kind: str) -> AppServiceError:
    return bad_request(f"Could not find member '{member}' on object of type '{kind}'.")


def not_found(message: str) -> AppServiceError:
    return AppServiceError(404, "NotFound", message, "51004")


def conflict(message: str, extended_code: str | None = None) -> AppServiceError:
    return AppServiceError(409, "Conflict", message, extended_code)


def server_error() -> AppServiceError:
    return AppServiceError(500, "InternalServerError", "There was an unexpected error.")


def another_operation(details: str) -> AppServiceError:
    """409 while an operation holds the app."""
    return conflict(f"Cannot modify this site because another operation is in progress. Details: {details}", "59203")


def exclusive_lock() -> AppServiceError:
    """429 of the provider itself, seen after a write that timed out."""
    return AppServiceError(
        429,
        "429",
        "Cannot acquire exclusive lock to create, update or delete this site. Retry the request later.",
        "59206",
    )


def prepared_for_swap() -> AppServiceError:
    return conflict("The slot cannot be changed because its configuration settings have been prepared for swap.")
