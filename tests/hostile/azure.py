"""An Azure that answers whatever it is told to, to Microsoft's own client: for answers no simulator would give."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from aiohttp import web
from airflow.sdk import Connection

from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.hooks.connection import AzureSettings
from app_service_canary.release.app_state import AppTarget
from app_service_simulator.certificates import Certificates

T = TypeVar("T")

TARGET = AppTarget("contoso-rg", "storefront", "stage")
CLIENT_SECRET = "the-secret-of-the-service-principal"
TOKEN = "an-access-token-that-nobody-may-see"
SITE = "/subscriptions/sub/resourceGroups/contoso-rg/providers/Microsoft.Web/sites/storefront"
OTHER_RULE = {"name": "beta", "actionHostName": "beta.azurewebsites.net", "reroutePercentage": 5.0}
OUR_RULE = {"name": "stage", "actionHostName": "storefront-stage.azurewebsites.net", "reroutePercentage": 10.0}


def site(name: str, host: str, deployment: str) -> dict[str, Any]:
    """What GET says of an app or a slot, as far as anybody here reads it."""
    properties = {
        "name": name,
        "state": "Running",
        "defaultHostName": host,
        "deploymentId": deployment,
        "sku": "Standard",
        "serverFarmId": "/subscriptions/sub/resourceGroups/contoso-rg/providers/Microsoft.Web/serverfarms/plan",
        "inProgressOperationId": None,
        "targetSwapSlot": None,
        "slotSwapStatus": None,
        "reserved": False,
        "httpsOnly": True,
    }
    return {"id": SITE, "name": name, "kind": "app", "location": "West Europe", "properties": properties}


DOCUMENTS: dict[str, dict[str, Any]] = {
    f"GET {SITE}": site("storefront", "storefront.azurewebsites.net", "storefront"),
    f"GET {SITE}/slots/stage": site("storefront/stage", "storefront-stage.azurewebsites.net", "storefront__63f1"),
    f"GET {SITE}/config/web": {
        "properties": {"linuxFxVersion": "DOCKER|web:1", "experiments": {"rampUpRules": [OTHER_RULE, OUR_RULE]}}
    },
    f"GET {SITE}/slots/stage/config/web": {
        "properties": {"linuxFxVersion": "DOCKER|web:1", "autoSwapSlotName": None, "experiments": {"rampUpRules": []}}
    },
    f"GET {SITE}/slots/stage/deployments/latest": {
        "properties": {"id": "d1", "status": 3, "status_text": "no space", "deployer": "OneDeploy"}
    },
    f"GET {SITE}/slots/stage/operationresults/1": {"id": f"{SITE}/slots/stage", "properties": {}},
    f"POST {SITE}/config/appsettings/list": {"properties": {"A": "1"}},
    f"POST {SITE}/config/connectionstrings/list": {"properties": {"db": {"value": "x", "type": "SQLAzure"}}},
    f"GET {SITE}/config/slotConfigNames": {"properties": {"appSettingNames": ["B"], "connectionStringNames": None}},
}
"""What is read, by method and path, when nobody told otherwise."""


class HostileAzure:
    """A server on HTTPS and a hook that leads to it, in one event loop that stays open over all examples of a test.

    Attributes:
        instead: for one call, by method and path, the status, headers and body to answer.
        written: method, path and JSON body of the calls that change something.
    """

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self._certificates = Certificates(folder)
        self.instead: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.written: list[tuple[str, str, Any]] = []
        self._open = AsyncExitStack()
        self.loop.run_until_complete(self._start())

    def __enter__(self) -> "HostileAzure":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.loop.run_until_complete(self._open.aclose())
        self.loop.close()

    def run(self, work: Callable[[AppServiceHook], Awaitable[T]]) -> T:
        """Does something with the hook."""
        self.written.clear()
        return self.loop.run_until_complete(asyncio.wait_for(work(self.hook), 20))

    async def _start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._open.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._certificates.server_context()).start()
        self.address = f"https://127.0.0.1:{runner.addresses[0][1]}"
        extra = {
            "subscriptionId": "sub",
            "tenantId": "11111111-2222-3333-4444-555555555555",
            "authority": self.address,
            "resource_manager": self.address,
            "ca_bundle": str(self._certificates.ca_bundle),
        }
        connection = Connection(conn_id="hostile", conn_type="azure", login="client", password=CLIENT_SECRET)
        self.hook = await self._open.enter_async_context(AppServiceHook("hostile"))
        self.hook._settings = AzureSettings.of(connection, extra)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/.well-known/openid-configuration"):
            base = f"{self.address}/{request.path.split('/')[1]}"
            token = f"{base}/oauth2/v2.0/token"
            return web.json_response({"token_endpoint": token, "authorization_endpoint": base, "issuer": base})
        if request.path.endswith("/token"):
            return web.json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": TOKEN})
        call = f"{request.method} {request.path}"
        if request.method != "GET" and not request.path.endswith("/list"):
            text = await request.text()
            self.written.append((request.method, request.path, json.loads(text) if text else None))
        if call in self.instead:
            status, headers, body = self.instead[call]
            return web.Response(status=status, headers=headers, body=body)
        return web.json_response(DOCUMENTS.get(call, {}))
