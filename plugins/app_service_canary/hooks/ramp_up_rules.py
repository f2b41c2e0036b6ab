"""Traffic rules as App Service writes them (`experiments.rampUpRules`), and the smallest change to them.

https://learn.microsoft.com/rest/api/appservice/web-apps/update-configuration: arrays are replaced whole, so
every rule that shall stay has to be sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app_service_canary.hooks.azure_errors import unreadable
from app_service_canary.release.app_state import TrafficRule
from app_service_canary.release.quoting import quoted

WireRule = dict[str, Any]

_PLAIN = ("name", "actionHostName", "reroutePercentage")
"""The properties of a rule that sends a share of the users to a slot, and no more."""


def read_rules(config: Mapping[str, Any]) -> list[WireRule]:
    """The rules in the properties of a site's `config/web`, as they came.

    Strictly: to take an answer that is cut short for one without rules would be to remove other slots' with the
    next write.

    Raises:
        TransientAzureError: there is no list of rules where one belongs, or something else than rules in it.
    """
    found = config.get("experiments", ...)
    rules = found.get("rampUpRules", ...) if isinstance(found, Mapping) else found
    if rules is None:
        return []
    if not isinstance(found, Mapping) or not isinstance(rules, list) or not all(_is_rule(rule) for rule in rules):
        seen = "none" if rules is ... else quoted(rules)
        raise unreadable(
            "Reading the traffic rules", f"experiments.rampUpRules: found {seen}; expected a list of rules"
        )
    return [dict(rule) for rule in rules]


def _is_rule(rule: Any) -> bool:
    if not isinstance(rule, Mapping):
        return False
    weight, texts = rule.get("reroutePercentage"), (rule.get("name"), rule.get("actionHostName"))
    is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
    return (weight is None or (is_number and 0 <= weight <= 100)) and all(
        isinstance(text, str | None) for text in texts
    )


def traffic_rule(rule: Mapping[str, Any]) -> TrafficRule:
    """One rule, understood."""
    return TrafficRule(
        name=str(rule.get("name") or ""),
        host=str(rule.get("actionHostName") or ""),
        weight=float(rule.get("reroutePercentage") or 0.0),
        ramps_by_itself=bool(rule.get("changeStep") or rule.get("changeDecisionCallbackUrl")),
        has_more=any(value is not None for key, value in rule.items() if key not in _PLAIN),
    )


def with_weight(rules: Iterable[WireRule], slot: str, host: str, weight: float) -> list[WireRule]:
    """The rules after giving our slot a weight; the others stay as they are, in their order."""
    ours: WireRule = {"name": slot, "actionHostName": host, "reroutePercentage": weight}
    return [*without(rules, slot), ours]


def without(rules: Iterable[WireRule], slot: str) -> list[WireRule]:
    """The rules without ours."""
    return as_sent(rule for rule in rules if str(rule.get("name") or "").lower() != slot.lower())


def as_sent(rules: Iterable[WireRule]) -> list[WireRule]:
    """The rules without their empty properties, which App Service fills in again."""
    return [{key: value for key, value in rule.items() if value is not None} for rule in rules]


def patch(rules: list[WireRule]) -> dict[str, Any]:
    """The smallest body of `PATCH config/web`.

    Never the whole configuration read back: what somebody else changed in between would be lost, and the
    `routingRules` that came with it would contradict these.
    """
    return {"properties": {"experiments": {"rampUpRules": rules}}}
