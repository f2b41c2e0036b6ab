"""Answers of Resource Manager and Microsoft.Web: their headers, ETags and dates."""

import math
import uuid
from datetime import datetime, timezone
from typing import Any

import aiohttp.web

from app_service_simulator.arm.routes import Call
from app_service_simulator.slot import Slot

FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=timezone.utc)
"""Windows counts from here, in units of 100 ns."""

ALWAYS = {
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
"""On every recorded answer."""


def decorate(response: aiohttp.web.StreamResponse, request: aiohttp.web.Request, now: datetime) -> None:
    """Adds the headers every answer of Resource Manager has."""
    identifier = str(uuid.uuid4())
    response.headers.update(ALWAYS)
    response.headers["x-ms-request-id"] = identifier
    response.headers["x-ms-correlation-request-id"] = identifier
    response.headers["x-ms-routing-request-id"] = f"SIMULATOR:{now:%Y%m%dT%H%M%SZ}:{identifier}"
    wanted = request.headers.get("x-ms-return-client-request-id", "").lower() == "true"
    if wanted and "x-ms-client-request-id" in request.headers:
        response.headers["x-ms-client-request-id"] = request.headers["x-ms-client-request-id"]


def json(body: Any, *, status: int = 200, etag: str | None = None) -> aiohttp.web.Response:
    headers = {"ETag": etag} if etag else {}
    return aiohttp.web.json_response(body, status=status, headers=headers)


def empty(*, status: int = 200, etag: str | None = None) -> aiohttp.web.Response:
    """No body, as start, stop, restart and DELETE answer."""
    return aiohttp.web.Response(status=status, headers={"ETag": etag} if etag else {})


def etag_of(slot: Slot) -> str:
    """The quoted FILETIME, in hexadecimal, of the resource's last change."""
    passed = slot.last_modified - FILETIME_EPOCH
    ticks = ((passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds) * 10
    return f'"{ticks:X}"'


def retry_after(call: Call, azure_seconds: float) -> str:
    """Retry-After for a wait of `azure_seconds`: whole seconds, at least 1, for 0 reads as "not given"."""
    return str(max(1, math.ceil(call.simulator.clock.shorten(azure_seconds))))


def timestamp(moment: datetime | None) -> str | None:
    """Seven decimals and Z, as Kudu writes moments."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z" if moment else None


def write_etag(call: Call, slot: Slot, before: str) -> str:
    """The ETag a write answers: the one from `before` it, or the present one, by the switch."""
    return before if call.simulator.quirks.writes_answer_the_old_etag else etag_of(slot)
