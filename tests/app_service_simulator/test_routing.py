import re

import pytest

from app_service_simulator.routing import Rule, cookie_value, decide, set_cookie

STAGE = Rule("stage", "contoso-web-stage.azurewebsites.net", 10.0)
BETA = Rule("beta", "contoso-web-beta.azurewebsites.net", 20.0)
ZERO = Rule("stage", "contoso-web-stage.azurewebsites.net", 0.0)


def where(decision):
    return decision.rule.name if decision.rule else "self"


@pytest.mark.parametrize(
    ("roll", "expected"),
    [(0.0, "stage"), (9.999, "stage"), (10.0, "beta"), (29.999, "beta"), (30.0, "self"), (99.999, "self")],
)
def test_a_roll_below_the_cumulative_percentage_goes_to_that_rule(roll, expected):
    assert expected == where(decide([STAGE, BETA], roll=roll))


def test_a_fractional_percentage_is_honoured():
    half = Rule("stage", "x", 0.5)
    assert [where(decide([half], roll=roll)) for roll in (0.49, 0.51)] == ["stage", "self"]


def test_a_new_visitor_is_told_the_roll_first_and_the_routing_name_second():
    decision = decide([STAGE], roll=92.34763494899777)
    assert decision.cookies == (("TiPMix", "92.34763494899777"), ("x-ms-routing-name", "self"))


def test_a_rule_of_zero_percent_sends_nobody_but_still_pins_new_visitors():
    decision = decide([ZERO], roll=0.0)
    assert (where(decision), decision.cookies[1]) == ("self", ("x-ms-routing-name", "self"))


def test_without_rules_nobody_is_rerouted_and_no_cookie_is_set():
    decision = decide([], roll=0.0)
    assert (where(decision), decision.cookies) == ("self", ())


@pytest.mark.parametrize("rules", [[STAGE], [ZERO]])
def test_a_pinned_visitor_stays_and_gets_no_new_cookie(rules):
    decision = decide(rules, pinned="stage", roll=99.0)
    assert (where(decision), decision.cookies) == ("stage", ())


def test_a_visitor_pinned_to_production_is_not_rolled_again():
    decision = decide([STAGE], pinned="self", roll=0.0)
    assert (where(decision), decision.cookies) == ("self", ())


@pytest.mark.parametrize("rules", [[STAGE], [ZERO]])
@pytest.mark.parametrize("name", ["stage", "self"])
def test_the_query_parameter_pins_over_the_cookie(rules, name):
    other = {"stage": "self", "self": "stage"}[name]
    decision = decide(rules, asked=name, pinned=other, roll=50.0)
    assert (name, (("x-ms-routing-name", name),)) == (where(decision), decision.cookies)


def test_the_query_parameter_is_ignored_when_there_is_no_rule():
    decision = decide([], asked="stage", roll=0.0, former={"stage": STAGE})
    assert (where(decision), decision.cookies) == ("self", ())


def test_the_query_parameter_is_ignored_when_no_rule_has_its_name():
    assert where(decide([STAGE], asked="nobody", roll=0.0)) == "stage"


def test_a_cookie_of_a_former_rule_is_honoured_when_former_rules_are_given():
    assert where(decide([], pinned="stage", roll=99.0, former={"stage": STAGE})) == "stage"


def test_a_cookie_of_a_former_rule_leads_to_production_when_they_are_not():
    assert where(decide([], pinned="stage", roll=0.0)) == "self"


def test_an_unknown_cookie_is_replaced_by_a_new_roll():
    decision = decide([STAGE], pinned="gone", roll=5.0)
    assert decision.cookies == (("TiPMix", "5.0"), ("x-ms-routing-name", "stage"))


def test_an_unknown_cookie_leads_to_production_where_it_is_not_rerolled():
    decision = decide([STAGE], pinned="gone", roll=5.0, unknown_is_rerolled=False)
    assert (where(decision), decision.cookies) == ("self", ())


def test_a_cookie_is_found_among_others_and_not_by_a_part_of_its_name():
    header = 'my-x-ms-routing-name=a; q="1"; x-ms-routing-name=stage; TiPMix=3.1'
    assert cookie_value(header, "x-ms-routing-name") == "stage"
    assert cookie_value("my-x-ms-routing-name=a", "x-ms-routing-name") is None
    assert cookie_value("", "x-ms-routing-name") is None


def test_a_cookie_carries_app_service_s_attributes_in_its_order():
    assert set_cookie("TiPMix", "1.5", host="contoso-web.azurewebsites.net", life=3600.0) == (
        "TiPMix=1.5; path=/; HttpOnly; Domain=contoso-web.azurewebsites.net; Max-Age=3600; Secure; SameSite=None"
    )


def test_a_shortened_cookie_lives_at_least_a_second():
    header = set_cookie("TiPMix", "1.5", host="h", life=0.2)
    assert re.findall(r"Max-Age=(\d+)", header) == ["1"]
