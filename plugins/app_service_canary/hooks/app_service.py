"""Talks to Azure App Service through Azure Resource Manager, by Microsoft's own client.

One implementation, asynchronous: triggers await it, operators run it. `azure-mgmt-web` is imported when the
client is first needed, never by a DAG file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from app_service_canary.errors import TransientAzureError, WeightNotApplied
from app_service_canary.hooks.azure_errors import azure_errors
from app_service_canary.hooks.operations import AppServiceOperationsHook
from app_service_canary.hooks.ramp_up_rules import (
    WireRule,
    patch,
    read_rules,
    traffic_rule,
    with_weight,
    without,
)
from app_service_canary.hooks.site_resources import (
    copied_config,
    copied_settings,
    image_key,
    new_slot,
    properties_of,
    slot_state,
)
from app_service_canary.patience import settled
from app_service_canary.release.app_state import (
    PRODUCTION,
    AppState,
    AppTarget,
    SlotState,
    TrafficRule,
)
from app_service_canary.release.ownership import refuse_foreign, weight_of

CREATION_LIMIT = 240.0
"""Seconds a new slot may take; 30 are usual. The next try finds it, or waits for it."""


class AppServiceHook(AppServiceOperationsHook):
    """Reads and changes one subscription's web apps.

    Use it as an asynchronous context manager, which closes its connections:

        async with AppServiceHook("azure_app_service") as hook:
            state = await hook.read_app(AppTarget("storefront-rg", "storefront", "stage"))

    Args:
        azure_app_service_conn_id: an Airflow connection of type `azure`; see `AzureSettings` for its fields.
    """

    conn_name_attr = "azure_app_service_conn_id"
    default_conn_name = "azure_app_service"
    conn_type = "azure_app_service"
    hook_name = "Azure App Service"

    # -- reading -------------------------------------------------------------------------------------

    async def read_app(self, target: AppTarget) -> AppState:
        """Production, the slot (None when it does not exist) and the traffic rules, as they are now.

        Raises:
            AzureResourceMissing: the app does not exist.
            TransientAzureError: the answers do not fit together, as shortly after a swap.
        """
        production = await self.read_production(target)
        slot = await self.read_slot(target)
        rules = await self._wire_rules(target)
        auto_swap = await self._auto_swap_slot(target) if slot else None
        state = AppState(production, slot, tuple(traffic_rule(rule) for rule in rules), auto_swap)
        if state.contradicts_itself:
            raise TransientAzureError(
                f"Reading app '{target.app}': Azure says that production and slot '{target.slot}' both hold deployment "
                f"{production.deployment_id}; one of the two answers is out of date."
            )
        return state

    async def read_slot(self, target: AppTarget) -> SlotState | None:
        """The slot as it is now; None when it does not exist."""
        from azure.core.exceptions import ResourceNotFoundError

        client = await self.client()
        with azure_errors(f"Reading {target}"):
            try:
                slot = await client.web_apps.get_slot(target.resource_group, target.app, target.slot)
            except ResourceNotFoundError:
                return None
        return slot_state(slot, target.slot)

    async def read_production(self, target: AppTarget) -> SlotState:
        """Production as it is now."""
        client = await self.client()
        with azure_errors(f"Reading app '{target.app}' in resource group '{target.resource_group}'"):
            return slot_state(await client.web_apps.get(target.resource_group, target.app), PRODUCTION)

    async def read_rule(self, target: AppTarget) -> TrafficRule | None:
        """The rule that sends users to the slot; None when there is none."""
        return _ours(await self._wire_rules(target), target)

    async def read_image(self, target: AppTarget, os: str, *, production: bool = False) -> str | None:
        """The container image that the slot, or production, is set to; None when it runs none."""
        client = await self.client()
        with azure_errors(f"Reading the configuration of {target}"):
            if production:
                config = await client.web_apps.get_configuration(target.resource_group, target.app)
            else:
                config = await client.web_apps.get_configuration_slot(target.resource_group, target.app, target.slot)
        stack = str(properties_of(config).get(image_key(os)) or "")
        return stack.removeprefix("DOCKER|") if stack.startswith("DOCKER|") else None

    async def read_content(self, target: AppTarget, image_os: str | None, *, production: bool = False) -> str:
        """What tells apart what the slot, or production, holds: its image, or its last deployment.

        Args:
            target: app and slot.
            image_os: the operating system when the artifact is a container; None for a package.
            production: production, and not the slot.

        Returns:
            The image, or the deployment's id; empty when Azure tells of none.
        """
        if image_os:
            return await self.read_image(target, image_os, production=production) or ""
        return await self.read_deployment(target, production=production)

    async def _wire_rules(self, target: AppTarget) -> list[WireRule]:
        client = await self.client()
        with azure_errors(f"Reading the traffic rules of app '{target.app}'"):
            config = await client.web_apps.get_configuration(target.resource_group, target.app)
        return read_rules(properties_of(config))

    async def _auto_swap_slot(self, target: AppTarget) -> str | None:
        client = await self.client()
        with azure_errors(f"Reading the configuration of {target}"):
            config = await client.web_apps.get_configuration_slot(target.resource_group, target.app, target.slot)
        return properties_of(config).get("autoSwapSlotName") or None

    # -- slots ---------------------------------------------------------------------------------------

    async def start_slot(self, target: AppTarget) -> None:
        """Starts the slot; App Service answers when its state has changed, not when the app answers."""
        client = await self.client()
        with azure_errors(f"Starting {target}"):
            await client.web_apps.start_slot(target.resource_group, target.app, target.slot)

    async def stop_slot(self, target: AppTarget) -> None:
        """Stops the slot; whoever is still sent there gets 403."""
        client = await self.client()
        with azure_errors(f"Stopping {target}"):
            await client.web_apps.stop_slot(target.resource_group, target.app, target.slot)

    async def create_slot(self, target: AppTarget) -> None:
        """Creates the slot as a copy of production's configuration, settings and connection strings, in one call.

        Slot settings stay where they are: those that `slotConfigNames` lists are not copied. Production's
        traffic rules are not part of the copy.
        """
        client = await self.client()
        group, app = target.resource_group, target.app
        with azure_errors(f"Creating {target}"):
            production = await client.web_apps.get(group, app)
            config = properties_of(await client.web_apps.get_configuration(group, app))
            settings = properties_of(await client.web_apps.list_application_settings(group, app))
            strings = properties_of(await client.web_apps.list_connection_strings(group, app))
            sticky = properties_of(await client.web_apps.list_slot_configuration_names(group, app))
            body = new_slot(production, {**copied_config(config), **copied_settings(settings, strings, sticky)})
            poller = await client.web_apps.begin_create_or_update_slot(group, app, target.slot, body)
            try:
                await asyncio.wait_for(poller.result(), CREATION_LIMIT)
            except asyncio.TimeoutError:
                raise TransientAzureError(f"Creating {target}: it was not done after {CREATION_LIMIT:g} s.") from None

    async def set_image(self, target: AppTarget, image: str, os: str) -> None:
        """Points the slot to a container image. The same image again would not be pulled, so it is restarted."""
        client = await self.client()
        with azure_errors(f"Setting the image of {target}"):
            unchanged = await self.read_image(target, os) == image
            if unchanged:
                await client.web_apps.restart_slot(target.resource_group, target.app, target.slot)
            else:
                body = {"properties": {image_key(os): f"DOCKER|{image}"}}
                await client.web_apps.update_configuration_slot(target.resource_group, target.app, target.slot, body)

    # -- traffic -------------------------------------------------------------------------------------

    async def set_weight(
        self, target: AppTarget, host: str, weight: float, *, left: Collection[float | None] | None = None
    ) -> bool:
        """Sends this share of production's new users to the slot, and reads it back.

        Args:
            target: app and slot.
            host: the slot's host name as Azure gives it; App Service does not check it and would send those
                users to a 404.
            weight: percent, 0–100. 0 keeps a rule through which testers get in.
            left: the weights at which this release may have left the rule, None among them for no rule. None: any.

        Returns:
            Whether anything had to be written.

        Raises:
            ChangedByOthers: the rule is neither as asked nor as it was left; it was not overwritten.
            WeightNotApplied: reading it back showed something else.
        """
        rules = await self._rules_as_left(target, left, weight)
        if _ours(rules, target) == TrafficRule(target.slot, host, weight):
            return False
        written = with_weight(rules, target.slot, host, weight)
        found = await self._write_and_read_back(target, written)
        if found is None or found.weight != weight or found.host.lower() != host.lower():
            raise WeightNotApplied(
                f"Traffic rule of {target}: {weight:g} % to {host} was written, but Azure now says "
                f"{f'{found.weight:g} % to {found.host}' if found else 'there is none'}. "
                "Somebody or something else may be changing it."
            )
        return True

    async def refuse_foreign_rule(self, target: AppTarget, left: Collection[float | None]) -> None:
        """Raises ChangedByOthers if the slot's rule is not as this release left it; `left` as in `set_weight`."""
        await self._rules_as_left(target, left)

    async def _rules_as_left(
        self, target: AppTarget, left: Collection[float | None] | None, *wanted: float
    ) -> list[WireRule]:
        """All rules, once ours is as it was left; or as it is wanted, by an earlier try whose answer was lost."""

        def is_ours(rules: list[WireRule]) -> bool:
            return left is None or weight_of(_ours(rules, target)) in (*wanted, *left)

        rules = await settled(lambda: self._wire_rules(target), is_ours)
        if left is not None and not is_ours(rules):
            refuse_foreign(target, _ours(rules, target), left)
        return rules

    async def clear_weight(self, target: AppTarget, *, was_left: bool = False) -> bool:
        """Removes our rule, and reads it back; other slots' rules stay.

        Args:
            target: app and slot.
            was_left: this release has left one there, so that a reading without it is looked at again.

        Returns:
            Whether there was one to remove.

        Raises:
            WeightNotApplied: the rule is still there.
        """
        rules = await settled(
            lambda: self._wire_rules(target), lambda seen: not was_left or _ours(seen, target) is not None
        )
        if _ours(rules, target) is None:
            return False
        if found := await self._write_and_read_back(target, without(rules, target.slot)):
            raise WeightNotApplied(
                f"Traffic rule of {target}: it was removed, but Azure still says {found.weight:g} %. "
                "Somebody or something else may be changing it."
            )
        return True

    async def _write_and_read_back(self, target: AppTarget, rules: list[WireRule]) -> TrafficRule | None:
        """Writes all rules, for App Service replaces the list whole; what it says of ours afterwards."""
        await self._write_rules(target, rules)
        found = await self._wire_rules(target)
        if without(found, target.slot) != without(rules, target.slot):
            self.log.warning(
                "Somebody changed other traffic rules of app '%s' at the same moment; look at them: %s.",
                target.app,
                ", ".join(f"{rule.name} {rule.weight:g} %" for rule in map(traffic_rule, found)) or "there is none now",
            )
        return _ours(found, target)

    async def cancel_preview(self, target: AppTarget) -> None:
        """Puts the slot's own settings back (resetSlotConfig) after a swap with preview, or one that failed."""
        client = await self.client()
        with azure_errors(f"Cancelling the swap that {target} is prepared for"):
            await client.web_apps.reset_slot_configuration_slot(target.resource_group, target.app, target.slot)

    async def refuse_while_busy(self, target: AppTarget) -> bool:
        """Writes the rules without ours, for App Service refuses every write while it works on the app.

        Nothing that can be read says reliably whether a swap runs whose answer was lost.

        Returns:
            Whether there was a rule of ours.

        Raises:
            OperationInProgress: it works on the app; ask again later.
        """
        rules = await self._wire_rules(target)
        await self._write_and_read_back(target, without(rules, target.slot))
        return _ours(rules, target) is not None

    async def _write_rules(self, target: AppTarget, rules: list[WireRule]) -> None:
        client = await self.client()
        with azure_errors(f"Setting the traffic rules of app '{target.app}'"):
            await client.web_apps.update_configuration(target.resource_group, target.app, patch(rules))


def _ours(rules: Iterable[WireRule], target: AppTarget) -> TrafficRule | None:
    return next((rule for rule in map(traffic_rule, rules) if rule.name.lower() == target.slot.lower()), None)
