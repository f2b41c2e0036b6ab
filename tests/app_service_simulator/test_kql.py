"""The subset of KQL answers as Kusto would, and refuses the rest by name."""

import contextlib
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_service_simulator.kql.errors import Refused, SyntaxRefused
from app_service_simulator.kql.parser import parse
from app_service_simulator.kql.pipeline import Table, earliest, run

NOW = datetime(2026, 11, 25, 10, 10, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
TEN = datetime(2026, 11, 25, 10, 0, tzinfo=timezone.utc)

COLUMNS = (
    ("TimeGenerated", "datetime"),
    ("Path", "string"),
    ("Status", "int"),
    ("Taken", "int"),
    ("Duration", "real"),
    ("Success", "bool"),
)
ROWS = [
    (TEN, "/sites/app/slots/stage", 200, 10, 10.5, True),
    (TEN + timedelta(seconds=59), "/sites/app/slots/stage", 500, 0, 0.25, False),
    (TEN + MINUTE, "/sites/app", 200, 100, 100.0, True),
    (TEN + 2 * MINUTE, "/sites/APP/slots/Stage", 503, 1000, 1000.0, False),
]
"""Four requests, of which two failed."""


def table(query: str, rows: Any = ROWS) -> Table:
    return run(parse(f"Log | {query}" if query else "Log"), Table(COLUMNS, rows), NOW)


def rows(query: str) -> list[list[Any]]:
    return [list(row) for row in table(query).rows]


def value(expression: str, of: Any = ROWS[0]) -> Any:
    """What an expression is on one row."""
    [[found]] = table(f"project x = {expression}", [of]).rows
    return found


def kind(expression: str) -> str:
    return table(f"project x = {expression}").columns[0][1]


def refusal(query: str) -> Refused:
    with pytest.raises(Refused) as refused:
        table(query)
    return refused.value


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("Status >= 500", [1, 3]),
        ("Status != 200", [1, 3]),
        ("Status == 200 and Taken > 10", [2]),
        ("Taken < 10 or Taken > 100", [1, 3]),
        ("Success == true or Status == 503 and Taken == 0", [0, 2]),
        ("(Success == true or Status == 503) and Taken == 1000", [3]),
        ("not(Success)", [1, 3]),
        ("Status in (200, 503)", [0, 2, 3]),
        ("Status !in (200, 503)", [1]),
        ("Path in ('/sites/app')", [2]),
        ("Path in~ ('/SITES/app', 'x')", [2]),
        ("Path =~ '/sites/app/slots/stage'", [0, 1, 3]),
        ("Path == '/sites/app/slots/stage'", [0, 1]),
        ("Path !~ '/sites/app/slots/stage'", [2]),
        ("Path has 'SLOTS'", [0, 1, 3]),
        ("Path has 'slot'", []),
        ("Path !has 'slots'", [2]),
        ("Path contains 'SLOT'", [0, 1, 3]),
        ("Path startswith '/Sites/app/s'", [0, 1, 3]),
        ("Path endswith '/STAGE'", [0, 1, 3]),
        ("Path !endswith '/STAGE'", [2]),
        ("TimeGenerated >= datetime(2026-11-25T10:01:00Z)", [2, 3]),
        ("TimeGenerated < datetime(2026-11-25 10:00:59)", [0]),
        ("TimeGenerated < datetime(2026-11-25T11:01:00+01:00)", [0, 1]),
        ("TimeGenerated > ago(9m)", [3]),
        ("TimeGenerated <= now() - 1h / 6", [0]),
    ],
)
def test_a_condition_keeps_the_rows_it_holds_for(condition: str, kept: list[int]) -> None:
    assert [list(ROWS[number]) for number in kept] == rows(f"where {condition}")


