"""The stable version, remembered and recalled."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_service_canary.release.policy import AfterRollback
from app_service_canary.release.stable import SlotEnd, Stable, signature_has_ended, slot_end

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
STABLE = Stable("2.0.0", "https://packages.example/web.zip?***", secret=True, deployment_id="d-1")


@given(st.text(), st.text(), st.booleans(), st.text())
def test_a_stable_version_survives_an_asset_event(version: str, source: str, secret: bool, deployment: str) -> None:
    stable = Stable(version, source, secret, deployment)
    assert Stable.from_json(json.loads(json.dumps(stable.to_json()))) == stable


@pytest.mark.parametrize("values", [None, {}, {"version": "2.0.0"}, {**STABLE.to_json(), "colour": "blue"}])
def test_what_cannot_be_read_is_nothing(values: dict[str, Any] | None) -> None:
    assert Stable.from_json(values) is None


@pytest.mark.parametrize(
    ("version", "deployment_id", "expected"),
    [
        ("2.0.0", "", True),
        ("2.0.0", "d-2", True),
        ("1.0.0", "d-1", False),
        (None, "d-1", True),
        (None, "d-2", False),
        (None, "", False),
    ],
)
def test_production_holds_what_was_remembered_if_it_says_that_version_or_else_that_deployment(
    version: str | None, deployment_id: str, expected: bool
) -> None:
    assert STABLE.is_in_production(version, deployment_id) is expected


def test_a_deployment_that_was_never_known_is_never_recognised() -> None:
    assert not Stable("2.0.0", "https://h/web.zip").is_in_production(None, "")


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("2026-11-22T11:59:59Z", True),
        ("2026-11-22T12:00:00Z", True),
        ("2026-11-22T12:00:01Z", False),
        ("2026-11-22", True),
        ("2026-11-23", False),
        ("2026-11-22T14%3A00%3A00%2B02%3A00", True),
        ("soon", False),
        ("", False),
    ],
)
def test_a_signature_ends_at_its_moment_in_utc(end: str, expected: bool) -> None:
    assert signature_has_ended(f"https://h/web.zip?sv=1&se={end}&sig=x", NOW) is expected


def test_an_address_without_an_end_is_good_for_ever() -> None:
    assert not signature_has_ended("https://h/web.zip?se=2020-01-01", NOW)
    assert not signature_has_ended("https://h/web.zip", NOW + timedelta(days=10_000))


ENDS = {AfterRollback.KEEP: SlotEnd.LEAVE, AfterRollback.STOP: SlotEnd.STOP, AfterRollback.HEAL: SlotEnd.HEAL}


@pytest.mark.parametrize("wish", AfterRollback)
@pytest.mark.parametrize("was_running", [True, False])
def test_a_slot_with_pinned_users_ends_as_the_release_file_says(wish: AfterRollback, was_running: bool) -> None:
    assert slot_end(wish, running=True, was_running=was_running, users_sent=True) is ENDS[wish]


@pytest.mark.parametrize("wish", AfterRollback)
@pytest.mark.parametrize(("was_running", "expected"), [(True, SlotEnd.LEAVE), (False, SlotEnd.STOP)])
def test_a_slot_that_nobody_was_sent_to_is_as_it_was_before(
    wish: AfterRollback, was_running: bool, expected: SlotEnd
) -> None:
    assert slot_end(wish, running=True, was_running=was_running, users_sent=False) is expected


@pytest.mark.parametrize("wish", AfterRollback)
@pytest.mark.parametrize("users_sent", [True, False])
def test_a_slot_that_is_stopped_is_left_alone(wish: AfterRollback, users_sent: bool) -> None:
    assert slot_end(wish, running=False, was_running=True, users_sent=users_sent) is SlotEnd.LEAVE
