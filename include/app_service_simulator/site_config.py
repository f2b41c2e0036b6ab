"""Site configuration: what `config/web` holds, what a write may say, what a swap moves, what restarts the app.

The properties are those of `SiteConfig` in Microsoft's OpenAPI (Microsoft.Web 2023-12-01 and 2025-05-01), and
those which the service answers without being in it. Routing rules live in `Slot.rules`, app settings and
connection strings in the slot too: an answer of the service never shows the latter two here.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from app_service_simulator.arm.errors import bad_request, unknown_member

_ALLOW_ALL = [
    {
        "ipAddress": "Any",
        "action": "Allow",
        "priority": 2147483647,
        "name": "Allow all",
        "description": "Allow all access",
    }
]

DEFAULTS: dict[str, Any] = {
    "numberOfWorkers": 1,
    "defaultDocuments": ["Default.htm", "Default.html", "index.htm", "index.html", "hostingstart.html"],
    "netFrameworkVersion": "v4.0",
    "phpVersion": "",
    "pythonVersion": "",
    "nodeVersion": "",
    "powerShellVersion": "",
    "linuxFxVersion": "",
    "windowsFxVersion": None,
    "windowsConfiguredStacks": [],
    "requestTracingEnabled": False,
    "requestTracingExpirationTime": None,
    "remoteDebuggingEnabled": False,
    "remoteDebuggingVersion": None,
    "httpLoggingEnabled": False,
    "azureMonitorLogCategories": None,
    "acrUseManagedIdentityCreds": False,
    "acrUserManagedIdentityID": None,
    "logsDirectorySizeLimit": 35,
    "detailedErrorLoggingEnabled": False,
    "publishingUsername": None,
    "publishingPassword": None,
    "appSettings": None,
    "metadata": None,
    "connectionStrings": None,
    "machineKey": None,
    "handlerMappings": None,
    "documentRoot": None,
    "scmType": "None",
    "use32BitWorkerProcess": True,
    "webSocketsEnabled": False,
    "alwaysOn": False,
    "javaVersion": None,
    "javaContainer": None,
    "javaContainerVersion": None,
    "appCommandLine": "",
    "managedPipelineMode": "Integrated",
    "virtualApplications": [
        {
            "virtualPath": "/",
            "physicalPath": "site\\wwwroot",
            "preloadEnabled": False,
            "virtualDirectories": None,
        }
    ],
    "winAuthAdminState": 0,
    "winAuthTenantState": 0,
    "customAppPoolIdentityAdminState": False,
    "customAppPoolIdentityTenantState": False,
    "runtimeADUser": None,
    "runtimeADUserPassword": None,
    "loadBalancing": "LeastRequests",
    "limits": None,
    "autoHealEnabled": False,
    "autoHealRules": None,
    "tracingOptions": None,
    "vnetName": "",
    "vnetRouteAllEnabled": False,
    "vnetPrivatePortsCount": 0,
    "publicNetworkAccess": None,
    "cors": None,
    "push": None,
    "apiDefinition": None,
    "apiManagementConfig": None,
    "autoSwapSlotName": None,
    "localMySqlEnabled": False,
    "managedServiceIdentityId": None,
    "xManagedServiceIdentityId": None,
    "keyVaultReferenceIdentity": None,
    "ipSecurityRestrictions": _ALLOW_ALL,
    "ipSecurityRestrictionsDefaultAction": None,
    "scmIpSecurityRestrictions": _ALLOW_ALL,
    "scmIpSecurityRestrictionsDefaultAction": None,
    "scmIpSecurityRestrictionsUseMain": False,
    "http20Enabled": True,
    "http20ProxyFlag": 0,
    "minTlsVersion": "1.2",
    "minTlsCipherSuite": None,
    "scmMinTlsVersion": "1.2",
    "ftpsState": "FtpsOnly",
    "preWarmedInstanceCount": 0,
    "functionAppScaleLimit": None,
    "elasticWebAppScaleLimit": None,
    "healthCheckPath": None,
    "fileChangeAuditEnabled": False,
    "functionsRuntimeScaleMonitoringEnabled": False,
    "websiteTimeZone": None,
    "minimumElasticInstanceCount": 0,
    "azureStorageAccounts": {},
    "sitePort": None,
    "antivirusScanEnabled": False,
    "storageType": "StorageVolume",
}
"""What a new slot's configuration is."""

ELSEWHERE = ("experiments", "routingRules", "appSettings", "connectionStrings", "metadata")
"""Members of a SiteConfig body that are not kept in `Slot.config`."""

