"""Whether a version is up at all: bad answers in a row to our own questions."""

from __future__ import annotations

from dataclasses import dataclass

from app_service_canary.release.observation import Observation, Side, Tally
from app_service_canary.release.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Limits:
    """What the judge allows.

    Attributes:
        failure_limit: bad answers in a row, on one side, that reject the canary.
        min_answers: answers needed on each side for a pass.
    """

    failure_limit: int
    min_answers: int


_WHO = {
    Side.SLOT: "the slot's own host",
    Side.VISITORS: "the visitors' side (the app's own host)",
}


def judge_answers(seen: Observation, limits: Limits, *, bake_is_over: bool) -> Verdict | None:
    """Judges by the answers to our own questions.

    A side that failed `failure_limit` times in a row rejects it at once. At the end of the bake it passes
    when every side answered at least `min_answers` times and none is failing just then; with fewer answers,
    or with a failure still open, the verdict is inconclusive: no data is not good news.

    A watch without any side to watch has seen nothing and is inconclusive.

    Args:
        seen: everything seen so far.
        limits: what is allowed.
        bake_is_over: whether the time at this weight has passed.

    Returns:
        The verdict, or None: go on watching.
    """
    rejected = tuple(
        f"{_WHO[side].capitalize()} failed {side_seen.failures_in_a_row} times in a row "
        f"(limit {limits.failure_limit}): {side_seen.last_problem}."
        for side, side_seen in seen.sides.items()
        if side_seen.failures_in_a_row >= limits.failure_limit
    )
    if rejected:
        return Verdict(Outcome.FAIL, rejected)
    if not bake_is_over:
        return None
    doubts = tuple(doubt for side, side_seen in seen.sides.items() if (doubt := _doubt(side, side_seen, limits)))
    if not seen.sides:
        doubts = ("No side was watched, so nothing was seen.",)
    if doubts:
        return Verdict(Outcome.INCONCLUSIVE, doubts)
    return Verdict(
        Outcome.PASS,
        tuple(
            f"{_WHO[side].capitalize()} answered {side_seen.requests} times, {side_seen.failures} of them badly, "
            f"never {limits.failure_limit} in a row."
            for side, side_seen in seen.sides.items()
        ),
    )


def _doubt(side: Side, seen: Tally, limits: Limits) -> str:
    if seen.requests < limits.min_answers:
        return (
            f"{_WHO[side].capitalize()} was asked {seen.requests} times during the bake; {limits.min_answers} are "
            "needed for a verdict. Bake for longer, or set a shorter poll_interval."
        )
    if seen.failures_in_a_row:
        return (
            f"{_WHO[side].capitalize()} was failing when the bake ended, {seen.failures_in_a_row} in a row "
            f"(limit {limits.failure_limit}): {seen.last_problem}."
        )
    return ""
