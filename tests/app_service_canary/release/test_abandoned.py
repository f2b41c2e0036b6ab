"""What is left of a release that is no more, checked without Azure and without a clock."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.app_service_canary.release.policies import READY, SLOT, policy

from app_service_canary.release.abandoned import (
    SECOND_LOOK,
    Finding,
    Runs,
    Seen,
    Sightings,
    findings,
    left_over,
    longest_run,
    report,
    why_stuck,
)
from app_service_canary.release.app_state import AppState, AppTarget, SlotState, TrafficRule
from app_service_canary.release.policy import Step

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
FORGOTTEN_AFTER = 15 * MINUTE
NO_RUNS = Runs(total=3, unfinished=0)
TARGET = AppTarget("storefront-rg", "storefront", "stage")
STOPPED = replace(SLOT, state="Stopped")
STEPS = [{"weight": 10, "bake": "5m"}]
SINCE = "(seen since 2026-11-22 12:00 UTC), and no release of it is under way. "
APP = "-g storefront-rg -n storefront"


def app(slot: SlotState | None = STOPPED, *rules: TrafficRule, preview: str | None = None) -> AppState:
    return replace(READY, production=replace(READY.production, prepared_for=preview), slot=slot, rules=rules)


def rule(name: str = "stage", weight: float = 10, host: str = SLOT.host) -> TrafficRule:
    return TrafficRule(name, host, weight)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ([], app()),
        ([], app(None)),
        ([Seen.SLOT], app(SLOT)),
        ([Seen.RULE], app(SLOT, rule())),
        ([Seen.RULE], app(STOPPED, rule())),
        ([Seen.RULE], app(None, rule("STAGE", 0))),
        ([], app(STOPPED, rule("other", 10, "storefront-other.azurewebsites.net"))),
        ([Seen.SLOT], app(SLOT, rule("other", 10, "storefront-other.azurewebsites.net"))),
        ([], app(SLOT, rule("other", 10, SLOT.host.upper()))),
        ([Seen.SLOT], app(SLOT, rule("other", 0, SLOT.host))),
        ([Seen.PREVIEW], app(STOPPED, preview="Stage")),
        ([], app(STOPPED, preview="other")),
        ([Seen.RULE, Seen.PREVIEW], app(SLOT, rule(), preview="stage")),
    ],
)
def test_what_a_release_would_have_undone_is_left_over(found: list[Seen], state: AppState) -> None:
    assert found == left_over(state, "stage")


def looked(*looks: tuple[datetime, Runs, list[Seen]]) -> Sightings:
    seen = Sightings()
    for now, runs, things in looks:
        # Kept between two runs as JSON.
        seen = Sightings.from_json(seen.to_json()).renewed(things, runs, now, FORGOTTEN_AFTER)
    return seen


@pytest.mark.parametrize(
    ("since", "first"),
    [
        (NOON, (NOON, NO_RUNS, [Seen.RULE, Seen.SLOT])),
        (NOON + 5 * MINUTE, (NOON, NO_RUNS, [Seen.SLOT])),
        (NOON + 5 * MINUTE, (NOON - 11 * MINUTE, NO_RUNS, [Seen.RULE])),
        (NOON + 5 * MINUTE, (NOON, Runs(total=2, unfinished=0), [Seen.RULE])),
        (NOON + 5 * MINUTE, (NOON, Runs(total=3, unfinished=1), [Seen.RULE])),
    ],
    ids=["still there", "new", "the last look is too long ago", "a release came and went", "a release ended"],
)
def test_what_is_still_there_keeps_its_first_sight(since: datetime, first: tuple[datetime, Runs, list[Seen]]) -> None:
    seen = looked(first, (NOON + 5 * MINUTE, NO_RUNS, [Seen.RULE]))
    assert {Seen.RULE: since} == seen.since


def test_a_watchdog_that_has_never_looked_remembers_nothing() -> None:
    assert Sightings() == Sightings.from_json(None)
    assert Sightings() == Sightings.from_json(Sightings().to_json())


@pytest.mark.parametrize(
    ("thing", "after", "watchdog", "stuck", "decision"),
    [
        (Seen.RULE, timedelta(0), "clear", False, None),
        (Seen.RULE, SECOND_LOOK / 2, "clear", False, None),
        (Seen.RULE, SECOND_LOOK, "clear", False, "clear"),
        (Seen.RULE, SECOND_LOOK, "report", False, "report"),
        (Seen.RULE, SECOND_LOOK, "clear", True, "report"),
        (Seen.SLOT, 59 * MINUTE, "clear", False, None),
        (Seen.SLOT, 59 * MINUTE, "report", False, None),
        (Seen.SLOT, 60 * MINUTE, "clear", False, "clear"),
        (Seen.SLOT, 60 * MINUTE, "report", False, "report"),
        (Seen.SLOT, 60 * MINUTE, "clear", True, "report"),
        (Seen.PREVIEW, SECOND_LOOK / 2, "report", False, None),
        (Seen.PREVIEW, SECOND_LOOK, "clear", False, "report"),
        (Seen.RUN, 24 * 60 * MINUTE, "clear", True, None),
    ],
)
def test_what_has_been_there_for_long_enough_is_cleared_or_reported(
    thing: Seen, after: timedelta, watchdog: str, stuck: bool, decision: str | None
) -> None:
    found = findings(Sightings(NOON + after, NO_RUNS, {thing: NOON}), policy(watchdog=watchdog), stuck=stuck)
    assert found == ([Finding(thing, NOON, clear=decision == "clear")] if decision else [])


looks = st.lists(
    st.tuples(
        st.integers(1, 40).map(lambda minutes: minutes * MINUTE),
        st.sampled_from([NO_RUNS, Runs(4, 1), Runs(4, 0)]),
        st.sampled_from([[], [Seen.RULE], [Seen.SLOT], [Seen.PREVIEW], [Seen.SLOT, Seen.PREVIEW]]),
    ),
    min_size=1,
    max_size=30,
)


@given(looks, st.booleans())
def test_a_slot_is_never_stopped_within_an_hour_of_a_rule_or_of_a_release(
    pauses: list[tuple[timedelta, Runs, list[Seen]]], stuck: bool
) -> None:
    now, seen, last_seen_otherwise = NOON, Sightings(), NOON
    before: Runs | None = None
    for pause, runs, things in pauses:
        now += pause
        seen = seen.renewed(things, runs, now, FORGOTTEN_AFTER)
        if Seen.SLOT not in things or runs != before or pause > FORGOTTEN_AFTER:
            last_seen_otherwise = now
        before = runs
        found = findings(seen, policy(watchdog="clear"), stuck=stuck)
        assert not (stuck and any(finding.clear for finding in found))
        assert {finding.thing for finding in found} <= set(things)
        if any(finding.thing is Seen.SLOT for finding in found):
            assert now - last_seen_otherwise >= timedelta(hours=1)


@given(looks)
def test_nothing_is_said_of_what_is_seen_for_the_first_time(
    pauses: list[tuple[timedelta, Runs, list[Seen]]],
) -> None:
    now, seen = NOON, Sightings()
    for pause, runs, things in pauses:
        now, earlier = now + pause, seen
        seen = seen.renewed(things, runs, now, FORGOTTEN_AFTER)
        found = findings(seen, policy(drain="1s"), stuck=False, second_look=timedelta(0))
        assert {finding.thing for finding in found} <= set(earlier.since)


def test_a_run_can_take_as_long_as_its_waits_and_an_hour_more() -> None:
    # To finish: 30 s + 5 min + 2 x 32 s + 110 s + 10 min + 2 x 5 s + 9 x 3 s, and the drain less swap and last bake,
    # is 1 h 7 min 11 s; then 10 min to be ready, 15 min and a manager's 24 h for the step's watch and as much for
    # the one after the swap, 24 h for the approval, 30 min for the way back, and the hour.
    one_step = policy(steps=STEPS)
    assert longest_run(one_step) == timedelta(hours=75, minutes=17, seconds=11)
    slower = [Step.model_validate({"weight": 10, "bake": "2h"})]
    assert longest_run(one_step, slower) == timedelta(hours=77, minutes=12, seconds=11)
    assert longest_run(policy()) is None


def test_a_release_is_not_stuck_whose_every_watch_is_held_until_the_last_moment() -> None:
    held = policy(
        steps=[{"weight": 10, "bake": "15m"}, {"weight": 50, "bake": "1h"}],
        approval={"timeout": "8h"},
        analysis={"extend": "2h"},
    )
    bakes = timedelta(minutes=15 + 60) + held.watch.promoted_bake
    watches = 3 * (timedelta(hours=2) + timedelta(hours=8))
    assert stuck(bakes + watches + timedelta(hours=8), longest_run(held)) is None


def stuck(after: timedelta, longest: timedelta | None, *, paused: bool = False, run: bool = True) -> str | None:
    seen = Sightings(NOON + after, Runs(4, 1), {Seen.RUN: NOON} if run else {})
    return why_stuck(seen, NOON + after, paused=paused, longest=longest, dag_id="canary_release.storefront")


def test_a_release_is_stuck_when_its_dag_is_paused_or_when_it_takes_longer_than_it_can() -> None:
    hour = timedelta(hours=1)
    assert stuck(hour, hour) is None
    assert stuck(10 * hour, None) is None
    assert stuck(2 * hour, hour, paused=True, run=False) is None
    assert "DAG 'canary_release.storefront' is paused" in str(stuck(timedelta(0), hour, paused=True))
    assert "under way since 2026-11-22 12:00 UTC, which is longer than the 1h that it can take" in str(
        stuck(hour + MINUTE, hour)
    )


@pytest.mark.parametrize(
    ("thing", "state", "sentence"),
    [
        (
            Seen.RULE,
            app(SLOT, rule(weight=2.5)),
            f"App 'storefront' sends 2.5 % of its users to slot 'stage' {SINCE}"
            f"To clear the rule: az webapp traffic-routing clear {APP}",
        ),
        (
            Seen.RULE,
            app(SLOT, rule(), rule("other")),
            f"App 'storefront' sends 10 % of its users to slot 'stage' {SINCE}"
            f"To clear the rule: docs/watchdog.sh --clear {APP} --slot stage, which keeps the other slots' rules",
        ),
        (
            Seen.SLOT,
            app(SLOT),
            f"Slot 'stage' of app 'storefront' runs and gets 0 % of the users {SINCE}"
            f"To stop it: az webapp stop {APP} --slot stage",
        ),
        (
            Seen.PREVIEW,
            app(SLOT, preview="stage"),
            f"A swap with preview of slot 'stage' into app 'storefront' is pending {SINCE}"
            f"To cancel it: az webapp deployment slot swap {APP} --slot stage --action reset",
        ),
    ],
)
def test_a_report_says_what_was_found_since_when_and_what_to_do(thing: Seen, state: AppState, sentence: str) -> None:
    assert sentence == report(Finding(thing, NOON, clear=False), state, TARGET, None)


def test_a_report_says_why_the_release_does_not_go_on() -> None:
    said = report(Finding(Seen.SLOT, NOON, clear=False), app(SLOT), TARGET, "its release is stuck")
    assert "(seen since 2026-11-22 12:00 UTC), and its release is stuck. To stop it" in said
