"""What Azure says about an app, reduced to what a release needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RUNNING = "Running"

PRODUCTION = "production"
"""App Service's name of the slot that serves the app's own host name."""


@dataclass(frozen=True)
class AppTarget:
    """One app and the slot a release works with."""

    resource_group: str
    app: str
    slot: str

    def __str__(self) -> str:
        return f"slot '{self.slot}' of app '{self.app}'"

    @property
    def at_start(self) -> str:
        """As a sentence begins with it."""
        return f"Slot '{self.slot}' of app '{self.app}'"


@dataclass(frozen=True)
class OperationStatus:
    """Where a long-running operation stands.

    Attributes:
        done: it has ended.
        failure: why it failed; empty otherwise.
        unknown_beside: what Azure tells of instead, where it does not know this operation; empty otherwise.
    """

    done: bool
    failure: str = ""
    unknown_beside: str = ""


@dataclass(frozen=True)
class Deployment:
    """A deployment to a slot, as the slot's own deployment service knows it.

    Attributes:
        id: by which it is told from everybody else's; empty when Azure gave none.
        url: where to ask how it goes.
    """

    id: str
    url: str


@dataclass(frozen=True)
class SlotState:
    """One slot, or production.

    Attributes:
        name: the slot's name; `production` for the app itself.
        state: `Running`, `Stopped`, or what else App Service says (`QuotaExceeded` has been seen).
        host: its own host name, as Azure gives it; never built from names, because unique default host
            names carry a hash.
        deployment_id: travels with the content when slots are swapped, so it tells who is where.
        kind: `app`, `app,linux`, `functionapp` …
        sku: the plan's tier, such as `Standard`.
        location, plan_id: where it runs.
        operation_id: the operation App Service is carrying out; None when there is none.
        prepared_for: the slot a swap with preview has been prepared with; None when none is pending.
        last_swap: when the last swap that involved it took place and which slots it swapped, in Azure's own words;
            empty when there never was one. It stays until the next.
    """

    name: str
    state: str
    host: str
    deployment_id: str
    kind: str = "app"
    sku: str = ""
    location: str = ""
    plan_id: str = ""
    operation_id: str | None = None
    prepared_for: str | None = None
    last_swap: str = ""

    @property
    def running(self) -> bool:
        return self.state == RUNNING


@dataclass(frozen=True)
class TrafficRule:
    """One rule of the production host's traffic.

    Attributes:
        name: value of the routing cookie for those it sends away: the slot's name.
        host: where it sends them.
        weight: percent, 0–100.
        ramps_by_itself: App Service moves the weight on its own, step by step.
        has_more: it has other properties than name, host and weight.
    """

    name: str
    host: str
    weight: float
    ramps_by_itself: bool = False
    has_more: bool = False


@dataclass(frozen=True)
class AppState:
    """An app, the slot a release works with, and the traffic between them, all read at one time."""

    production: SlotState
    slot: SlotState | None
    rules: tuple[TrafficRule, ...] = ()
    auto_swap_slot: str | None = None

    @property
    def contradicts_itself(self) -> bool:
        """Both slots hold one deployment, which cannot be: what was read of one of them is older than a swap."""
        return bool(self.slot and self.slot.deployment_id and self.slot.deployment_id == self.production.deployment_id)

    def rule_for(self, slot_name: str) -> TrafficRule | None:
        """The rule that sends users to this slot; None when there is none."""
        return next((rule for rule in self.rules if rule.name.lower() == slot_name.lower()), None)


@dataclass(frozen=True)
class Before:
    """Who was where before a release changed anything; what `swap` and `restore` compare with."""

    production_deployment_id: str
    slot_deployment_id: str | None
    slot_running: bool

    @classmethod
    def of(cls, state: AppState) -> Before:
        return cls(
            production_deployment_id=state.production.deployment_id,
            slot_deployment_id=state.slot.deployment_id if state.slot else None,
            slot_running=bool(state.slot and state.slot.running),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "production_deployment_id": self.production_deployment_id,
            "slot_deployment_id": self.slot_deployment_id,
            "slot_running": self.slot_running,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Before:
        return cls(**{key: values[key] for key in cls.__dataclass_fields__})

    def is_slot_of(self, found: SlotState | None) -> bool:
        """Whether the slot that is found holds what it held, whatever was deployed there: a deployment keeps the id.

        Not when it is gone, was deleted and created again, or was swapped. Where no id is known, any slot will do.
        """
        if found is None:
            return False
        return not (self.slot_deployment_id and found.deployment_id) or found.deployment_id == self.slot_deployment_id

    def swapped_in(self, production: SlotState) -> bool:
        """Production holds the content of the canary slot: the canary was swapped in.

        A deployment keeps the id; only a swap moves it. What somebody swapped in from yet another slot is not the
        canary. A slot that the release itself created had no id before; then any other content counts.
        """
        if self.slot_deployment_id is None:
            return production.deployment_id != self.production_deployment_id
        return production.deployment_id == self.slot_deployment_id
