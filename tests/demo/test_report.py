"""The report: what it says, and the status it ends with."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.demo.releases import printed, progress

from demo.picture import KindTraffic, Share, VersionTraffic
from demo.report import Report, StepReport, render

GOOD = Report(
    dag_id="canary_release.contoso-web",
    run_id="manual__1",
    outcome="promoted",
    sentence="Version 2.0.0 of app 'contoso-web' was promoted.",
    promoted=True,
    version_before="1.0.0",
    version_after="2.0.0",
    slot_state="stage is Stopped",
    steps=[StepReport(step, Share(300, 10.5, 7.5, 14.5)) for step in progress("canary_50.watch").steps],
    versions=[VersionTraffic("1.0.0", 1000, 0, 3.0, 8.0), VersionTraffic("2.0.0", 500, 0, 2.0, 5.0)],
    kinds=[KindTraffic("clients without cookies", 1200, 0), KindTraffic("browsers that keep cookies", 300, 0)],
    times={"Airflow starting": timedelta(seconds=30), "bakes": timedelta(seconds=45.5)},
)
ONE_FAILED = [VersionTraffic("1.0.0", 1000, 0, 3.0, 8.0), VersionTraffic("2.0.0", 500, 1, 2.0, 5.0)]


def text(report: Report) -> str:
    return "\n".join(printed(render(report), width=110))


def test_promoted_without_a_failure_is_the_only_way_to_status_0() -> None:
    assert GOOD.exit_status == 0
    assert GOOD.verdict == "Version 2.0.0 was promoted; none of 1,500 requests failed."


def test_one_failed_request_spoils_a_promotion() -> None:
    spoiled = replace(GOOD, versions=ONE_FAILED)
    assert spoiled.exit_status == 1
    assert spoiled.verdict == "The release was promoted, but 1 of 1,500 requests failed; it should have been none."


def test_a_release_that_was_not_promoted_ends_with_its_own_sentence_and_status_1() -> None:
    rejected = replace(GOOD, promoted=False, outcome="rolled back", sentence="The manager rejected it.")
    assert rejected.exit_status == 1
    assert text(rejected).rstrip().endswith("✗ The manager rejected it.")


def test_a_release_that_said_nothing_is_still_told() -> None:
    silent = replace(GOOD, promoted=False, outcome="the run is failed", sentence=None)
    assert silent.verdict == "The release was not promoted: the run is failed."


@pytest.mark.parametrize(
    "expected",
    [
        r"production before +1\.0\.0",
        r"production after +2\.0\.0",
        r"slot +stage is Stopped",
        r"canary_10 +10 % +10\.5 % \(7\.5–14\.5\) +300",
        r"canary_50 +50 % ",
        r"clients without cookies +1,200 +0",
        r"browsers that keep cookies +300 +0",
        r"seen by version 2\.0\.0 +500 +0 +2 ms +5 ms",
        r"bakes +45\.5 s",
        r"from the command to the report +01:15",
        r"✓ Version 2\.0\.0 was promoted; none of 1,500 requests failed\.",
    ],
)
def test_the_report_says(expected: str) -> None:
    assert re.search(expected, text(GOOD))


def test_a_release_that_moved_nobody_says_so() -> None:
    assert "No user was moved." in text(replace(GOOD, steps=[]))
