"""What exists in the simulated subscription: resource groups, plans, apps and their slots."""

import copy
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app_service_simulator.arm.errors import conflict
from app_service_simulator.clock import Clock
from app_service_simulator.front_end import HostView
from app_service_simulator.request_log import SlotKey
from app_service_simulator.routing import Rule
from app_service_simulator.slot import PRODUCTION, Content, Slot

SLOT_LIMITS = {"standard": 5, "premium": 20, "premiumv2": 20, "premiumv3": 20, "premiumv4": 20, "isolated": 20}
"""Slots besides production by the plan's tier; tiers not named have none.

https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
"""

TIERS = {"F": "Free", "D": "Shared", "B": "Basic", "S": "Standard", "P": "Premium", "I": "Isolated"}
"""Tier by the first letter of a size such as S1; P1v2 and the like say their version after it."""

LABEL_SITE, LABEL_SLOT, LABEL_EXTRA = 40, 19, 4
"""Where a slot's host name cuts the app's and the slot's names, and how many characters it then adds.

https://learn.microsoft.com/azure/app-service/deploy-staging-slots
"""


@dataclass
class ResourceGroup:
    """A resource group; names compare case-insensitively, as everything in Resource Manager."""

    subscription: str
    name: str
    location: str
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.name}"


@dataclass
class Plan:
    """An App Service plan. `size` is what people call the SKU: S1, P1v3."""

    group: ResourceGroup
    name: str
    location: str
    size: str
    linux: bool
    capacity: int = 1
    tags: dict[str, str] | None = None

    @property
    def id(self) -> str:
        return f"{self.group.id}/providers/Microsoft.Web/serverfarms/{self.name}"

    @property
    def tier(self) -> str:
        tier = TIERS.get(self.size[:1].upper(), "Standard")
        version = re.search(r"[vV](\d)$", self.size)
        return f"{tier}V{version.group(1)}" if version else tier

    @property
    def slot_limit(self) -> int:
        return SLOT_LIMITS.get(self.tier.lower(), 0)


@dataclass(eq=False)
class Site:
    """An app: its slots by name, production among them, and what all of them share."""

    group: ResourceGroup
    name: str
    plan: Plan
    kind: str
    location: str
    slots: dict[str, Slot] = field(default_factory=dict)
    sticky_settings: list[str] = field(default_factory=list)
    sticky_connection_strings: list[str] = field(default_factory=list)
    sticky_storage: list[str] = field(default_factory=list)
    sticky_names_written: bool = False
    former: "Site | None" = field(default=None, repr=False)
    """The app as it was before the last write, for reads that are to be stale."""

    @property
    def id(self) -> str:
        return f"{self.group.id}/providers/Microsoft.Web/sites/{self.name}"

    @property
    def production(self) -> Slot:
        return self.slots[PRODUCTION]

    def slot(self, name: str) -> Slot | None:
        """The slot of that name, in any case."""
        return self.slots.get(name.lower())

    def twin(self) -> "Site":
        """A copy that stays as the app is now; it shares the running processes."""
        twin = copy.copy(self)
        twin.former = None
        twin.sticky_settings, twin.sticky_storage = list(self.sticky_settings), list(self.sticky_storage)
        twin.sticky_connection_strings = list(self.sticky_connection_strings)
        twin.slots = {
            name: copy.deepcopy(slot, {id(self): twin, id(slot.workers): slot.workers})
            for name, slot in self.slots.items()
        }
        return twin

    def is_sticky(self, setting: str) -> bool:
        """Whether an app setting stays with its slot: one marked so, or an `_EXTENSION_VERSION`."""
        return setting in self.sticky_settings or setting.endswith("_EXTENSION_VERSION")

    @property
    def other_slots(self) -> list[Slot]:
        """All slots but production."""
        return [slot for slot in self.slots.values() if not slot.is_production]


