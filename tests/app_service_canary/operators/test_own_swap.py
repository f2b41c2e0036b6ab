"""What the way back knows of the swap that its run asked for."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.app_service_canary.release.policies import PRODUCTION, SLOT
from tests.app_service_canary.task_context import cleared, next_try, task_context

from app_service_canary.operators import own_swap as own_swap_module
from app_service_canary.operators.own_swap import OwnSwap
from app_service_canary.operators.swap import ASKED_KEY, OPERATION_KEY
from app_service_canary.release.app_state import Before, SlotState
from app_service_canary.triggers.waiting import now

BEFORE = Before(PRODUCTION.deployment_id, SLOT.deployment_id, slot_running=True)


def asked(**more: Any) -> dict[str, Any]:
    """What a way back is handed after its run asked for a swap; `url` of its operation, `last_swap` read back."""
    context = task_context("restore", **({"swap": {"last_swap": more["last_swap"]}} if "last_swap" in more else {}))
    context["ti"].xcoms["swap", ASKED_KEY] = {"at": "2026-11-22T12:00:00+00:00", "before": "of old"}
    if "url" in more:
        context["ti"].xcoms["swap", OPERATION_KEY] = more["url"]
    return context


def production(last_swap: str, *, swapped: bool = True) -> SlotState:
    """Production as Azure tells of it."""
    return replace(PRODUCTION, deployment_id=(SLOT if swapped else PRODUCTION).deployment_id, last_swap=last_swap)


def own_swap(context: dict[str, Any]) -> OwnSwap:
    return OwnSwap(context, "swap")


def test_a_run_that_asked_for_no_swap_undoes_none() -> None:
    own = own_swap(task_context("restore"))
    assert own.request is None
    assert not own.is_to_undo(BEFORE, production("somebody's"))
    assert own.last_swap_before is None


@pytest.mark.parametrize(
    ("more", "url", "before"),
    [({}, None, "of old"), ({"url": ""}, None, None), ({"url": "https://azure/op"}, "https://azure/op", None)],
    ids=["its answer was not heard", "Azure refused it", "it may be under way"],
)
def test_readings_of_the_time_before_it_are_expected_until_its_end_is_known(
    more: dict[str, Any], url: str | None, before: str | None
) -> None:
    own = own_swap(asked(**more))
    assert (own.url_to_wait_for, own.last_swap_before) == (url, before)
    own.was_waited_for(given_up=False)
    assert (own.url_to_wait_for, own.last_swap_before) == (None, "of old")
    own.was_looked_for()
    assert (own.url_to_wait_for, own.last_swap_before) == (None, None)


def test_after_a_swap_that_app_service_gave_up_no_old_reading_is_expected() -> None:
    own = own_swap(asked(url="https://azure/op"))
    own.was_waited_for(given_up=True)
    assert own.last_swap_before is None


def test_the_time_in_which_azure_may_tell_of_the_time_before_counts_over_all_tries_unless_it_was_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(own_swap_module, "READ_BACK", timedelta(minutes=3))
    context, began = asked(), now()

    def in_doubt_after(minutes: float) -> timedelta | None:
        monkeypatch.setattr(own_swap_module, "now", lambda: began + timedelta(minutes=minutes))
        return own_swap(context).in_doubt_for

    assert in_doubt_after(0) == timedelta(minutes=3)
    context = next_try(context)
    assert in_doubt_after(2) == timedelta(minutes=1)
    own_swap(context).is_under_way("of old")
    assert in_doubt_after(4) == timedelta(minutes=3)
    assert in_doubt_after(8) == timedelta(0)
    own_swap(context).was_looked_for()
    assert in_doubt_after(8) is None


@pytest.mark.parametrize("more", [{}, {"last_swap": "ours"}], ids=["seen by the way back", "read back by the swap"])
def test_what_is_in_production_after_a_later_swap_is_somebody_elses(more: dict[str, Any]) -> None:
    context = asked(**more)
    assert own_swap(context).is_to_undo(BEFORE, production("ours"))
    later = own_swap(cleared(context))
    assert later.is_to_undo(BEFORE, production("ours"))
    assert not later.is_to_undo(BEFORE, production("another"))
    assert later.is_to_undo(BEFORE, production("another", swapped=False))


def test_a_swap_that_azure_does_not_tell_of_yet_is_undone_and_known_by_what_it_tells_then() -> None:
    context = asked()
    assert own_swap(context).is_to_undo(BEFORE, production("of old"))
    assert own_swap(context).is_to_undo(BEFORE, production("ours"))
    assert not own_swap(context).is_to_undo(BEFORE, production("another"))


def test_a_swap_back_of_its_own_is_nobody_elses() -> None:
    own = own_swap(asked(last_swap="ours"))
    own.is_to_be_swapped_back("ours")
    assert (own.backs, own.last_swap_before) == (1, "ours")
    assert own.is_to_undo(BEFORE, production("back, and in again"))


def test_what_was_settled_stays_so_until_a_later_swap_and_what_was_promoted_for_good() -> None:
    context = asked()
    own_swap(context).settle("back")
    assert own_swap(context).is_to_undo(BEFORE, production("back"))
    assert not own_swap(context).is_to_undo(BEFORE, production("later"))
    own_swap(context).settle_promoted()
    own_swap(context).settle("later")
    assert own_swap(context).was_promoted
    assert not own_swap(context).is_to_undo(BEFORE, production("promoted by no swap"))
