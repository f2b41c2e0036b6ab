"""What a manager is asked, with the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

COMPARED = ("By ", "Not counted", "Not enough")
"""How the judge's sentences about both versions begin."""


@dataclass(frozen=True)
class StepPassed:
    """One rung that was watched to the end.

    Attributes:
        weight: percent asked for.
        watched: what the watch left behind; None when a person ended it by hand.
    """

    weight: float
    watched: dict[str, Any] | None


def subject(app: str, version: str) -> str:
    """One line."""
    return f"Release version {version} of {app}?"


def body(
    *,
    app: str,
    slot: str,
    stable_version: str,
    canary_version: str,
    source: str,
    note: str,
    steps: Sequence[StepPassed],
    variable: str,
    approvers: Sequence[str],
    until: str,
    on_timeout: str,
    watched: bool,
) -> str:
    """Markdown: what was seen, what each answer will do, and by which doors it can be given.

    Args:
        until: when the gate closes, for people.
        on_timeout: what silence means: `reject` or `approve`.
        variable: key of the run's Variable.
        approvers: who may decide; empty: whoever may respond.
        watched: whether a bad verdict ends the release meanwhile.
        note: the requester's words; quoted line by line, so that they cannot pass for evidence.
        The others are what they are called.
    """
    return "\n".join(
        [
            f"**{app}**: version **{canary_version}** in slot `{slot}` is to replace **{stable_version}** in "
            "production.",
            "",
            *([*(f"> {line}" for line in note.splitlines()), ""] if note else []),
            f"Package: `{source}`",
            "",
            "| step | asked share | observed share | slot answers | visitors' answers | mean latency slot / visitors |",
            "| --- | --- | --- | --- | --- | --- |",
            *(_row(number, step) for number, step in enumerate(steps, start=1)),
            "",
            *_compared(steps),
            f"**Approve** clears the traffic rule, swaps `{slot}` into production, watches production, waits until "
            "nobody is pinned to the slot, and stops it.",
            "",
            f"**Reject** sends all new users to {stable_version} and ends the run as failed."
            + (f" So does a bad verdict: `{slot}` is watched until you decide." if watched else ""),
            "",
            _doors(variable, approvers),
            "",
            f"Unanswered until {until}, the release is {'approved' if on_timeout == 'approve' else 'rejected'}.",
        ]
    )


def _compared(steps: Sequence[StepPassed]) -> list[str]:
    """What the last watch said of both versions, which counts the steps before it in; and who went on without a
    verdict."""
    lines = []
    for number, step in enumerate(steps, start=1):
        decided = (step.watched or {}).get("decided")
        if decided:
            by = f" by {decided['by']}" if decided.get("by") else ""
            lines.append(f"* Step {number} went on **without a verdict**; that was decided{by} ({decided['door']}).")
    last = next((step.watched for step in reversed(steps) if step.watched and step.watched.get("reasons")), None)
    reasons = [reason for reason in (last or {}).get("reasons", ()) if reason.startswith(COMPARED)]
    return [*lines, *(f"* {reason}" for reason in reasons), *([""] if lines or reasons else [])]


def _doors(variable: str, approvers: Sequence[str]) -> str:
    if approvers:
        return f"Only a response here by one of these users counts: {', '.join(approvers)}."
    return (
        f"Or set the Variable `{variable}` to `approve` or `reject` (also "
        '`{"decision": "approve", "by": "…", "comment": "…"}`), or mark this task success or failed in the grid.'
    )


def _row(number: int, step: StepPassed) -> str:
    seen = step.watched
    if not seen or "sides" not in seen:
        return f"| {number} | {step.weight:g} % | ended by hand | | | |"
    share, sides = seen["observed_share"], seen["sides"]
    observed = (
        f"{share['percent']:g} % of {share['routed']} ({share['interval'][0]:g}–{share['interval'][1]:g} %)"
        if share["routed"]
        else "not seen"
    )
    slot, visitors = sides.get("slot"), sides.get("visitors")
    latencies = f"{_latency(slot)} / {_latency(visitors)}"
    return f"| {number} | {step.weight:g} % | {observed} | {_answers(slot)} | {_answers(visitors)} | {latencies} |"


def _latency(side: dict[str, Any] | None) -> str:
    return f"{side['mean_ms']:g} ms" if side and side["mean_ms"] is not None else "–"


def _answers(side: dict[str, Any] | None) -> str:
    return f"{side['requests']}, {side['failures']} bad" if side else ""