class World:
    """Everything that exists; deployed contents are kept under `directory`."""

    def __init__(self, clock: Clock, directory: Path, subscription: str, tenant: str) -> None:
        self.clock = clock
        self.subscription, self.tenant = subscription, tenant
        self.groups: dict[str, ResourceGroup] = {}
        self.plans: dict[tuple[str, str], Plan] = {}
        self.sites: dict[str, Site] = {}
        self.slot_ids: dict[SlotKey, str] = {}
        """Resource ids, those of deleted apps and slots too: what they served is still in the logs."""
        self._hosts: dict[str, Slot] = {}
        self._contents = directory / "contents"

    def group(self, name: str) -> ResourceGroup | None:
        return self.groups.get(name.lower())

    def plan(self, group: str, name: str) -> Plan | None:
        return self.plans.get((group.lower(), name.lower()))

    def plan_by_id(self, plan_id: str) -> Plan | None:
        """The plan with this resource id or, as az may send it, just this name."""
        wanted = plan_id.lower()
        return next((p for p in self.plans.values() if wanted in (p.id.lower(), p.name.lower())), None)

    def site(self, group: str, name: str) -> Site | None:
        site = self.sites.get(name.lower())
        return site if site and site.group.name.lower() == group.lower() else None

    def slots(self) -> Iterator[Slot]:
        """Every slot of every app."""
        for site in self.sites.values():
            yield from site.slots.values()

    def add_group(self, name: str, location: str) -> ResourceGroup:
        group = ResourceGroup(self.subscription, name, location)
        self.groups[name.lower()] = group
        return group

    def add_plan(self, group: ResourceGroup, name: str, **attributes: Any) -> Plan:
        plan = Plan(group, name, **attributes)
        self.plans[group.name.lower(), name.lower()] = plan
        return plan

    def add_site(self, group: ResourceGroup, name: str, plan: Plan, kind: str, location: str) -> Site:
        """A new app with an empty production slot; 409 when the name is taken."""
        if name.lower() in self.sites:
            raise conflict(f"Website with given name {name} already exists.", "54001")
        site = Site(group, name, plan, kind, location)
        site.slots[PRODUCTION] = self._new_slot(site, PRODUCTION, name, name)
        site.production.config["alwaysOn"] = plan.slot_limit > 0
        self.sites[name.lower()] = site
        return site

    def add_slot(self, site: Site, name: str) -> Slot:
        """A new slot without content, not Always On; 409 when the plan's tier allows no more."""
        if len(site.other_slots) >= site.plan.slot_limit:
            raise conflict(
                "Cannot complete the operation because the site will exceed the number of slots allowed "
                f"for the '{site.plan.tier}' SKU.",
                "04068",
            )
        label = f"{site.name[:LABEL_SITE]}-{name[:LABEL_SLOT]}".lower()
        if len(site.name) > LABEL_SITE or len(name) > LABEL_SLOT:
            label += secrets.token_hex(LABEL_EXTRA // 2)
        slot = self._new_slot(site, name, label, f"{site.name}__{secrets.token_hex(2)}")
        site.slots[name.lower()] = slot
        return slot

    def remove_slot(self, slot: Slot) -> None:
        """Forgets the slot and its content; with production, the app."""
        del slot.site.slots[slot.name.lower()]
        del self._hosts[slot.host]
        self.discard_wwwroot(slot.content.wwwroot)
        if slot.is_production:
            del self.sites[slot.site.name.lower()]

    def new_wwwroot(self) -> Path:
        """An empty directory for content."""
        wwwroot = self._contents / secrets.token_hex(8) / "wwwroot"
        wwwroot.mkdir(parents=True)
        return wwwroot

    def discard_wwwroot(self, wwwroot: Path) -> None:
        """Removes content no slot has any more."""
        shutil.rmtree(wwwroot.parent, ignore_errors=True)

    def touch(self, slot: Slot) -> None:
        """Notes that the slot was changed now: its ETag changes with it."""
        slot.last_modified = self.clock.now()

    def slot_by_host(self, host: str, *, scm: bool = False) -> Slot | None:
        """The slot served at `host` (or whose Kudu is), whatever the case and the port."""
        wanted = host.split(":", 1)[0].lower()
        if scm:
            label, dot, domain = wanted.partition(".scm.")
            wanted = f"{label}.{domain}" if dot else ""
        return self._hosts.get(wanted)

    def view(self, host: str) -> HostView | None:
        """What the front end has to know about `host`."""
        slot = self.slot_by_host(host)
        if slot is None:
            return None
        rules = tuple(
            Rule(rule["name"] or "", rule["actionHostName"] or "", rule["reroutePercentage"]) for rule in slot.rules
        )
        return HostView(
            key=(slot.site.name, slot.name),
            running=slot.running,
            production=slot.is_production,
            workers=slot.workers,
            rules=rules if slot.is_production else (),
        )

    def _new_slot(self, site: Site, name: str, label: str, deployment_id: str) -> Slot:
        now: datetime = self.clock.now()
        slot = Slot(site, name, label.lower(), Content(deployment_id, self.new_wwwroot()), now, now)
        slot.config["publishingUsername"] = slot.publishing_user
        self._hosts[slot.host] = slot
        self.slot_ids[site.name, name] = slot.id
        return slot
