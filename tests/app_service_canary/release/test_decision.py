"""A manager's decision."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.app_service_canary.release.strategies import junk

from app_service_canary.release.decision import ALLOWED, Decision, read_decision, variable_key

WORDS = {"approve": True, "approved": True, "reject": False, "rejected": False}

spaces = st.text(" \t\n", max_size=3)


@st.composite
def spelled(draw: st.DrawFn) -> tuple[str, bool]:
    """One of the words in any case, with space around it."""
    word = draw(st.sampled_from(sorted(WORDS)))
    mixed = "".join(draw(st.sampled_from((letter.lower(), letter.upper()))) for letter in word)
    return draw(spaces) + mixed + draw(spaces), WORDS[word]


@given(spelled())
def test_the_four_words_decide_in_any_case(given_word: tuple[str, bool]) -> None:
    text, approved = given_word

    assert Decision(approved, None, "variable") == read_decision(text)
    assert Decision(approved, None, "variable") == read_decision(json.dumps(text))


@given(spelled(), st.text(min_size=1), st.text())
def test_json_may_say_who_and_why(given_word: tuple[str, bool], by: str, comment: str) -> None:
    text, approved = given_word
    written = json.dumps({"decision": text, "by": by, "comment": comment})

    assert Decision(approved, by, "variable", comment) == read_decision(written)


@given(st.text() | junk.map(json.dumps))
def test_any_other_text_is_refused_with_what_is_allowed(text: str) -> None:
    try:
        read_decision(text)
    except ValueError as refused:
        said = str(refused)
    else:
        assert any(word in text.lower() for word in WORDS)
        return
    assert said.startswith("found ")
    assert said.endswith(f"allowed: {ALLOWED}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "yes",
        "no",
        "true",
        "1",
        "approve!",
        "approve reject",
        "disapprove",
        '["approve"]',
        "{}",
        '{"decision": ""}',
        '{"decision": null}',
        '{"decision": true}',
        '{"by": "maria"}',
        '{"decision": "approve"',
        '{"decision": "approve", "by": null}',
        '{"decision": {"decision": "approve"}}',
        '{"decision": "approve", "until": "tomorrow"}',
        '{"a":' * 100_000,
    ],
    ids=lambda text: text[:40],
)
def test_nothing_that_is_not_clear_opens_the_gate(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: approve, approved, reject or rejected in any case"):
        read_decision(text)


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(ValueError, match="found the unknown key 'until'"):
        read_decision('{"decision": "approve", "until": "tomorrow"}')


def test_a_long_text_is_not_repeated_in_full() -> None:
    with pytest.raises(ValueError, match=r"found 'x+[.]{3}x+'") as refused:
        read_decision("x" * 10_000)

    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("by", ["", None])
def test_a_decision_of_nobody_in_particular_has_no_name(by: str | None) -> None:
    written = {"decision": "reject"} if by is None else {"decision": "reject", "by": by}

    assert read_decision(json.dumps(written)).by is None


def test_a_decision_is_kept_with_its_word_and_without_python() -> None:
    decision = Decision(False, "maria", "variable", "latency")

    expected = {"decision": "rejected", "by": "maria", "door": "variable", "comment": "latency"}
    assert expected == decision.to_json()
    assert decision.to_json() == json.loads(json.dumps(decision.to_json()))


def test_each_run_has_a_variable_of_its_own() -> None:
    key = variable_key("canary_release.storefront", "manual__2026-11-22")

    assert key == "canary_approval__canary_release.storefront__manual__2026-11-22"
    assert key != variable_key("canary_release.storefront", "manual__2026-11-23")
