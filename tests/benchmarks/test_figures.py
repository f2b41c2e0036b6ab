"""Figures, their targets, and how they are shown."""

import pytest
from benchmarks.figures import Figure, Result, all_met, amount, as_json, summary, verdict


@pytest.mark.parametrize(
    ("expected", "value", "unit"),
    [("0.21 s", 0.2149, "s"), ("1,235 requests/s", 1234.6, "requests/s"), ("17", 17, ""), ("-0.30 s", -0.3, "s")],
)
def test_an_amount_is_short_and_has_its_unit(expected: str, value: float, unit: str) -> None:
    assert amount(value, unit) == expected


@pytest.mark.parametrize(("expected", "value"), [("met", 0.29), ("MISSED", 0.3), ("MISSED", 0.31)])
def test_a_target_is_met_only_below_it(expected: str, value: float) -> None:
    assert verdict(Figure("delay", value, "s", below=0.3)) == expected


def test_a_figure_without_a_target_neither_meets_nor_misses_it() -> None:
    figure = Figure("requests", 1700, "requests/s")
    assert (figure.met, figure.target, verdict(figure)) == (None, "", "")


def test_a_target_says_where_it_comes_from() -> None:
    assert Figure("overhead", 20.0, "s", below=30.0, why="az").target == "< 30 s (az)"


def test_one_missed_target_is_enough_for_a_bad_end() -> None:
    met, missed = Figure("a", 1, below=2), Figure("b", 2, below=2)
    assert all_met([Result("one", [met, Figure("c", 5)])])
    assert not all_met([Result("one", [met]), Result("other", [missed])])


def test_the_summary_has_a_row_for_each_figure_of_each_benchmark() -> None:
    table = summary([Result("parse", [Figure("a", 1), Figure("b", 2)]), Result("overhead", [Figure("c", 3)])])
    assert [list(column.cells) for column in table.columns[:3]] == [
        ["parse", "parse", "overhead"],
        ["a", "b", "c"],
        ["1", "2", "3"],
    ]


def test_machines_get_every_number_and_whether_its_target_is_met() -> None:
    [entry] = as_json([Result("parse", [Figure("1 file", 0.5, "s", below=1.0)])])
    expected = {"benchmark": "parse", "name": "1 file", "value": 0.5, "unit": "s", "below": 1.0, "why": "", "met": True}
    assert entry == expected
