"""Entra ID as far as a service principal needs it: discovery, and tokens for a client secret.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app_service_simulator.clock import Clock

LIFETIME = timedelta(seconds=3599)
"""What `expires_in` says. Not shortened by the speed: clients renew minutes before the end, in real minutes."""

ARM_AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
"""Resource Manager's two names; its own address in this cloud is a third."""

APP_SERVICE_AUDIENCE = "https://appservice.azure.com"
"""What az asks a token for when it talks to Kudu."""

LOG_ANALYTICS_AUDIENCES = ("https://api.loganalytics.io", "https://api.loganalytics.azure.com")
"""The names of Log Analytics' query API; a client that is given an address asks for a token for that address.
https://learn.microsoft.com/azure/azure-monitor/logs/api/access-api"""


@dataclass(frozen=True)
class Token:
    """An issued token: who it is for, which resource it opens, until when."""

    principal: str
    audience: str
    expires: datetime


class InvalidRequest(Exception):
    """What the token endpoint refuses: `status`, OAuth's `error` word and Entra's sentence."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status, self.error, self.description = status, error, description

    def body(self, now: datetime) -> dict[str, Any]:
        number = self.description.partition(":")[0].removeprefix("AADSTS")
        return {
            "error": self.error,
            "error_description": self.description,
            "error_codes": [int(number)],
            "timestamp": f"{now:%Y-%m-%d %H:%M:%SZ}",
        }


class EntraId:
    """One tenant with one service principal. Tokens are opaque and known only here."""

    def __init__(self, clock: Clock, tenant: str, client_id: str, client_secret: str) -> None:
        self._clock = clock
        self.tenant, self.client_id, self.client_secret = tenant, client_id, client_secret
        self._tokens: dict[str, Token] = {}

    def discovery(self, authority: str, tenant: str) -> dict[str, Any]:
        """The openid-configuration document; InvalidRequest for another tenant."""
        self._check_tenant(tenant)
        root = f"{authority}/{self.tenant}"
        return {
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "jwks_uri": f"{root}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token", "token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": f"{root}/v2.0",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            "tenant_region_scope": "SIM",
        }

    def issue(self, authority: str, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        """Answers a token request; InvalidRequest with Entra's code when it is not in order."""
        self._check_tenant(tenant)
        if form.get("grant_type") != "client_credentials":
            raise InvalidRequest(
                400,
                "unsupported_grant_type",
                f"AADSTS70003: The app requested an unsupported grant type '{form.get('grant_type', '')}'.",
            )
        if form.get("client_id", "").lower() != self.client_id.lower():
            raise InvalidRequest(
                400,
                "unauthorized_client",
                f"AADSTS700016: Application with identifier '{form.get('client_id', '')}' was not found in the "
                f"directory '{tenant}'.",
            )
        if not secrets.compare_digest(form.get("client_secret", "").encode(), self.client_secret.encode()):
            raise InvalidRequest(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        audience = self._audience(form.get("scope", ""), authority)
        token = secrets.token_urlsafe(48)
        self._tokens[token] = Token(self.client_id, audience, self._clock.now() + LIFETIME)
        seconds = int(LIFETIME.total_seconds())
        return {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": token,
        }

    def token(self, text: str) -> Token | None:
        """The token with this text, expired or not; None if it was not issued here."""
        return self._tokens.get(text)

    def _check_tenant(self, tenant: str) -> None:
        if tenant.lower() != self.tenant.lower():
            raise InvalidRequest(
                400,
                "invalid_tenant",
                f"AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.",
            )

    @staticmethod
    def _audience(scope: str, authority: str) -> str:
        asked = next((part for part in scope.split() if part.endswith("/.default")), "")
        resource = asked.removesuffix("/.default").rstrip("/")
        if resource not in (*ARM_AUDIENCES, APP_SERVICE_AUDIENCE, *LOG_ANALYTICS_AUDIENCES, authority):
            raise InvalidRequest(
                400,
                "invalid_resource",
                f"AADSTS500011: The resource principal named {resource or scope} was not found in the tenant.",
            )
        return resource
