"""Both parts of the decision together."""

import pytest

from app_service_canary.release.judge import judge
from app_service_canary.release.verdict import Outcome, Verdict

PASS, FAIL, OPEN = (
    Verdict(each, (f"It is {each.value}.",)) for each in (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)
)


@pytest.mark.parametrize(
    ("availability", "comparison", "over", "expected"),
    [
        (None, None, False, None),
        (FAIL, None, False, Outcome.FAIL),
        (None, FAIL, False, Outcome.FAIL),
        (PASS, FAIL, True, Outcome.FAIL),
        (FAIL, PASS, True, Outcome.FAIL),
        (None, PASS, False, None),
        (PASS, PASS, False, Outcome.PASS),
        (OPEN, PASS, False, None),
        (PASS, OPEN, False, None),
        (None, PASS, True, None),
        (PASS, None, True, None),
        (PASS, PASS, True, Outcome.PASS),
        (PASS, OPEN, True, Outcome.INCONCLUSIVE),
        (OPEN, PASS, True, Outcome.INCONCLUSIVE),
    ],
)
def test_the_worse_part_counts_and_a_pass_needs_both(
    availability: Verdict | None, comparison: Verdict | None, over: bool, expected: Outcome | None
) -> None:
    verdict = judge(availability, comparison, bake_is_over=over)
    assert expected == (verdict.outcome if verdict else None)


def test_a_pass_has_the_reasons_of_both_and_a_doubt_only_those_that_doubt() -> None:
    passed, doubted = judge(PASS, PASS, bake_is_over=True), judge(PASS, OPEN, bake_is_over=True)
    assert passed is not None
    assert doubted is not None
    assert passed.reasons == PASS.reasons * 2
    assert doubted.reasons == OPEN.reasons
