"""The calls a release cannot do without, one after the other: how long Azure itself takes for them.

No bake, no check, no client's start, and operations are asked about so often that their end is noticed at once. What
any real release takes beyond this and its bakes is its own overhead.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import httpx

from demo.azure import SLOT, Azure
from demo.errors import DemonstrationError

API_VERSION = "2025-05-01"  # what azure-mgmt-web 11 and az 2.91 send
POLL_INTERVAL = 0.02  # seconds: little beside operations of a second
TIMEOUT = 60.0  # seconds for one operation


class BareRelease:
    """Drives the app of `azure`, which is signed in."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    def run(self, package_uri: str, weights: Sequence[float]) -> float:
        """Releases the package; seconds from the first call to the last answer."""
        host = self.azure.canary_slot().host
        slot = f"/slots/{SLOT}"
        began = time.perf_counter()
        self._call("POST", f"{slot}/start")
        properties = {"packageUri": package_uri, "type": "zip", "clean": True, "restart": True}
        self._finish(self._call("PUT", f"{slot}/extensions/onedeploy", {"properties": properties}))
        for weight in weights:
            self._set_rules([{"name": SLOT, "actionHostName": host, "reroutePercentage": weight}])
        self._set_rules([])
        self._finish(self._call("POST", f"{slot}/slotsswap", {"targetSlot": "production", "preserveVnet": True}))
        self._call("POST", f"{slot}/stop")
        return time.perf_counter() - began

    def _set_rules(self, rules: list[dict[str, Any]]) -> None:
        self._call("PATCH", "/config/web", {"properties": {"experiments": {"rampUpRules": rules}}})

    def _finish(self, answer: httpx.Response) -> None:
        deadline = time.monotonic() + TIMEOUT
        while answer.status_code == httpx.codes.ACCEPTED:
            if time.monotonic() > deadline:
                raise DemonstrationError(f"{answer.request.url.path} was not done in {TIMEOUT:.0f} s")
            time.sleep(POLL_INTERVAL)
            answer = self.azure.client.get(answer.headers["Location"]).raise_for_status()

    def _call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        url = f"{self.azure.address.resource_manager}{self.azure.site}{path}"
        answer = self.azure.client.request(method, url, params={"api-version": API_VERSION}, json=body)
        return answer.raise_for_status()
