"""Traffic rules on the wire."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_service_canary.errors import TransientAzureError
from app_service_canary.hooks.ramp_up_rules import patch, read_rules, traffic_rule, with_weight, without
from app_service_canary.release.app_state import TrafficRule

HOST = "storefront-stage.azurewebsites.net"

slots = st.sampled_from(["stage", "Stage", "beta", "gamma", "", None])
rules = st.lists(
    st.fixed_dictionaries(
        {"name": slots, "reroutePercentage": st.floats(0, 100)},
        optional={"actionHostName": st.text(), "changeStep": st.none() | st.floats(1, 5), "new": st.none() | st.text()},
    ),
    max_size=5,
)


def others(given_rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules of other slots than `stage`, without empty properties."""
    return [
        {key: value for key, value in rule.items() if value is not None}
        for rule in given_rules
        if rule["name"] not in ("stage", "Stage")
    ]


@given(rules, st.floats(0, 100))
def test_giving_a_weight_keeps_every_other_rule_in_order(given_rules: list[dict[str, Any]], weight: float) -> None:
    *rest, ours = with_weight(given_rules, "stage", HOST, weight)

    assert others(given_rules) == rest
    assert ours == {"name": "stage", "actionHostName": HOST, "reroutePercentage": weight}


@given(rules)
def test_taking_a_slots_rule_away_keeps_every_other_rule_in_order(given_rules: list[dict[str, Any]]) -> None:
    assert others(given_rules) == without(given_rules, "STAGE")


@given(rules, st.floats(0, 100))
def test_a_weight_given_and_taken_away_leaves_what_was_there(given_rules: list[dict[str, Any]], weight: float) -> None:
    assert others(given_rules) == without(with_weight(given_rules, "stage", HOST, weight), "stage")


@given(rules)
def test_the_rules_that_came_are_not_changed(given_rules: list[dict[str, Any]]) -> None:
    before = [dict(rule) for rule in given_rules]
    with_weight(given_rules, "stage", HOST, 10)

    assert before == given_rules


@pytest.mark.parametrize(
    "config", [{"experiments": None}, {"experiments": {"rampUpRules": None}}, {"experiments": {"rampUpRules": []}}]
)
def test_a_configuration_without_rules_has_none(config: dict[str, Any]) -> None:
    assert read_rules(config) == []


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"experiments": {}},
        {"experiments": []},
        {"experiments": "x"},
        {"experiments": {"rampUpRules": {}}},
        {"experiments": {"rampUpRules": "x"}},
        {"experiments": {"rampUpRules": [None]}},
        {"experiments": {"rampUpRules": [{"name": 5}]}},
        {"experiments": {"rampUpRules": [{"actionHostName": []}]}},
        {"experiments": {"rampUpRules": [{"reroutePercentage": "10"}]}},
        {"experiments": {"rampUpRules": [{"reroutePercentage": True}]}},
        {"experiments": {"rampUpRules": [{"reroutePercentage": -1}]}},
        {"experiments": {"rampUpRules": [{"reroutePercentage": float("nan")}]}},
    ],
)
def test_a_configuration_of_another_shape_is_not_taken_for_one_without_rules(config: dict[str, Any]) -> None:
    """The next write replaces all rules; those that could not be read would be gone."""
    with pytest.raises(TransientAzureError, match=r"rampUpRules: found .*; expected a list of rules"):
        read_rules(config)


def test_the_legacy_mirror_of_the_rules_is_not_read() -> None:
    rule = {"name": "stage", "reroutePercentage": 10.0}

    assert read_rules({"routingRules": [rule], "experiments": {"rampUpRules": []}}) == []
    assert read_rules({"routingRules": [], "experiments": {"rampUpRules": [rule]}}) == [rule]


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ({}, TrafficRule("", "", 0.0)),
        ({"name": None, "actionHostName": None, "reroutePercentage": None}, TrafficRule("", "", 0.0)),
        ({"name": "stage", "actionHostName": HOST, "reroutePercentage": 15}, TrafficRule("stage", HOST, 15.0)),
        ({"name": "stage", "changeStep": None}, TrafficRule("stage", "", 0.0)),
        ({"name": "stage", "changeStep": 5.0}, TrafficRule("stage", "", 0.0, ramps_by_itself=True, has_more=True)),
        ({"name": "stage", "minReroutePercentage": 5.0}, TrafficRule("stage", "", 0.0, has_more=True)),
        (
            {"name": "stage", "changeDecisionCallbackUrl": "https://c"},
            TrafficRule("stage", "", 0.0, ramps_by_itself=True, has_more=True),
        ),
    ],
)
def test_a_rule_is_understood(wire: dict[str, Any], expected: TrafficRule) -> None:
    assert expected == traffic_rule(wire)


@given(rules)
def test_the_patch_holds_the_rules_and_nothing_else(given_rules: list[dict[str, Any]]) -> None:
    assert patch(given_rules) == {"properties": {"experiments": {"rampUpRules": given_rules}}}
