"""What an Airflow connection of type `azure` says, and the credential it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.release.quoting import quoted

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from azure.core.credentials import TokenCredential
    from azure.core.credentials_async import AsyncTokenCredential


NO_RETRIES = {"retry_total": 0}
"""Azure's clients repeat a call ten times, a POST after 500, 503 and 504 as well: a swap that had begun would be
swapped back. Tasks and triggers try again by themselves, within a deadline, and look first (`patience`)."""

TIMEOUTS = {"connection_timeout": 10, "read_timeout": 90}
"""Seconds. Azure's clients wait five minutes for either. A PATCH of the configuration has been seen to take 32 s, and
Azure Resource Manager itself gives a service up after about a minute, with 504."""


LOG_ANALYTICS = {
    "AzurePublicCloud": "https://api.loganalytics.io",
    "AzureUSGovernment": "https://api.loganalytics.us",
    "AzureChinaCloud": "https://api.loganalytics.azure.cn",
}
"""Where queries go, by cloud; also what a token for them is for:
https://learn.microsoft.com/azure/azure-monitor/logs/api/access-api."""


@dataclass(frozen=True)
class AzureSettings:
    """Where Azure is and as whom to speak.

    The fields of the provider's `azure` connection, four optional extras for private clouds and for trying out
    without Azure, and one about packages.

    Attributes:
        connection: its id, for sentences.
        subscription_id: extra `subscriptionId`.
        client_id, client_secret, tenant_id: login, password and extra `tenantId` of a service principal.
            Without all three the default chain is used: managed identity, workload identity, `az login`.
        managed_identity_client_id, workload_identity_tenant_id: extras for that chain.
        cloud: extra `cloud_environment`, the provider's names: AzurePublicCloud (default),
            AzureUSGovernment, AzureChinaCloud.
        authority: extra; base address of Entra ID, instead of the cloud's.
        resource_manager: extra; base address of Azure Resource Manager, instead of the cloud's.
        log_analytics: extra; base address of Log Analytics' queries, instead of the cloud's.
        ca_bundle: extra; a PEM file with the certificate authorities to trust, instead of the system's.
        connect_to: extra; where to send the requests meant for the apps' own hosts, with their Host header,
            as curl's --connect-to does. For networks in which those names do not resolve.
        allow_http_packages: extra, true or false; whether packages may come by plain http, which anybody on the
            way could replace. For networks that are trusted.
    """

    connection: str
    subscription_id: str
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    tenant_id: str | None = None
    managed_identity_client_id: str | None = None
    workload_identity_tenant_id: str | None = None
    cloud: str = "AzurePublicCloud"
    authority: str | None = None
    resource_manager: str | None = None
    log_analytics: str | None = None
    ca_bundle: str | None = None
    connect_to: str | None = None
    allow_http_packages: bool = False

    @classmethod
    def of(cls, connection: Connection, extra: Mapping[str, Any]) -> AzureSettings:
        """Reads a connection.

        Raises:
            InvalidReleasePlan: no subscription is named, an extra is of the wrong kind, or it uses a legacy key file.
        """
        if extra.get("key_path") or extra.get("key_json"):
            raise InvalidReleasePlan(
                f"Connection '{connection.conn_id}' uses key_path or key_json, which Microsoft's clients no longer "
                "take; give the service principal's id and secret as login and password, and extra tenantId."
            )
        if not extra.get("subscriptionId"):
            raise InvalidReleasePlan(
                f"Connection '{connection.conn_id}' names no subscription; set extra subscriptionId to the "
                "subscription's id."
            )
        return cls(
            connection=connection.conn_id,
            subscription_id=extra["subscriptionId"],
            client_id=connection.login,
            client_secret=connection.password,
            tenant_id=extra.get("tenantId"),
            cloud=extra.get("cloud_environment") or "AzurePublicCloud",
            allow_http_packages=_yes_or_no(connection, "allow_http_packages", extra.get("allow_http_packages")),
            **{
                name: extra.get(name) or None
                for name in (
                    "managed_identity_client_id",
                    "workload_identity_tenant_id",
                    "authority",
                    "resource_manager",
                    "log_analytics",
                    "ca_bundle",
                    "connect_to",
                )
            },
        )

    def client_arguments(self) -> dict[str, Any]:
        """Keyword arguments of a management client, besides its credential and subscription.

        Raises:
            InvalidReleasePlan: the cloud is not one the provider knows.
        """
        cloud = self._cloud()
        arguments = {
            "base_url": (self.resource_manager or cloud["base_url"]).rstrip("/"),
            "credential_scopes": cloud["credential_scopes"],
            **NO_RETRIES,
            **TIMEOUTS,
        }
        return {**arguments, **self._trust()}

    def logs_arguments(self) -> dict[str, Any]:
        """Keyword arguments of a client for queries to Log Analytics, besides its credential."""
        own = LOG_ANALYTICS.get(self.cloud, LOG_ANALYTICS["AzurePublicCloud"])
        endpoint = (self.log_analytics or own).rstrip("/")
        return {"endpoint": endpoint, "audience": own, **NO_RETRIES, **TIMEOUTS, **self._trust()}

    def credential(self) -> TokenCredential:
        """For a synchronous client."""
        from azure.identity import ClientSecretCredential, DefaultAzureCredential

        return self._build(ClientSecretCredential, DefaultAzureCredential)

    def async_credential(self) -> AsyncTokenCredential:
        """For an asynchronous client; to be closed."""
        from azure.identity.aio import ClientSecretCredential, DefaultAzureCredential

        return self._build(ClientSecretCredential, DefaultAzureCredential)

    def _build(self, service_principal: type[Any], default_chain: type[Any]) -> Any:
        authority: dict[str, Any] = {"authority": self.authority or self._cloud()["authority"]}
        authority |= {**self._trust(), **NO_RETRIES, **TIMEOUTS}
        if self.authority:
            # A private authority is unknown to login.microsoftonline.com, which would be asked about it.
            authority["disable_instance_discovery"] = True
        if self.client_id and self.client_secret and self.tenant_id:
            try:
                return service_principal(self.tenant_id, self.client_id, self.client_secret, **authority)
            except ValueError as error:
                raise InvalidReleasePlan(f"Connection '{self.connection}': {error}") from None
        chain = {
            "managed_identity_client_id": self.managed_identity_client_id,
            "workload_identity_tenant_id": self.workload_identity_tenant_id,
            "additionally_allowed_tenants": [tenant for tenant in (self.workload_identity_tenant_id,) if tenant],
        }
        return default_chain(**authority, **{name: value for name, value in chain.items() if value})

    def _cloud(self) -> dict[str, Any]:
        from airflow.providers.microsoft.azure.hooks.base_azure import _AZURE_CLOUD_ENVIRONMENTS

        if self.cloud not in _AZURE_CLOUD_ENVIRONMENTS:
            raise InvalidReleasePlan(
                f"Connection '{self.connection}': extra cloud_environment is {self.cloud!r}; allowed: "
                f"{', '.join(_AZURE_CLOUD_ENVIRONMENTS)}."
            )
        return _AZURE_CLOUD_ENVIRONMENTS[self.cloud]

    def _trust(self) -> dict[str, Any]:
        return {"connection_verify": self.ca_bundle} if self.ca_bundle else {}


def _yes_or_no(connection: Connection, name: str, found: Any) -> bool:
    """An extra that is true or false, or that a form kept as text; left out or empty it is false."""
    word = str(found).strip().lower()
    if found in (None, "") or word in ("false", "true"):
        return word == "true"
    raise InvalidReleasePlan(
        f"Connection '{connection.conn_id}': extra {name} is {quoted(found)}; allowed: true or false."
    )
