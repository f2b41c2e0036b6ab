"""The errors of Log Analytics' query API.

https://learn.microsoft.com/azure/azure-monitor/logs/api/errors
"""

from collections.abc import Mapping
from typing import Any

import aiohttp.web

from app_service_simulator.arm.errors import AzureError
from app_service_simulator.kql.errors import Refused, SyntaxRefused

BAD_ARGUMENT = "BadArgumentError"

_SENTENCES = {
    BAD_ARGUMENT: "The request had some invalid properties",
    "PathNotFoundError": "The requested path does not exist",
    "InsufficientAccessError": "The provided credentials have insufficient access to perform the requested operation",
}
"""Microsoft's sentence for each code; what went wrong is in the innermost error."""

_TRANSLATED = {
    "ExpiredAuthenticationToken": (403, "InvalidAuthenticationToken"),
    "InvalidAuthenticationToken": (403, "InvalidAuthenticationToken"),
    "InvalidAuthenticationTokenAudience": (403, "InvalidAuthenticationTokenAudience"),
    "InvalidResourceType": (404, "PathNotFoundError"),
    "InvalidResourceNamespace": (404, "PathNotFoundError"),
    "HttpMethodNotSupported": (404, "PathNotFoundError"),
    "InvalidRequestContent": (400, BAD_ARGUMENT),
    "AuthorizationFailed": (403, "InsufficientAccessError"),
}
"""What Log Analytics answers where Resource Manager answers the code on the left."""


class LogAnalyticsError(AzureError):
    """`{"error": {"code", "message", "innererror"}}`; `inner` is null where nothing more is known."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str = "",
        inner: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.code, self.inner = status, code, inner
        self.message = message or _SENTENCES[code]
        self.headers = headers or {}
        super().__init__(self.message)

    def response(self) -> aiohttp.web.Response:
        error: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.inner:
            error["innererror"] = self.inner
        return aiohttp.web.json_response({"error": error}, status=self.status, headers=self.headers)


def translated(error: AzureError) -> AzureError:
    """What Log Analytics says instead of an error of Resource Manager or App Service."""
    if isinstance(error, LogAnalyticsError):
        return error
    code = str(getattr(error, "code", "InternalServerError"))
    status, code = _TRANSLATED.get(code, (error.status, code))
    if code in _SENTENCES:
        return LogAnalyticsError(status, code, inner={"code": code, "message": str(error)}, headers=error.headers)
    return LogAnalyticsError(status, code, str(error), headers=error.headers)


def refused(reason: Refused) -> LogAnalyticsError:
    """400 for a query that cannot be carried out."""
    innermost: dict[str, Any] = {"code": reason.code, "message": reason.message}
    if isinstance(reason, SyntaxRefused):
        innermost |= {"line": reason.line, "pos": reason.column, "token": reason.token}
        inner = {"code": "SyntaxError", "message": "A recognition error occurred in the query."}
    else:
        inner = {"code": "SemanticError", "message": "A semantic error occurred."}
    return LogAnalyticsError(400, BAD_ARGUMENT, inner={**inner, "innererror": innermost})


def bad_argument(message: str) -> LogAnalyticsError:
    """400 for a request that is not in order."""
    return LogAnalyticsError(400, BAD_ARGUMENT, inner={"code": "InvalidArgument", "message": message})


def no_access(action: str) -> LogAnalyticsError:
    """403 without the permission. Log Analytics does not name it; the innermost error does, to be helpful."""
    return LogAnalyticsError(
        403, "InsufficientAccessError", inner={"code": "AuthorizationFailed", "message": f"{action} is needed."}
    )


def no_such_path() -> LogAnalyticsError:
    """404, for a workspace that does not exist too."""
    return LogAnalyticsError(404, "PathNotFoundError")
