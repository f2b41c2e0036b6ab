"""Switches for what is not known for certain about App Service, so that a client can be tried against both."""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass
class Quirks:
    """One attribute per doubtful fact, changed while running by `PATCH /_simulator/quirks`.

    The defaults are what the sources make most likely; the simulator's README says where each comes from.
    """

    cookie_without_rule_is_honoured: bool = True
    """With no rule left, a routing cookie that names an existing slot still leads there.
    False: production answers, as the documentation says of the query parameter."""

    unknown_cookie_value_is_rerolled: bool = True
    """A routing cookie naming no rule is ignored and the request is routed by a new roll of the dice.
    False: production answers."""

    stopped_403_counts_as_request: bool = False
    """The front end's own 403 page for a stopped app is counted in the app's metrics."""

    rerouted_requests_count_on_the_slot: bool = True
    """A request routed from production to a slot is counted in the slot's metrics.
    False: in production's."""

    writes_answer_the_old_etag: bool = True
    """The answer to a write carries the ETag from before the write, as recorded of PATCH config/web."""

    stale_routing_rules_win: bool = False
    """When a write carries both `routingRules` and `experiments.rampUpRules`, the former is obeyed."""

    configuration_applies_after_delay: bool = False
    """A write to config/web takes effect at the end of the seconds it takes. False: at their beginning."""

    rules_swap_with_content: bool = False
    """A swap exchanges the routing rules too. False: they stay with the production host."""

    impossible_percentages_are_refused: bool = True
    """Rules below 0 %, above 100 %, or above 100 % together, answer 400. False: they are stored."""

    failed_swap_leaves_slot_prepared: bool = False
    """After a failed swap the source slot stays "prepared for swap" until resetSlotConfig."""

    unstartable_package_fails_deployment: bool = True
    """A deployed package that does not start ends with status 3, Failed. False: the deployment ends with
    status 4, and only deploymentStatus says RuntimeFailed."""

    operation_id_during_swap: bool = False
    """GET site shows `inProgressOperationId` while a swap runs. In the recordings it was always null."""

    swap_needs_rights_on_target: bool = False
    """A swap needs the permission to swap on the app too, not only on the slot it is asked of."""

    metrics_delay: float = 120.0
    """Azure seconds after the end of a minute until Azure Monitor shows it; 1 to 3 minutes are usual."""

    logs_delay: float = 120.0
    """Azure seconds after the end of a request until Log Analytics has it: 20 s to 3 minutes on average.
    https://learn.microsoft.com/azure/azure-monitor/logs/data-ingestion-time"""

    role_name_has_the_slot: bool = False
    """Without OTEL_SERVICE_NAME, a slot's AppRoleName is `app-slot`, as Application Insights' classic SDK for .NET
    has it. False: `app` for every slot, as Azure Monitor's OpenTelemetry distributions have it."""

    def change(self, changes: dict[str, Any]) -> None:
        """Sets the switches named in `changes`; ValueError, changing nothing, on an unknown name or type."""
        kinds = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        for name, value in changes.items():
            if name not in kinds:
                raise ValueError(f"no switch {name!r}; there are {', '.join(kinds)}")
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (isinstance(value, bool) if kinds[name] is bool else number and value >= 0):
                raise ValueError(f"{name} is {value!r}; it must be a {kinds[name].__name__}")
        for name, value in changes.items():
            setattr(self, name, kinds[name](value))

    def as_dict(self) -> dict[str, Any]:
        """Every switch and how it is set."""
        return asdict(self)
