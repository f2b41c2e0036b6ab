"""A connection to Azure Resource Manager: settings, credential, Microsoft's clients, and closing them again."""

from __future__ import annotations

import asyncio
import json
import logging
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.microsoft.azure.hooks.base_azure import AzureBaseHook

from app_service_canary.errors import AppServiceCanaryError
from app_service_canary.hooks.app_hosts import AppHosts
from app_service_canary.hooks.azure_errors import ERRORS_FROM, azure_errors, body_of, error_of, unreadable
from app_service_canary.hooks.connection import AzureSettings
from app_service_canary.release.app_state import PRODUCTION, AppTarget

if TYPE_CHECKING:
    from azure.core.rest import AsyncHttpResponse
    from azure.mgmt.web import WebSiteManagementClient
    from azure.mgmt.web.aio import WebSiteManagementClient as AsyncWebSiteManagementClient
    from azure.monitor.query.aio import LogsQueryClient

for name in ("azure", "httpx"):
    # One line for each request, with its headers, would bury the sentences of a task's log.
    logging.getLogger(name).setLevel(logging.WARNING)

Self = TypeVar("Self", bound="AzureManagementHook")


class AzureManagementHook(AzureBaseHook):
    """Opens Microsoft's clients for one Airflow connection; an asynchronous context manager that closes them.

    Args:
        azure_app_service_conn_id: the Airflow connection; see `AzureSettings` for its fields.
    """

    conn_name_attr = "azure_app_service_conn_id"
    default_conn_name = "azure_app_service"

    def __init__(self, azure_app_service_conn_id: str = default_conn_name) -> None:
        super().__init__(sdk_client=None, conn_id=azure_app_service_conn_id)
        self._settings: AzureSettings | None = None
        self._client: AsyncWebSiteManagementClient | None = None
        self._credential: Any = None
        self._logs_client: LogsQueryClient | None = None

    @cached_property
    def _sync_settings(self) -> AzureSettings:
        connection = self.get_connection(self.conn_id)
        return AzureSettings.of(connection, connection.extra_dejson)

    def get_conn(self) -> WebSiteManagementClient:
        """A synchronous client with this connection's credential, for what this hook has no method for."""
        from azure.mgmt.web import WebSiteManagementClient

        settings = self._sync_settings
        return WebSiteManagementClient(settings.credential(), settings.subscription_id, **settings.client_arguments())

    def get_credential(self, *, conn: Any = None) -> Any:
        """The connection's azure-identity credential."""
        settings = AzureSettings.of(conn, conn.extra_dejson) if conn else self._sync_settings
        return settings.credential()

    async def settings(self) -> AzureSettings:
        """What the connection says."""
        if self._settings is None:
            connection = await get_async_connection(self.conn_id)
            self._settings = AzureSettings.of(connection, await connection.aextra_dejson())
        return self._settings

    async def client(self) -> AsyncWebSiteManagementClient:
        """Microsoft's asynchronous client, opened at its first use."""
        if self._client is None:
            from azure.mgmt.web.aio import WebSiteManagementClient

            settings = await self.settings()
            self._credential = self._credential or settings.async_credential()
            self._client = WebSiteManagementClient(
                self._credential, settings.subscription_id, **settings.client_arguments()
            )
        return self._client

    async def logs_client(self) -> LogsQueryClient:
        """Microsoft's asynchronous client for queries to Log Analytics, opened at its first use."""
        if self._logs_client is None:
            from azure.monitor.query.aio import LogsQueryClient

            settings = await self.settings()
            self._credential = self._credential or settings.async_credential()
            self._logs_client = LogsQueryClient(self._credential, **settings.logs_arguments())
        return self._logs_client

    async def resource_id(self, target: AppTarget, slot: str) -> str:
        """The resource id, which is its path as well, of an app's slot; of the app itself for `production`."""
        subscription = (await self.settings()).subscription_id
        return (
            f"/subscriptions/{subscription}/resourceGroups/{target.resource_group}/providers/Microsoft.Web/sites/"
            f"{target.app}{'' if slot == PRODUCTION else f'/slots/{slot}'}"
        )

    async def ask_json(self, url: str, doing: str) -> Any:
        """Asks Azure Resource Manager for something that the client has no method for.

        Args:
            url: path and query.
            doing: as in `error_of`.

        Raises:
            TransientAzureError: the answer is no JSON.
        """
        response = await self._ask(url, doing)
        try:
            return json.loads(body_of(response))
        except (ValueError, RecursionError) as error:
            raise unreadable(doing, error) from None

    async def _ask(self, url: str, doing: str) -> AsyncHttpResponse:
        from azure.core.rest import HttpRequest

        return await self._send(doing, HttpRequest("GET", url))

    async def _send(self, doing: str, request: Any, **options: Any) -> AsyncHttpResponse:
        """Sends what the client has no method for; `doing` as in `error_of`, which every answer from 400 on becomes."""
        client = await self.client()
        with azure_errors(doing):
            # As a stream, for the client would read the body, and lose an answer for it whose status says it all.
            response = await client.send_request(request, stream=True, **options)
            await response.read()
        if response.status_code >= ERRORS_FROM:
            raise error_of(doing, response.status_code, body_of(response), response.headers.get("Retry-After"))
        return response

    async def app_hosts(self, timeout: float = 10.0) -> AppHosts:
        """A client for the apps' own hosts; to be used as an asynchronous context manager."""
        settings = await self.settings()
        return AppHosts(connect_to=settings.connect_to, timeout=timeout, ca_bundle=settings.ca_bundle)

    def test_connection(self) -> tuple[bool, str]:
        """Lists the subscription's web apps: what the button *Test* in Airflow's connection form calls."""

        async def count() -> int:
            async with self:
                client = await self.client()
                with azure_errors(f"Listing the web apps of connection '{self.conn_id}'"):
                    return len([site async for site in client.web_apps.list()])

        try:
            found = asyncio.run(count())
        except AppServiceCanaryError as error:
            return False, str(error)
        return True, f"Reached Azure App Service; this identity sees {found} web app(s)."

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in (self._client, self._logs_client, self._credential):
            if client is not None:
                await client.close()
        self._client = self._logs_client = self._credential = None
