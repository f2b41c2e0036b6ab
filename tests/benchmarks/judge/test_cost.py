"""What a judgement costs."""

import pytest
from benchmarks.judge.cost import cost


def test_the_cost_of_a_judgement_is_measured() -> None:
    measured = cost(rounds=20)
    assert measured.judgement_ms > 0
    assert measured.share_of_core == pytest.approx(measured.judgement_ms / 1000 * 200)