@pytest.mark.parametrize(
    ("expression", "expected", "expected_kind"),
    [
        ("1 + 2 * 3", 7, "long"),
        ("(1 + 2) * 3", 9, "long"),
        ("7 / 2", 3, "long"),
        ("-7 / 2", -3, "long"),
        ("7 / 2.0", 3.5, "real"),
        ("Status * 2", 400, "long"),
        ("Duration - Taken", 0.5, "real"),
        ("1h / 1m", 60.0, "real"),
        ("TimeGenerated + 30s", TEN + timedelta(seconds=30), "datetime"),
        ("now() - TimeGenerated", timedelta(minutes=10), "timespan"),
        ("2 * 1.5m", timedelta(minutes=3), "timespan"),
        ("bin(Taken, 3)", 9, "long"),
        ("bin(-1, 3)", -3, "long"),
        ("bin(4.5, 1)", 4.0, "real"),
        ("floor(4.9, 1)", 4.0, "real"),
        ("bin(TimeGenerated + 61s, 1m)", TEN + MINUTE, "datetime"),
        ("log2(8)", 3.0, "real"),
        ("log10(1000)", pytest.approx(3.0), "real"),
        ("log(exp2(1))", pytest.approx(0.6931, abs=1e-4), "real"),
        ("log2(-1)", None, "real"),
        ("toint(2.9)", 2, "int"),
        ("toint(-2.9)", -2, "int"),
        ("toint('200')", 200, "int"),
        ("toint('two')", None, "int"),
        ("toint(4294967296)", None, "int"),
        ("tolong(4294967296)", 4294967296, "long"),
        ("todouble('2.5')", 2.5, "real"),
        ("tolower('ABC')", "abc", "string"),
        ("iff(Status >= 500, 'bad', 'good')", "good", "string"),
        ("isnotempty(Path)", True, "bool"),
        ("isempty('')", True, "bool"),
        ("max_of(Taken, 1)", 10, "long"),
        ("max_of(Taken, 0.5)", 10.0, "real"),
        ("min_of(Taken, 1, 2)", 1, "long"),
        ("max_of(toint('x'), 1)", 1, "long"),
        ("toint('x') + 1", None, "long"),
        ("toint('x') == 1", False, "bool"),
        ("toint('x') != 1", True, "bool"),
        ("toint('x') < 1", None, "bool"),
        ("toint('x') < 1 and false", False, "bool"),
        ("toint('x') < 1 or true", True, "bool"),
        ("'it\\'s' == \"it's\"", True, "bool"),
        ('@"a\\b"', "a\\b", "string"),
    ],
)
def test_an_expression_has_the_value_and_type_it_has_in_kusto(
    expression: str, expected: Any, expected_kind: str
) -> None:
    assert (expected, expected_kind) == (value(expression), kind(expression))


def test_rows_are_counted_by_minute_and_in_the_order_asked_for() -> None:
    found = table(
        "summarize requests = count(), failures = countif(Status >= 500), time = sum(Taken), "
        "lost = sumif(Taken, Success == false), worst = percentile(Duration, 95) by minute = bin(TimeGenerated, 1m) "
        "| order by minute desc"
    )
    assert list(found.columns) == [
        ("minute", "datetime"),
        ("requests", "long"),
        ("failures", "long"),
        ("time", "long"),
        ("lost", "long"),
        ("worst", "real"),
    ]
    assert found.rows == [
        [TEN + 2 * MINUTE, 1, 1, 1000, 1000, 1000.0],
        [TEN + MINUTE, 1, 0, 100, 0, 100.0],
        [TEN, 2, 1, 10, 0, 10.5],
    ]


def test_response_times_fall_into_buckets_an_eighth_of_a_doubling_wide() -> None:
    found = rows("summarize n = count() by bucket = toint(floor(log2(max_of(Taken, 1)) * 8, 1)) | order by bucket asc")
    assert found == [[0, 1], [26, 1], [53, 1], [79, 1]]


def test_columns_without_a_name_are_called_as_in_kusto() -> None:
    found = table(
        "summarize count(), countif(Success), sum(Taken), percentile(Taken, 50), avg(Taken), min(Taken), max(Taken) "
        "by bin(TimeGenerated, 1h)"
    )
    assert [name for name, _ in found.columns] == [
        "TimeGenerated",
        "count_",
        "countif_Success",
        "sum_Taken",
        "percentile_Taken_50",
        "avg_Taken",
        "min_Taken",
        "max_Taken",
    ]
    assert found.rows == [[TEN, 4, 2, 1110, 10, 277.5, 0, 1000]]


def test_no_rows_make_one_group_only_without_by() -> None:
    assert rows("where Status == 1 | summarize count(), sum(Taken), percentile(Taken, 95)") == [[0, 0, None]]
    assert rows("where Status == 1 | summarize count() by Status") == []


@pytest.mark.parametrize(("rank", "expected"), [(0, 1), (1, 1), (50, 50), (95, 95), (99.5, 100), (100, 100)])
def test_a_percentile_is_the_value_of_the_nearest_rank(rank: float, expected: int) -> None:
    hundred = [(TEN, "", 200, taken, 0.0, True) for taken in range(100, 0, -1)]
    assert [[expected]] == table(f"summarize p = percentile(Taken, {rank})", hundred).rows


def test_columns_are_added_replaced_and_chosen() -> None:
    assert rows("where Taken == 10 | extend twice = Taken * 2, Status = 5 | project Taken, twice, Status") == [
        [10, 20, 5]
    ]


def test_order_is_descending_unless_said_otherwise_and_keeps_equal_rows_in_place() -> None:
    assert rows("order by Taken asc | project Taken") == [[0], [10], [100], [1000]]
    assert rows("sort by Taken | project Taken") == [[1000], [100], [10], [0]]
    assert rows("order by Success asc, Status | project Taken") == [[1000], [0], [10], [100]]


