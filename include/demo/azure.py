"""The demonstration's Azure, that is, the App Service simulator: where it is, and asking it as anyone may.

Everything but the package store goes through what real Azure has too: a token from Entra ID, ARM's GET of a
slot, and the app's own host.
"""

import json
import secrets
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel

APP = "contoso-web"
SLOT = "stage"
API_VERSION = "2023-12-01"  # of Microsoft.Web; the properties read here are as old as slots
TIMEOUT = 30.0  # seconds


class Address(BaseModel):
    """The one line the simulator prints when it is ready."""

    resource_manager: str
    authority: str
    front_end: str
    ca_bundle: str
    tenant_id: str
    client_id: str
    client_secret: str
    subscription_id: str

    def connection(self) -> str:
        """Airflow's `azure` connection to it, as JSON; holds the secret, so never print it."""
        return json.dumps(
            {
                "conn_type": "azure",
                "login": self.client_id,
                "password": self.client_secret,
                "extra": {
                    "tenantId": self.tenant_id,
                    "subscriptionId": self.subscription_id,
                    "authority": self.authority,
                    "resource_manager": self.resource_manager,
                    "ca_bundle": self.ca_bundle,
                    "connect_to": self.front_end,
                },
            }
        )


@dataclass(frozen=True)
class SlotState:
    """A slot as ARM shows it: `state` is Running or Stopped."""

    host: str
    state: str


class Azure:
    """A client of the simulator; `site` is the app's resource id, known once signed in."""

    def __init__(self, address: Address) -> None:
        self.address = address
        trust = ssl.create_default_context(cafile=address.ca_bundle)
        self.client = httpx.Client(verify=trust, timeout=TIMEOUT, trust_env=False)
        self.site = ""

    def close(self) -> None:
        self.client.close()

    def sign_in(self) -> None:
        """Get a token as the service principal, and find the app; the token lasts an hour, longer than a run."""
        answer = self.client.post(
            f"{self.address.authority}/{self.address.tenant_id}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self.address.client_id,
                "client_secret": self.address.client_secret,
                "scope": "https://management.azure.com/.default",
            },
        ).raise_for_status()
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        sites = self._arm(f"/subscriptions/{self.address.subscription_id}/providers/Microsoft.Web/sites")["value"]
        self.site = next(site["id"] for site in sites if site["name"] == APP)

    def production(self) -> SlotState:
        return _slot_state(self._arm(self.site))

    def canary_slot(self) -> SlotState:
        return _slot_state(self._arm(f"{self.site}/slots/{SLOT}"))

    def canary_weight(self) -> float:
        """The share of new visitors that goes to the slot, in percent, as ARM has it now."""
        rules = self._arm(f"{self.site}/config/web")["properties"]["experiments"]["rampUpRules"]
        return sum(rule["reroutePercentage"] for rule in rules if rule["name"] == SLOT)

    def production_version(self) -> str:
        """The version that production itself says it is, whatever the routing rules say."""
        answer = self.client.get(
            f"{self.address.front_end}/version",
            params={"x-ms-routing-name": "self"},
            headers={"Host": self.production().host, "Authorization": ""},
            follow_redirects=False,
        )
        if answer.status_code != HTTPStatus.OK:
            return f"none (it answered {answer.status_code})"
        return _version_in(answer)

    def upload_package(self, package: Path) -> str:
        """Put a package into the package store; return its URL.

        Its query has the shape of a storage account's shared access signature, so that every place that must
        not show one is put to the test; the store itself serves the package whatever the query.
        https://learn.microsoft.com/azure/storage/common/storage-sas-overview
        """
        url = f"{self.address.resource_manager}/_simulator/packages/{package.name}"
        stored = self.client.put(url, content=package.read_bytes()).raise_for_status().json()["url"]
        return f"{stored}?sv=2024-11-04&sr=b&sp=r&sig={secrets.token_urlsafe(32)}"

    def _arm(self, path: str) -> Any:
        url = f"{self.address.resource_manager}{path}"
        return self.client.get(url, params={"api-version": API_VERSION}).raise_for_status().json()


def _slot_state(resource: Any) -> SlotState:
    properties = resource["properties"]
    return SlotState(properties["defaultHostName"], properties["state"])


def _version_in(answer: httpx.Response) -> str:
    """The sample app's `/version`: JSON with a `version`, or the bare version."""
    try:
        return str(answer.json()["version"])
    except (ValueError, TypeError, KeyError):
        return answer.text.strip()
