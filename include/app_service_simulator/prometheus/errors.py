"""Prometheus' errors.

https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
"""

import aiohttp.web

from app_service_simulator.arm.errors import AzureError

_TYPES = {400: "bad_data", 404: "not_found", 422: "execution", 503: "unavailable"}
"""Prometheus' word by HTTP status; the others are internal."""


class PrometheusError(AzureError):
    """`{"status": "error", "errorType", "error"}`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def response(self) -> aiohttp.web.Response:
        body = {"status": "error", "errorType": _TYPES.get(self.status, "internal"), "error": self.message}
        return aiohttp.web.json_response(body, status=self.status, headers=self.headers)


def bad_data(parameter: str, problem: str) -> PrometheusError:
    """400 for a parameter that is not in order."""
    return PrometheusError(400, f'invalid parameter "{parameter}": {problem}')


def translated(error: AzureError) -> PrometheusError:
    """What Prometheus says instead of an error of Azure's."""
    found = PrometheusError(error.status, str(error))
    found.headers = error.headers
    return found
