"""What the live benchmark says of its releases."""

from benchmarks.judge.live import Hurt, summary


def test_a_release_in_which_nobody_was_hurt_counts_for_how_long_users_were_exposed() -> None:
    releases = [Hurt(4.0, None, 0, 12), Hurt(6.0, 2.0, 1, 18), Hurt(5.0, 3.0, 2, 10)]
    assert summary("probe", releases) == (
        "probe: 3 of 3 releases sent users; rule to no rule median 5.0 s, p95 6.0 s; "
        "first visitor hurt to no rule median 2.5 s, p95 3.0 s "
        "(2 of 3 releases hurt one); 3 of 40 visitors' requests failed"
    )


def test_a_release_that_sent_nobody_has_no_time_in_which_users_were_exposed() -> None:
    said = summary("probe", [Hurt(4.0, None, 0, 12), Hurt(None, None, 0, 0)])
    assert said.startswith("probe: 1 of 2 releases sent users; rule to no rule median 4.0 s, p95 4.0 s;")


def test_without_anybody_hurt_there_is_no_time_to_tell() -> None:
    assert "first visitor hurt to no rule – (0 of 1" in summary("probe", [Hurt(4.0, None, 0, 12)])
