"""The front end's figures."""

from benchmarks.front_end import Figures, table


def figures(*milliseconds: float) -> Figures:
    return Figures([each / 1000 for each in milliseconds], answered=100, took=2.0)


def test_throughput_is_answers_by_the_second() -> None:
    assert figures(1.0).per_second == 50.0


def test_a_percentile_is_of_the_sorted_latencies() -> None:
    assert figures(*range(100, 0, -1)).latency(95) == 96 / 1000


def test_only_what_is_beyond_the_apps_own_latency_is_called_added() -> None:
    shown = table({"the app": figures(1.0, 1.0), "the front end": figures(3.0, 3.0)})
    assert [list(column.cells) for column in shown.columns][4:] == [["", "+2.00 ms"], ["", "+2.00 ms"]]
