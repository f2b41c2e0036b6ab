"""What a judgement costs."""

from benchmarks.judge.cost import cost


def test_the_cost_of_a_judgement_is_measured() -> None:
    measured = cost(rounds=20)
    assert measured.judgement_ms > 0
    assert measured.share_of_core == measured.judgement_ms / 1000 * 200
