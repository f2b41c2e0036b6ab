"""Verdicts."""

from app_service_canary.release.verdict import Outcome, Verdict


def test_a_verdict_is_told_in_one_go() -> None:
    assert Verdict(Outcome.PASS, ("One.", "Two.")).sentence == "One. Two."
