"""Which call meets which fault."""

import pytest

from app_service_simulator.faults.orders import Orders

GET = ("WebApps_Get", "GET", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/storefront", "storefront")
SWAP = ("WebApps_SwapSlotSlot", "POST", f"{GET[2]}/slots/stage/slotsswap", "storefront")


def fates(orders: Orders, call: tuple[str, str, str, str], times: int) -> list[str | None]:
    """What acts on each of that many equal calls."""
    met = (orders.take(*call) for _ in range(times))
    return [order.fault.do if order else None for order in met]


@pytest.mark.parametrize(
    ("which", "met"),
    [
        ({"operation": "WEBAPPS_GET"}, True),
        ({"operation": "webapps_*"}, True),
        ({"operation": "WebApps_Get?"}, False),
        ({"path": "*/SITES/*"}, True),
        ({"path": "*/sites/other"}, False),
        ({"path": "*/sites/*", "method": "get"}, True),
        ({"path": "*/sites/*", "method": "POST"}, False),
        ({"operation": "*", "app": "Storefront"}, True),
        ({"operation": "*", "app": "other"}, False),
    ],
)
def test_a_fault_meets_the_calls_it_is_about(which: dict[str, object], met: bool) -> None:
    orders = Orders()
    orders.add({**which, "do": "reset"})
    assert fates(orders, GET, 1) == ["reset" if met else None]


def test_a_fault_about_an_app_meets_no_call_that_is_about_none() -> None:
    orders = Orders()
    orders.add({"operation": "*", "app": "storefront", "do": "reset"})
    assert orders.take("Entra_Token", "POST", "/t/oauth2/v2.0/token", None) is None


@pytest.mark.parametrize(
    ("when", "fate"),
    [
        ({}, ["reset", None, None, None, None]),
        ({"nth": 3}, [None, None, "reset", None, None]),
        ({"nth": 2, "times": 2}, [None, "reset", "reset", None, None]),
        ({"times": None}, ["reset"] * 5),
        ({"nth": 4, "times": None}, [None, None, None, "reset", "reset"]),
    ],
)
def test_a_fault_acts_from_the_nth_matching_call_on_as_often_as_ordered(
    when: dict[str, object], fate: list[str | None]
) -> None:
    orders = Orders()
    orders.add({"operation": "WebApps_Get", "do": "reset", **when})
    assert orders.take(*SWAP) is None
    assert fates(orders, GET, 5) == fate


def test_a_fault_that_comes_after_another_acts_on_the_next_call() -> None:
    orders = Orders()
    orders.add([{"operation": "*", "do": "throttled"}, {"operation": "*", "do": "gateway_timeout"}])
    assert fates(orders, GET, 3) == ["throttled", "gateway_timeout", None]


def test_chance_falls_the_same_way_with_the_same_seed() -> None:
    def of(seed: int) -> list[str | None]:
        orders = Orders()
        orders.add({"operation": "*", "do": "reset", "probability": 0.2, "seed": seed, "times": None})
        return fates(orders, GET, 200)

    assert of(7) == of(7) != of(8)
    assert 20 <= of(7).count("reset") <= 60  # 40 expected, and 6 is the standard deviation


@pytest.mark.parametrize(("do", "call"), [("stale", SWAP), ("never_ends", GET), ("metrics_missing", GET)])
def test_a_kind_meets_only_calls_it_makes_sense_for(do: str, call: tuple[str, str, str, str]) -> None:
    orders = Orders()
    orders.add({"operation": "*", "do": do})
    assert orders.take(*call) is None


def test_an_ending_of_swaps_does_not_meet_a_deployment() -> None:
    orders = Orders()
    orders.add({"operation": "*", "do": "ends_with", "ending": "no_ping"})
    assert orders.take("WebApps_CreateOneDeployOperationSlot", "PUT", "/x", "storefront") is None
    assert orders.take(*SWAP) is not None


def test_orders_tell_how_often_they_were_met_and_acted() -> None:
    orders = Orders()
    orders.add({"operation": "WebApps_Get", "do": "reset", "nth": 2})
    fates(orders, GET, 4)
    assert orders.as_json() == [
        {"id": 1, "operation": "WebApps_Get", "do": "reset", "nth": 2, "met": 4, "acted": 1},
    ]


def test_what_is_wrong_anywhere_in_a_list_orders_nothing() -> None:
    orders = Orders()
    orders.add({"operation": "*", "do": "reset"})
    for attempt in (orders.add, orders.replace):
        with pytest.raises(ValueError, match="do is 'tantrum'"):
            attempt([{"operation": "*", "do": "slow"}, {"operation": "*", "do": "tantrum"}])
    assert [order["do"] for order in orders.as_json()] == ["reset"]


def test_one_fault_can_be_removed() -> None:
    orders = Orders()
    first, second = orders.add([{"operation": "*", "do": "reset"}, {"operation": "*", "do": "slow"}])
    orders.remove(first.id)
    assert first.withdrawn.is_set()
    assert [order["id"] for order in orders.as_json()] == [second.id]
    with pytest.raises(ValueError, match="no fault 1; there are"):
        orders.remove(first.id)
