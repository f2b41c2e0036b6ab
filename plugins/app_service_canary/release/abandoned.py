"""What a release that is no more has left on its app, how long that has been seen, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from app_service_canary.release.app_state import AppState, AppTarget
from app_service_canary.release.durations import format_duration
from app_service_canary.release.policy import ReleasePolicy, Step, Watchdog
from app_service_canary.release.recovery import clear_by_script
from app_service_canary.release.timing import time_to_finish

SECOND_LOOK = timedelta(minutes=1)
"""What is seen must still be there this much later before anything is said or done. Longer than the longest recorded
change of a traffic rule (32 s), so that what a release undid as it ended is not taken for left over."""

UNUSUAL = timedelta(hours=1)
"""What a release may take beyond its usual time and the waits of its file: deploying for 20 minutes at most, swapping
for 30, and tasks that are tried again."""


class Seen(str, Enum):
    """What the watchdog remembers the first sight of."""

    RUN = "run"
    """A run of the release's DAG that is queued or running."""
    RULE = "rule"
    """A traffic rule for the canary slot; also one of 0 %, which lets testers in."""
    SLOT = "slot"
    """The canary slot runs, and no rule sends anybody there."""
    PREVIEW = "preview"
    """A swap with preview that waits to be finished. A release makes none, but a swap of its that failed may leave the
    slot in the same state, and nothing that Azure says tells one from the other."""


@dataclass(frozen=True)
class Runs:
    """How many runs the release's DAG has.

    Attributes:
        total: all that Airflow remembers.
        unfinished: queued or running.
    """

    total: int
    unfinished: int


@dataclass(frozen=True)
class Sightings:
    """What was seen at the last look, and since when.

    Attributes:
        at: the moment of that look; None when there was none.
        runs: the runs there were.
        since: first sight of each thing that was there.
    """

    at: datetime | None = None
    runs: Runs | None = None
    since: Mapping[Seen, datetime] = field(default_factory=dict)

    def renewed(self, things: Iterable[Seen], runs: Runs, now: datetime, forgotten_after: timedelta) -> Sightings:
        """After another look: what is still there keeps its first sight.

        Everything is seen for the first time when the last look is too long ago, or when a release began or ended
        since: routing cookies may have been given out in between.

        Args:
            things: what is there.
            runs: the runs there are.
            now: the moment.
            forgotten_after: of a longer time since the last look, nobody knows what came and went in it.
        """
        valid = self.at is not None and now - self.at <= forgotten_after and runs == self.runs
        return Sightings(now, runs, {thing: self.since.get(thing, now) if valid else now for thing in things})

    def to_json(self) -> dict[str, Any]:
        return {
            "at": self.at and self.at.isoformat(),
            "runs": self.runs and [self.runs.total, self.runs.unfinished],
            "since": {thing.value: first.isoformat() for thing, first in self.since.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any] | None) -> Sightings:
        if not values or not values["at"] or not values["runs"]:
            return cls()
        since = {Seen(thing): datetime.fromisoformat(first) for thing, first in values["since"].items()}
        return cls(datetime.fromisoformat(values["at"]), Runs(*values["runs"]), since)


@dataclass(frozen=True)
class Finding:
    """Something to be cleared or reported.

    Attributes:
        thing: what.
        since: first sight.
        clear: clear it; otherwise report it.
    """

    thing: Seen
    since: datetime
    clear: bool


def left_over(state: AppState, slot: str) -> list[Seen]:
    """What a release would have undone at its end, among what Azure says now."""
    found = []
    if state.rule_for(slot):
        found.append(Seen.RULE)
    elif state.slot and state.slot.running and not _gets_users(state):
        found.append(Seen.SLOT)
    if (state.production.prepared_for or "").lower() == slot.lower():
        found.append(Seen.PREVIEW)
    return found


def _gets_users(state: AppState) -> bool:
    """A rule by another name sends users to the slot's host; then somebody else uses it, and it must not be stopped."""
    host = state.slot.host.lower() if state.slot else ""
    return any(rule.weight > 0 and rule.host.lower() == host for rule in state.rules)


