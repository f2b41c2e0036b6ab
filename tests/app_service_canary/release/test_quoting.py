"""Values as sentences show them."""

import pytest

from app_service_canary.release.quoting import LONGEST_TEXT, quoted, storable


@pytest.mark.parametrize("value", ["", "canary", 0, 1, 100.5, None, True, [1, 2], {"a": 1}, "x" * (LONGEST_TEXT - 2)])
def test_a_short_value_is_shown_as_it_is(value: object) -> None:
    assert repr(value) == quoted(value)


@pytest.mark.parametrize("value", ["x" * 100_000, list(range(100_000)), [["x" * 70] * 6] * 6, 10**1000])
def test_a_long_value_is_shortened(value: object) -> None:
    assert len(quoted(value)) <= LONGEST_TEXT


def test_a_number_that_python_does_not_write_out_is_named_instead() -> None:
    assert quoted(16**5000) == "a number too long to show" or len(quoted(16**5000)) <= LONGEST_TEXT


def test_a_value_that_holds_itself_is_shown_to_a_depth() -> None:
    circle: list[object] = []
    circle.append(circle)

    assert "..." in quoted(circle)


@pytest.mark.parametrize("length", [0, 20, 60, 200])
def test_no_part_of_a_signature_is_left_when_a_value_is_shortened(length: int) -> None:
    address = f"https://h.example/{'w' * length}.zip?sv=1&sig={'secret' * 30}"

    assert "secret" not in quoted(address)
    assert "secret" not in quoted({"package": [address]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("Grüße 👍\n\t", "Grüße 👍\n\t"),
        ("a\0b", "a\ufffdb"),
        ("a\ud800b", "a?b"),
        ("see https://h/w?sig=secret&sp=r", "see https://h/w?sig=***&sp=r"),
    ],
)
def test_what_people_wrote_is_kept_without_what_no_database_takes(text: str, expected: str) -> None:
    assert expected == storable(text)
