"""Makes the connection type `azure_app_service` known to Airflow: its form and its Test button.

Airflow learns connection types from installed packages, by the entry point `apache_airflow_provider`. This
package is not installed, it is mounted as part of the plugins folder, which comes onto `sys.path` after Airflow
has looked: its configuration is read first, and for that it asks every provider. So `airflow_local_settings`
adds what an entry point would have answered.

Connections of type `azure` lead to the same hook when a release file names one; their Test button is not ours.

https://airflow.apache.org/docs/apache-airflow-providers/howto/create-custom-providers.html
"""

from __future__ import annotations

from typing import Any

CONNECTION_TYPE = "azure_app_service"
PACKAGE = "app-service-canary"
VERSION = "0.1.0"
"""As in pyproject.toml, which is not there when only the plugins folder is mounted."""

CLOUDS = ("AzurePublicCloud", "AzureUSGovernment", "AzureChinaCloud")
"""The names that the Azure provider knows; see `AzureSettings.cloud`."""


def register() -> None:
    """Adds this package to the providers that Airflow knows, in both of its lists: its own and the tasks'."""
    from airflow.providers_manager import ProviderInfo, ProvidersManager
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    for manager in (ProvidersManager(), ProvidersManagerTaskRuntime()):
        manager.providers.setdefault(PACKAGE, ProviderInfo(VERSION, provider_info()))


def provider_info() -> dict[str, Any]:
    """This package as Airflow's providers describe themselves."""
    return {
        "package-name": PACKAGE,
        "name": "Azure App Service canary releases",
        "description": "Canary releases of Azure App Service web apps.",
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": "app_service_canary.hooks.app_service.AppServiceHook",
                "hook-name": "Azure App Service",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port", "host"],
                    "relabeling": {"login": "Client ID", "password": "Client secret"},
                    "placeholders": {
                        "login": "of a service principal; empty: a managed identity or az login",
                        "password": "of the same service principal",
                    },
                },
                "conn-fields": _fields(),
            }
        ],
    }


def _fields() -> dict[str, Any]:
    """The extras of `AzureSettings`, in the order in which a person needs them."""
    return {
        "subscriptionId": _field("Subscription ID", "The subscription that the web apps are in. Required."),
        "tenantId": _field("Tenant ID", "The Entra ID tenant of the service principal."),
        "managed_identity_client_id": _field(
            "Managed identity's client ID", "For a user-assigned identity; a system-assigned one needs none."
        ),
        "workload_identity_tenant_id": _field("Workload identity's tenant ID", "For Kubernetes workload identity."),
        "cloud_environment": _field("Cloud", f"{CLOUDS[0]} when left empty.", enum=[*CLOUDS, None]),
        "authority": _field("Authority", "Address of Entra ID, instead of the cloud's own."),
        "resource_manager": _field(
            "Resource Manager", "Address of Azure Resource Manager, instead of the cloud's own."
        ),
        "log_analytics": _field("Log Analytics", "Address of its queries, instead of the cloud's own."),
        "ca_bundle": _field("CA bundle", "PEM file, on the workers, with the certificate authorities to trust."),
        "connect_to": _field(
            "Connect to", "Where to send requests for the apps' own hosts, for networks that cannot resolve them."
        ),
        "allow_http_packages": _field(
            "Allow packages by plain http",
            "Anybody on the way could replace such a package: for trusted networks.",
            type=["boolean", "null"],
            default=False,
        ),
    }


def _field(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}
