"""Variables and responses of any content: a decision that was written, or none; the gate opens for nothing else."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from tests.hostile.mutations import SECRET, SIGNED, hostile, mutated

from app_service_canary.release.decision import APPROVE, GO_ON, REJECT, Decision, read_decision
from app_service_canary.triggers.approval import decision_of_response

WORDS = {"approve": True, "approved": True, "reject": False, "rejected": False}
GOOD = {"decision": "approve", "by": "maria", "comment": "checked the dashboards"}
LONGEST_SENTENCE = 400
"""Characters of what the task's log says of a Variable that is no decision."""

values = st.text() | hostile.map(lambda value: json.dumps(value, default=str)) | mutated(GOOD).map(json.dumps)


@given(values)
@example("")
@example('"approve"')
@example('{"decision": "approve", "decision": "reject"}')
@example("[" * 100_000)
@example("{" + '"a":{' * 10_000)
@example('{"decision": "approve", "by": "maria"}' + " " * 100_000)
@example("approve\x00")
@example("ａｐｐｒｏｖｅ")
@example("APPROVE\n")
@example('{"decision": "approve", "comment": 1}')
@example('{"decision": ["approve"]}')
@example(f"see {SIGNED}")
@example(json.dumps({SIGNED: "approve"}))
@example('"\\ud800"')
@example(json.dumps({**GOOD, "comment": f"\x00\ud800 {SIGNED}", "by": SIGNED}))
@example('{"decision": 1e999}')
@example("9" * 5000)
@example('{"decision": ' + "9" * 5000 + "}")
def test_a_variable_is_a_decision_only_when_it_says_so_in_so_many_words(text: str) -> None:
    try:
        decision = read_decision(text)
    except ValueError as refused:
        said = str(refused)
    else:
        assert decision.approved is WORDS[word_of(text)]
        assert_can_be_kept(decision)
        return
    assert type(said) is str
    assert len(said) < LONGEST_SENTENCE
    assert "; allowed: " in said
    assert SECRET not in said
    assert said.isprintable()


def word_of(text: str) -> str:
    """The deciding word, by another way than the reader's."""
    try:
        value: Any = json.loads(text)
    except ValueError:
        value = text
    word = value["decision"] if isinstance(value, dict) else value
    return str(word).strip().lower()


forms = st.none() | st.dictionaries(st.sampled_from(["comment", "other"]), hostile)


@given(
    st.lists(st.sampled_from([APPROVE, GO_ON, REJECT]) | st.text(max_size=10), max_size=3),
    forms,
    st.none() | st.text(),
)
@example([APPROVE], {"comment": SIGNED}, "maria")
@example([APPROVE, REJECT], None, "maria")
@example([APPROVE, GO_ON], None, "maria")
@example([], None, None)
@example(["approve"], None, "maria")
@example([APPROVE], {"comment": "\x00\ud800"}, "maria")
@example([APPROVE], {"comment": {"a": [1]}}, "maria")
def test_a_response_approves_only_with_one_option_that_means_it(
    options: list[str], form: Any, user: str | None
) -> None:
    decision = decision_of_response(options, form, user)

    assert isinstance(decision, Decision)
    assert decision.approved is (options in ([APPROVE], [GO_ON]))
    assert_can_be_kept(decision)


def assert_can_be_kept(decision: Decision) -> None:
    """Airflow keeps it as JSON, in PostgreSQL for one, which knows neither NUL nor half a surrogate pair."""
    for value in decision.to_json().values():
        assert value is None or isinstance(value, str)
        kept = (value or "").encode("utf-8")
        assert b"\0" not in kept
        assert SECRET.encode() not in kept