MOVED_BY_SWAP = (
    "netFrameworkVersion",
    "phpVersion",
    "pythonVersion",
    "nodeVersion",
    "powerShellVersion",
    "linuxFxVersion",
    "windowsFxVersion",
    "use32BitWorkerProcess",
    "handlerMappings",
    "virtualApplications",
    "javaVersion",
    "javaContainer",
    "javaContainerVersion",
    "appCommandLine",
    "documentRoot",
    "azureStorageAccounts",
)
"""Language stack and version, bitness, handler and path mappings, mounted storage; the start-up command belongs
to the stack's page in the portal. Everything else stays with the slot.
https://learn.microsoft.com/azure/app-service/deploy-staging-slots#what-happens-during-a-swap
"""

RESTARTING = (*MOVED_BY_SWAP, "webSocketsEnabled", "alwaysOn", "managedPipelineMode", "defaultDocuments")
"""A change of one of these restarts the app; routing rules and the rest do not."""

SHOWN_IN_SITE = (
    "numberOfWorkers",
    "linuxFxVersion",
    "windowsFxVersion",
    "alwaysOn",
    "http20Enabled",
    "acrUseManagedIdentityCreds",
    "functionAppScaleLimit",
    "minimumElasticInstanceCount",
)
"""All that GET site fills in of `siteConfig`; the rest is null there, routing rules included."""

RULE_KEYS: dict[str, type] = {
    "actionHostName": str,
    "reroutePercentage": float,
    "changeStep": float,
    "changeIntervalInMinutes": int,
    "minReroutePercentage": float,
    "maxReroutePercentage": float,
    "changeDecisionCallbackUrl": str,
    "name": str,
}
"""The eight members of a RampUpRule, always all answered; null when unset."""

_TEXTS = {
    key
    for key, default in DEFAULTS.items()
    if isinstance(default, str) or key.endswith(("Version", "Name", "Path", "Identity", "Id", "ID", "Access", "Action"))
}
_READ_ONLY = ("publishingUsername", "publishingPassword", "machineKey")


def defaults() -> dict[str, Any]:
    """A new slot's configuration."""
    return deepcopy(DEFAULTS)


def checked(body: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a SiteConfig body that belong into `Slot.config`; 400 on an unknown member or wrong type."""
    accepted = {}
    for key, value in body.items():
        if key in ELSEWHERE:
            continue
        if key not in DEFAULTS:
            raise unknown_member(key, "SiteConfig")
        _check_type(key, value)
        if key not in _READ_ONLY:
            accepted[key] = value if value is not None else deepcopy(DEFAULTS[key])
    return accepted


def _check_type(key: str, value: Any) -> None:
    default = DEFAULTS[key]
    expected: type | tuple[type, ...]
    if key in _TEXTS:
        expected = str
    elif default is None:
        return
    elif isinstance(default, int) and not isinstance(default, bool):
        expected = int
    else:
        expected = type(default)
    if value is not None and (not isinstance(value, expected) or (expected is int and isinstance(value, bool))):
        raise bad_request(f"The parameter {key} has an invalid value.", "51021")


def rules_in(body: Mapping[str, Any], *, stale_mirror_wins: bool) -> list[dict[str, Any]] | None:
    """The routing rules a SiteConfig body asks for; None when it says nothing about them.

    The legacy mirror `routingRules` counts when `experiments` is absent, or when `stale_mirror_wins`.
    """
    experiments = body.get("experiments")
    if experiments is not None and not isinstance(experiments, dict):
        raise bad_request("The parameter experiments has an invalid value.", "51021")
    for member in experiments or {}:
        if member != "rampUpRules":
            raise unknown_member(member, "Experiments")
    rules = (experiments or {}).get("rampUpRules")
    mirror = body.get("routingRules")
    if mirror is not None and (rules is None or stale_mirror_wins):
        rules = mirror
    if rules is None:
        return None
    if not isinstance(rules, list):
        raise bad_request("The parameter rampUpRules has an invalid value.", "51021")
    return [_rule(rule) for rule in rules]


def _rule(rule: Any) -> dict[str, Any]:
    if not isinstance(rule, dict):
        raise bad_request("The parameter rampUpRules has an invalid value.", "51021")
    whole: dict[str, Any] = dict.fromkeys(RULE_KEYS)
    for key, value in rule.items():
        if key not in RULE_KEYS:
            raise unknown_member(key, "RampUpRule")
        if value is None:
            continue
        kind = RULE_KEYS[key]
        accepted = (int, float) if kind is float else (kind,)
        if isinstance(value, bool) or not isinstance(value, accepted):
            raise bad_request(f"The parameter {key} has an invalid value.", "51021")
        whole[key] = kind(value)
    if whole["reroutePercentage"] is None:
        whole["reroutePercentage"] = 0.0
    return whole


def refuse_impossible(rules: list[dict[str, Any]]) -> None:
    """400 unless every percentage, and their sum, is within 0 to 100."""
    percentages = [rule["reroutePercentage"] for rule in rules]
    if any(not 0 <= percentage <= 100 for percentage in percentages) or sum(percentages) > 100:
        raise bad_request("The parameter reroutePercentage has an invalid value.", "51021")
