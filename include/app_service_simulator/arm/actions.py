"""Which permission each operation needs: what a custom role's `Actions` has to have.

https://learn.microsoft.com/azure/role-based-access-control/permissions/web-and-mobile

`deploymentStatus` is named by likeness to the others: Microsoft's page does not list it.
"""

SITES, SLOTS = "Microsoft.Web/sites/", "Microsoft.Web/sites/slots/"
GROUPS = "Microsoft.Resources/subscriptions/resourceGroups/"

OPEN = ("Tenants_List", "Subscriptions_List", "Provider_GetWebAppStacks")
"""Operations that need none: everybody may see what is theirs, and what App Service offers."""

_FOR_SLOTS = {
    "WebApps_Get": "Read",
    "WebApps_CreateOrUpdate": "Write",
    "WebApps_Update": "Write",
    "WebApps_Delete": "Delete",
    "WebApps_Start": "start/Action",
    "WebApps_Stop": "stop/Action",
    "WebApps_Restart": "restart/Action",
    "WebApps_ListConfigurations": "config/Read",
    "WebApps_GetConfiguration": "config/Read",
    "WebApps_UpdateConfiguration": "config/Write",
    "WebApps_CreateOrUpdateConfiguration": "config/Write",
    "WebApps_ListApplicationSettings": "config/list/Action",
    "WebApps_UpdateApplicationSettings": "config/Write",
    "WebApps_ListConnectionStrings": "config/list/Action",
    "WebApps_UpdateConnectionStrings": "config/Write",
    "WebApps_ListMetadata": "config/list/Action",
    "WebApps_ListAzureStorageAccounts": "config/list/Action",
    "WebApps_ListPublishingCredentials": "config/list/Action",
    "WebApps_ListPublishingProfileXmlWithSecrets": "publishxml/Action",
    "WebApps_GetPublishingCredentialsPolicy": "basicPublishingCredentialsPolicies/Read",
    "WebApps_UpdatePublishingCredentialsPolicy": "basicPublishingCredentialsPolicies/Write",
    "WebApps_ListInstanceIdentifiers": "instances/Read",
    "WebApps_SwapSlot": "slotsswap/Action",
    "WebApps_ApplySlotConfiguration": "applySlotConfig/Action",
    "WebApps_ResetSlotConfiguration": "resetSlotConfig/Action",
    "WebApps_ListSlotDifferences": "slotsdiffs/Action",
    "WebApps_GetOperationResult": "operationresults/Read",
    "WebApps_CreateOneDeployOperation": "extensions/Write",
    "WebApps_GetOneDeployStatus": "extensions/Read",
    "WebApps_ListDeployments": "deployments/Read",
    "WebApps_GetDeployment": "deployments/Read",
    "WebApps_ListDeploymentLog": "deployments/log/Read",
    "WebApps_GetProductionSiteDeploymentStatus": "deploymentstatus/Read",
}
"""Operations that apps and slots have alike: what follows SITES or SLOTS."""

ACTIONS = {
    **{operation: SITES + verb for operation, verb in _FOR_SLOTS.items()},
    **{f"{operation}Slot": SLOTS + verb for operation, verb in _FOR_SLOTS.items()},
    "Metrics_List": "Microsoft.Insights/metrics/Read",
    "Metrics_ListSlot": "Microsoft.Insights/metrics/Read",
    "MetricDefinitions_List": "Microsoft.Insights/metricDefinitions/Read",
    "MetricDefinitions_ListSlot": "Microsoft.Insights/metricDefinitions/Read",
    # https://learn.microsoft.com/azure/azure-monitor/logs/manage-access#azure-rbac
    "LogsQuery_Workspace": "Microsoft.OperationalInsights/workspaces/query/Read",
    "LogsQuery_Resource": "Microsoft.Insights/Logs/{table}/Read",
    "LogsQuery_ResourceSlot": "Microsoft.Insights/Logs/{table}/Read",
    "LogsQuery_Component": "Microsoft.Insights/Logs/{table}/Read",
    "WebApps_List": SITES + "Read",
    "WebApps_ListByResourceGroup": SITES + "Read",
    "WebApps_ListSlots": SLOTS + "Read",
    "WebApps_ListSlotConfigurationNames": SITES + "config/Read",
    "WebApps_UpdateSlotConfigurationNames": SITES + "config/Write",
    "CheckNameAvailability": "Microsoft.Web/checknameavailability/Read",
    "AppServicePlans_List": "Microsoft.Web/serverfarms/Read",
    "AppServicePlans_ListByResourceGroup": "Microsoft.Web/serverfarms/Read",
    "AppServicePlans_Get": "Microsoft.Web/serverfarms/Read",
    "AppServicePlans_CreateOrUpdate": "Microsoft.Web/serverfarms/Write",
    "AppServicePlans_Delete": "Microsoft.Web/serverfarms/Delete",
    "Subscriptions_Get": "Microsoft.Resources/subscriptions/Read",
    "Subscriptions_ListLocations": "Microsoft.Resources/subscriptions/locations/Read",
    "ResourceGroups_List": GROUPS + "Read",
    "ResourceGroups_Get": GROUPS + "Read",
    "ResourceGroups_CheckExistence": GROUPS + "Read",
    "ResourceGroups_CreateOrUpdate": GROUPS + "Write",
    "ResourceGroups_Delete": GROUPS + "Delete",
    "Resources_ListByResourceGroup": "Microsoft.Resources/subscriptions/resources/Read",
    "Providers_Get": "Microsoft.Resources/subscriptions/providers/Read",
    "Providers_Register": "Microsoft.Web/register/Action",
}
"""By operation id. `{table}` is the one that a query names."""

JOIN_PLAN = "Microsoft.Web/serverfarms/join/Action"
"""Needed besides, on the plan, to create an app or a slot in it."""

SWAP_TARGET = SITES + "slotsswap/Action"
"""Needed besides, on the app, to swap a slot with production: if the switch says so."""

PUBLISH = "publish/Action"
"""What Kudu asks of the bearer of a token, after SITES or SLOTS."""


def action_of(operation: str) -> str | None:
    """The action that an operation of Resource Manager needs; None if it needs none."""
    return None if operation in OPEN else ACTIONS[operation]
