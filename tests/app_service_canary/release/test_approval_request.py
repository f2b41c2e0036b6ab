"""What a manager is asked."""

from typing import Any

import pytest

from app_service_canary.release.approval_request import StepPassed, body, subject


def watched(**changes: Any) -> dict[str, Any]:
    """What a step's watch left behind."""
    sides = {
        "slot": {"requests": 12, "failures": 1, "mean_ms": 21.5},
        "visitors": {"requests": 12, "failures": 0, "mean_ms": 20.0},
    }
    share = {"routed": 12, "to_canary": 1, "percent": 8.3, "interval": [1.5, 35.4]}
    return {"sides": sides, "observed_share": share, **changes}


def asked(**changes: Any) -> str:
    """The body of a request, with changes."""
    values: dict[str, Any] = {
        "app": "storefront",
        "slot": "stage",
        "stable_version": "1.0.0",
        "canary_version": "2.0.0",
        "source": "https://host/web.zip?***",
        "note": "",
        "steps": [StepPassed(10.0, watched())],
        "variable": "canary_approval__canary_release.storefront__run",
        "approvers": (),
        "until": "2026-11-23 12:00 UTC",
        "on_timeout": "reject",
        "watched": False,
    }
    return body(**{**values, **changes})


def rows(text: str) -> list[str]:
    """The table's rows."""
    return [line for line in text.splitlines() if line.startswith("| ") and line[2].isdigit()]


def test_the_subject_asks_one_question() -> None:
    assert subject("storefront", "2.0.0") == "Release version 2.0.0 of storefront?"


def test_the_body_says_what_is_to_replace_what_and_what_each_answer_does() -> None:
    text = asked()

    assert "**storefront**: version **2.0.0** in slot `stage` is to replace **1.0.0** in production." in text
    assert "Package: `https://host/web.zip?***`" in text
    assert "**Approve** clears the traffic rule, swaps `stage` into production" in text
    assert "**Reject** sends all new users to 1.0.0 and ends the run as failed.\n" in text
    assert "as failed. So does a bad verdict: `stage` is watched until you decide." in asked(watched=True)


def test_each_step_is_shown_with_its_figures() -> None:
    expected = "| 1 | 10 % | 8.3 % of 12 (1.5–35.4 %) | 12, 1 bad | 12, 0 bad | 21.5 ms / 20 ms |"

    assert [expected] == rows(asked())


def test_steps_are_numbered_and_have_a_row_each() -> None:
    steps = [StepPassed(10.0, watched()), StepPassed(12.5, watched()), StepPassed(100.0, None)]

    assert [row.split("|")[1:3] for row in rows(asked(steps=steps))] == [
        [" 1 ", " 10 % "],
        [" 2 ", " 12.5 % "],
        [" 3 ", " 100 % "],
    ]


@pytest.mark.parametrize("left", [None, {}, {"outcome": "skipped"}])
def test_a_step_that_a_person_ended_has_no_figures(left: dict[str, Any] | None) -> None:
    assert rows(asked(steps=[StepPassed(10.0, left)])) == ["| 1 | 10 % | ended by hand | | | |"]


def test_a_share_that_was_not_seen_is_not_made_up() -> None:
    unseen = {"routed": 0, "to_canary": 0, "percent": None, "interval": [0.0, 100.0]}

    (row,) = rows(asked(steps=[StepPassed(10.0, watched(observed_share=unseen))]))

    assert "| not seen |" in row


def test_a_latency_that_is_missing_is_not_taken_for_the_other_sides() -> None:
    sides = {"visitors": {"requests": 3, "failures": 0, "mean_ms": 20.0}}

    (row,) = rows(asked(steps=[StepPassed(10.0, watched(sides=sides))]))

    assert row.endswith("|  | 3, 0 bad | – / 20 ms |")


def test_every_row_has_as_many_cells_as_the_heading() -> None:
    text = asked(steps=[StepPassed(10.0, watched()), StepPassed(20.0, None)])
    heading = next(line for line in text.splitlines() if line.startswith("| step"))

    assert {heading.count("|")} == {row.count("|") for row in rows(text)}


@pytest.mark.parametrize("lines", [1, 2, 5])
def test_a_note_is_quoted_on_every_line(lines: int) -> None:
    note = "\n".join(["Fixes the basket", "", "| 9 | 100 % | all is well |", "# Approved", "x"][:lines])

    text = asked(note=note)

    for line in note.splitlines():
        assert f"> {line}" in text.splitlines()
    assert len(rows(text)) == 1


def test_no_note_leaves_no_quote() -> None:
    assert not any(line.startswith(">") for line in asked().splitlines())


def test_without_approvers_all_doors_are_named_with_the_variable_and_its_values() -> None:
    text = asked()

    assert "the Variable `canary_approval__canary_release.storefront__run` to `approve` or `reject`" in text
    assert '{"decision": "approve", "by": "…", "comment": "…"}' in text
    assert "mark this task success or failed in the grid" in text


def test_with_approvers_only_they_are_named() -> None:
    text = asked(approvers=("maria", "joe"))

    assert "Only a response here by one of these users counts: maria, joe." in text
    assert "Variable" not in text


@pytest.mark.parametrize(("on_timeout", "expected"), [("reject", "rejected"), ("approve", "approved")])
def test_silence_has_a_stated_meaning_and_moment(on_timeout: str, expected: str) -> None:
    assert f"Unanswered until 2026-11-23 12:00 UTC, the release is {expected}." in asked(on_timeout=on_timeout)


def test_what_was_seen_of_both_versions_is_said_once_with_the_evidence_of_all_steps() -> None:
    def compared(requests: int) -> StepPassed:
        said = f"By probe, the canary failed 0 of {requests} requests …"
        return StepPassed(10.0, watched(reasons=["The slot's own host answered.", said]))

    text = asked(steps=[compared(50), compared(120), StepPassed(50.0, None)])

    assert "* By probe, the canary failed 0 of 120 requests …" in text
    assert "0 of 50 requests" not in text
    assert "The slot's own host answered." not in text


@pytest.mark.parametrize(("by", "who"), [("maria", " by maria (required action)"), (None, " (timeout)")])
def test_a_step_that_went_on_without_a_verdict_is_named_with_who_let_it(by: str | None, who: str) -> None:
    decided = {"decision": "approved", "by": by, "door": "required action" if by else "timeout", "comment": ""}
    text = asked(steps=[StepPassed(10.0, watched(reasons=[], decided=decided))])
    assert f"* Step 1 went on **without a verdict**; that was decided{who}." in text
