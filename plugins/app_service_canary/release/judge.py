"""The decision: is the version up, and is it worse than the stable one? Anyone can check it on paper."""

from __future__ import annotations

from app_service_canary.release.verdict import Outcome, Verdict

ORDER = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
"""The first of these that one part says is what the whole says."""


def judge(availability: Verdict | None, comparison: Verdict | None, *, bake_is_over: bool) -> Verdict | None:
    """One verdict from the two parts.

    A part that rejects does so at once, alone. Before the bake is over it takes two good verdicts to end it. Else both
    have to have a verdict, and the worse one counts, with the reasons of both.

    Args:
        availability: of `judge_answers`, as if the bake were over when the comparison suffices; None: nothing against
            it yet.
        comparison: of `Comparison.judge`; None: go on watching.
        bake_is_over: whether the time at this weight has passed.

    Returns:
        The verdict, or None: go on watching.
    """
    for part in (availability, comparison):
        if part is not None and part.outcome is Outcome.FAIL:
            return part
    if comparison is None or availability is None:
        return None
    if not bake_is_over and not availability.outcome is comparison.outcome is Outcome.PASS:
        return None
    outcome = next(each for each in ORDER if each in (availability.outcome, comparison.outcome))
    if outcome is Outcome.INCONCLUSIVE:
        parts = [part for part in (availability, comparison) if part.outcome is outcome]
        return Verdict(outcome, tuple(reason for part in parts for reason in part.reasons))
    return Verdict(outcome, (*availability.reasons, *comparison.reasons))