def test_blanks_lines_and_comments_make_no_difference() -> None:
    assert rows("where Status >= 500 // failures\n   | summarize\n\tcount()") == [[2]]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("join kind=inner (Log) on Path", "'join'"),
        ("take 10", "'take'"),
        ("summarize dcount(Path)", "'dcount'"),
        ("summarize x = sum(Taken) / count()", "one aggregate"),
        ("summarize x = 1 + 1", "one aggregate"),
        ("where strlen(Path) > 3", "'strlen'"),
        ("where Path contains_cs 'x'", "contains_cs"),
        ("where Taken % 2 == 0", "%"),
        ("where Taken between (1)", "between"),
        ("where Status", "a int"),
        ("where Status == '200'", "int and string"),
        ("where Path < 'x'", "string and string"),
        ("where Missing == 1", "'Missing'"),
        ("where count() > 1", "count()"),
        ("extend Taken * 2", "name"),
        ("extend a = 1, b = a + 1", "'a'"),
        ("project Taken, Taken", "'Taken'"),
        ("summarize count() by Taken, count_ = Status", "'count_'"),
        ("summarize percentile(Taken, Status)", "percentage"),
        ("summarize percentile(Taken, 101)", "percentage"),
        ("where log2(Taken) > 1", "zero"),
        ("where 1 / Taken > 1", "zero"),
        ("where toint('2.5') == 2", "decimals"),
        ("where bin(TimeGenerated, 5) > now()", "datetime by a long"),
        ("where iff(Success, 1, 'x') == 1", "long or a string"),
        ("where max_of(Taken) > 1", "two or more"),
        ("where Status in (Taken)", "constant"),
        ("order by Taken asc nulls first", "nulls first"),
        ("where TimeGenerated > 5 ticks", "ticks"),
        ("where Path == 'a\\qb'", "\\q"),
        ("where TimeGenerated > datetime(yesterday)", "yesterday"),
        ("where " + "(" * 5000 + "true" + ")" * 5000, "deep"),
        ("where Taken == " + "1 + " * 5000 + "1", "deep"),
        ("where", "the end"),
        ("where Taken == 'open", "'open"),
        ("| where true", "|"),
        ("where true;", ";"),
    ],
)
def test_what_is_not_understood_is_refused_and_named(query: str, named: str) -> None:
    assert named in refusal(query).message


def test_a_syntax_error_says_where_it_is() -> None:
    error = refusal("where Status ==\n  ) 5")
    assert isinstance(error, SyntaxRefused)
    assert (error.token, error.line, error.column) == (")", 2, 3)


@pytest.mark.parametrize(
    ("query", "bound"),
    [
        ("", None),
        ("where Status == 200", None),
        ("where TimeGenerated >= datetime(2026-11-25T10:01:00Z)", TEN + MINUTE),
        ("where TimeGenerated > ago(8m) and Status == 200", TEN + 2 * MINUTE),
        ("where datetime(2026-11-25T10:01:00Z) <= TimeGenerated", TEN + MINUTE),
        ("where TimeGenerated > ago(9m) | where TimeGenerated > ago(8m)", TEN + 2 * MINUTE),
        ("where TimeGenerated < datetime(2026-11-25T10:01:00Z)", None),
        ("where TimeGenerated > ago(9m) or Status == 200", None),
        ("extend TimeGenerated = now() | where TimeGenerated > ago(9m)", None),
    ],
)
def test_the_earliest_row_is_known_from_the_first_conditions(query: str, bound: datetime | None) -> None:
    assert bound == earliest(parse(f"Log | {query}" if query else "Log"), "TimeGenerated", NOW)


WORDS = (
    *("where", "extend", "project", "summarize", "by", "order by", "|", "|", "|", "(", ")", ",", "=", "and", "or"),
    *("==", "!=", "=~", "<", ">=", "in", "!in~", "has", "+", "-", "*", "/", "asc", "x", "count()", "sum(Taken)"),
    *("TimeGenerated", "Path", "Status", "Taken", "Duration", "Success", "true", "'a'", "'1e999'", "0", "1", "2.5"),
    *("1m", "99999d", "9223372036854775807", "1e308", "datetime(0001-01-01)", "now()", "ago(", "bin(", "log2("),
    *("toint(", "todouble(", "max_of(", "iff(", "not(", "exp2(", "percentile(", "avg(", "countif(", "tolower("),
)


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_any_words_are_answered_or_refused(words: str) -> None:
    with contextlib.suppress(Refused):
        table(words)


@given(st.text(max_size=40))
def test_any_text_is_answered_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        parse(text)


@given(
    st.sampled_from(["bin", "floor", "max_of", "min_of"]),
    st.sampled_from([name for name, _ in COLUMNS] + ["1e308", "0", "-1", "1m", "99999999d", "toint('x')"]),
    st.sampled_from([name for name, _ in COLUMNS] + ["1e308", "0", "-1", "1m", "99999999d", "toint('x')"]),
    st.sampled_from(["+", "-", "*", "/", "==", "<"]),
)
def test_any_values_are_computed_or_refused(function: str, one: str, other: str, operator: str) -> None:
    with contextlib.suppress(Refused):
        table(
            f"extend x = {function}({one}, {other}) {operator} {other} | order by x | summarize max(x), avg(x), sum(x)"
        )
