"""The hook against the simulator, and a look at what it puts on the wire."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from tests.app_service_canary.conftest import Connect
from tests.simulator import RunningSimulator

from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.hooks.connection import AzureSettings
from app_service_canary.release.app_state import AppTarget, OperationStatus

POLL_INTERVAL = 0.05
"""Seconds between questions to the simulator."""

Calls = Callable[[str], list[dict[str, Any]]]


@dataclass
class Wire(SansIOHTTPPolicy):
    """Sees each request of Microsoft's client before it is sent, and may send another body."""

    sent: list[tuple[str, str, Any]] = field(default_factory=list)
    """Method, path and JSON body."""
    instead: dict[str, Any] = field(default_factory=dict)
    """Bodies to send instead, by method: something between the client and Azure."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        sent = request.http_request
        if sent.method in self.instead:
            sent.set_bytes_body(json.dumps(self.instead[sent.method]).encode())
        body = sent.body
        self.sent.append((sent.method, urlsplit(sent.url).path, json.loads(body) if body else None))

    def bodies(self, method: str) -> list[Any]:
        """The bodies sent by this method."""
        return [body for sent, _, body in self.sent if sent == method]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """What goes over the wire from now on."""
    seen = Wire()
    arguments = AzureSettings.client_arguments
    monkeypatch.setattr(
        AzureSettings, "client_arguments", lambda self: {**arguments(self), "per_call_policies": [seen]}
    )
    return seen


@pytest.fixture
async def hook(azure_connection: Connect) -> AsyncIterator[AppServiceHook]:
    """The hook, connected to the simulator."""
    async with AppServiceHook("azure_app_service") as hook:
        yield hook


@pytest.fixture
def target(simulator: RunningSimulator, app: str) -> AppTarget:
    """The module's app and its slot `stage`, without traffic rules."""
    simulator.set_rules(app, [])
    return AppTarget(simulator.resource_group, app, "stage")


@pytest.fixture
def calls(simulator: RunningSimulator) -> Calls:
    """The calls of one method that the simulator has answered since the test began."""
    start = max((entry["n"] for entry in simulator.journal()), default=0)
    return lambda method: [entry for entry in simulator.journal(start) if entry["method"] == method]


@pytest.fixture
def fresh(simulator: RunningSimulator, fresh_app: str) -> AppTarget:
    """An app of the test's own."""
    return AppTarget(simulator.resource_group, fresh_app, "stage")


async def finished(ask: Callable[[], Any], timeout: float = 30.0) -> OperationStatus:
    """How an operation ended."""

    async def follow() -> OperationStatus:
        while not (status := await ask()).done:  # noqa: ASYNC110 - Azure sends no events; it has to be asked
            await asyncio.sleep(POLL_INTERVAL)
        return status

    return await asyncio.wait_for(follow(), timeout)


def host(target: AppTarget) -> str:
    """The slot's host, which the simulator names as Azure does."""
    return f"{target.app}-{target.slot}.azurewebsites.net"
