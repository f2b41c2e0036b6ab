"""The answers that faults give in place of the real one."""

from collections.abc import Callable
from typing import Any

import aiohttp.web

from app_service_simulator.arm import errors
from app_service_simulator.faults.fault import Fault
from app_service_simulator.log_analytics import errors as log_errors
from app_service_simulator.prometheus import errors as prometheus_errors
from app_service_simulator.visit import Visit

PAGE = """<!DOCTYPE html>
<html><head><title>Our services aren't available right now</title></head>
<body><h1>Our services aren't available right now</h1>
<p>We're working to restore all services as soon as possible. Please check back soon.</p></body></html>
"""
"""What Azure's front doors show people when nothing is behind them."""

Reply = Callable[[Fault, Visit, str], errors.AzureError]


def reply(fault: Fault, visit: Visit, tenant: str) -> aiohttp.web.Response:
    """The answer of a kind in REPLIES or of `not_json`, in the shape of the service that is asked."""
    if fault.do == "not_json":
        return aiohttp.web.Response(text=PAGE, status=fault.option("status"), content_type="text/html")
    error = REPLIES[fault.do](fault, visit, tenant)
    if visit.operation.startswith("Entra_"):
        return aiohttp.web.json_response(_oauth(error), status=error.status, headers=error.headers)
    if visit.operation.startswith("LogsQuery_"):
        return log_errors.translated(error).response()
    if visit.operation.startswith("Prometheus_"):
        return prometheus_errors.translated(error).response()
    return error.response()


def _resource_manager(status: int, code: str, message: str, cause: str = "gateway") -> Reply:
    return lambda fault, visit, tenant: errors.ResourceManagerError(status, code, message, cause=cause)


def _throttled(fault: Fault, visit: Visit, tenant: str) -> errors.AzureError:
    return errors.ResourceManagerError(
        429,
        "TooManyRequests",
        "The request is being throttled as the limit has been reached for operation type - "
        f"{'Reads' if visit.request.method in ('GET', 'HEAD') else 'Writes'}.",
        headers={"Retry-After": str(fault.option("retry_after"))},
    )


def _expired_token(fault: Fault, visit: Visit, tenant: str) -> errors.AzureError:
    return errors.expired_token(visit.authority, tenant)


def _forbidden(fault: Fault, visit: Visit, tenant: str) -> errors.AzureError:
    return errors.authorization_failed(visit.principal or "", visit.action or visit.operation, visit.scope)


def _locked(fault: Fault, visit: Visit, tenant: str) -> errors.AzureError:
    return errors.scope_locked(visit.scope)


def _in_progress(fault: Fault, visit: Visit, tenant: str) -> errors.AzureError:
    return errors.another_operation("Id: 00000000-0000-0000-0000-000000000000, OperationName: Update")


def _arm_error(fault: Fault, visit: Visit, tenant: str) -> errors.AzureError:
    return errors.ResourceManagerError(
        fault.option("status"), fault.option("code"), fault.option("message"), cause="service"
    )


def _app_service_error(fault: Fault, visit: Visit, tenant: str) -> errors.AzureError:
    return errors.AppServiceError(
        fault.option("status"), fault.option("code"), fault.option("message"), fault.option("extended_code")
    )


REPLIES: dict[str, Reply] = {
    "throttled": _throttled,
    "server_error": lambda fault, visit, tenant: errors.server_error(),
    "bad_gateway": _resource_manager(502, "BadGateway", "The gateway received an invalid response from the service."),
    "server_timeout": _resource_manager(503, "ServerTimeout", "The request timed out.", "service"),
    "gateway_timeout": lambda fault, visit, tenant: errors.gateway_timeout(),
    "expired_token": _expired_token,
    "forbidden": _forbidden,
    "locked": _locked,
    "exclusive_lock": lambda fault, visit, tenant: errors.exclusive_lock(),
    "in_progress": _in_progress,
    "arm_error": _arm_error,
    "app_service_error": _app_service_error,
}
"""The error of each kind that answers with one."""


def _oauth(error: errors.AzureError) -> dict[str, Any]:
    # https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    return {
        "error": "temporarily_unavailable" if error.status in (429, 500, 502, 503, 504) else "invalid_request",
        "error_description": f"AADSTS90033: A transient error has occurred. Please try again. ({error})",
        "error_codes": [90033],
    }