def longest_run(policy: ReleasePolicy, steps: Sequence[Step] | None = None) -> timedelta | None:
    """How long a run can take before it must be stuck.

    time to finish + readiness timeout + (steps + 1) x (extend + approval timeout) + approval timeout
    + restore timeout + 1 h

    Each watch, the one after the swap included, may go on for want of evidence, and then while a manager is asked.

    Args:
        policy: the release file.
        steps: those of the run; None: those of the file.

    Returns:
        The time; None when a step bakes until a person goes on, which may take any time.
    """
    usual = time_to_finish(policy, steps)
    if usual is None:
        return None
    watches = len(policy.steps if steps is None else steps) + 1
    held = policy.analysis.extend + policy.approval.timeout
    return (
        usual + policy.readiness.timeout + watches * held + policy.approval.timeout + policy.restore_timeout + UNUSUAL
    )


def why_stuck(seen: Sightings, now: datetime, *, paused: bool, longest: timedelta | None, dag_id: str) -> str | None:
    """Why the release that is under way does not go on; None when it does, or when there is none.

    Args:
        seen: the last look, the run included.
        now: the moment.
        paused: the release's DAG is paused, so Airflow starts none of its tasks.
        longest: see `longest_run`.
        dag_id: the release's DAG.
    """
    since = seen.since.get(Seen.RUN)
    if since is None:
        return None
    if paused:
        return f"its release stands still because DAG '{dag_id}' is paused; unpause it, and the release goes on"
    if longest is not None and now - since > longest:
        return (
            f"its release has been under way since {_clock(since)}, which is longer than the "
            f"{format_duration(longest)} that it can take; see whether the triggerer runs, and look at DAG '{dag_id}'"
        )
    return None


def findings(
    seen: Sightings, policy: ReleasePolicy, *, stuck: bool, second_look: timedelta = SECOND_LOOK
) -> list[Finding]:
    """What has been there for long enough to be cleared or reported; never what the last look saw first.

    A slot is left running until the last routing cookie has run out: `drain` after it was first seen without a rule.
    A release that is stuck may still go on, so what it has set is reported and never cleared; neither is a preview.

    Args:
        seen: what was seen, and since when.
        policy: the release file.
        stuck: a release is under way, and does not go on.
        second_look: see `SECOND_LOOK`.
    """
    patience = {Seen.RULE: second_look, Seen.PREVIEW: second_look, Seen.SLOT: max(second_look, policy.drain)}
    may_clear = policy.watchdog is Watchdog.CLEAR and not stuck
    return [
        Finding(thing, since, clear=may_clear and thing is not Seen.PREVIEW)
        for thing, since in seen.since.items()
        if thing in patience and seen.at is not None and since < seen.at and seen.at - since >= patience[thing]
    ]


def report(finding: Finding, state: AppState, target: AppTarget, why: str | None) -> str:
    """One sentence for people, and the command that helps.

    Args:
        finding: what was found.
        state: the app as it was read.
        target: app and slot.
        why: why its release is stuck; None: there is none under way.
    """
    where = f"-g {target.resource_group} -n {target.app}"
    release = why or "no release of it is under way"
    since = f"seen since {_clock(finding.since)}"
    if finding.thing is Seen.RULE:
        rule = state.rule_for(target.slot)
        # `traffic-routing clear` takes every rule away, also those of other slots.
        alone = len(state.rules) == 1
        command = f"az webapp traffic-routing clear {where}" if alone else clear_by_script(target)
        return (
            f"App '{target.app}' sends {rule.weight if rule else 0:g} % of its users to slot '{target.slot}' "
            f"({since}), and {release}. To clear the rule: {command}"
        )
    if finding.thing is Seen.SLOT:
        return (
            f"{target.at_start} runs and gets 0 % of the users ({since}), and {release}. "
            f"To stop it: az webapp stop {where} --slot {target.slot}"
        )
    return (
        f"A swap with preview of slot '{target.slot}' into app '{target.app}' is pending ({since}), and {release}. "
        f"To cancel it: az webapp deployment slot swap {where} --slot {target.slot} --action reset"
    )


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
