"""Whether a release ended right after its kill. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chaos.cases import Case
from chaos.record import CALL, EFFECT, Entry
from demo.airflow_api import TaskInstance


@dataclass(frozen=True)
class Story:
    """How a release is told without a kill, and what is true of its end.

    Attributes:
        decision: what the manager answers.
        turns_bad: the new version is bad in production, and there alone.
        swaps: how often production changes its content.
        says: words that the run's sentence has to have.
    """

    decision: str = "approve"
    turns_bad: bool = False
    swaps: int = 1
    says: str = "is promoted"

    @property
    def promoted(self) -> bool:
        return self.swaps == 1


STORIES: Mapping[str, Story] = {
    "promoted": Story(),
    "rejected": Story(decision="reject", swaps=0, says="task approval failed"),
    "failing": Story(turns_bad=True, swaps=2, says="task watch_promoted failed"),
}
"""The way there, and the two ways back: before the swap and after it."""


@dataclass(frozen=True)
class Ending:
    """What is known of a release that has ended, or was given up.

    Attributes:
        run_state: Airflow's word for the run; `running` when it did not end in time.
        outcome, sentence: what the run says of itself.
        versions: what production served before, what was to be released, what it serves now.
        weights: of the traffic rules that are left, in percent.
        swaps: how often production has changed its content.
        tries: of each task that ran.
        requests: how many its visitors made, from the trigger to the end.
        failures: those of them that did not serve the visitor, in a few words.
        killed_at: when the kill happened; None: it did not.
        next_sign: when the release was first seen to go on after the kill.
        ended_at: when the run ended.
    """

    run_state: str
    outcome: str
    sentence: str
    versions: tuple[str, str, str]
    weights: tuple[float, ...]
    swaps: int
    tries: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0
    failures: Sequence[str] = ()
    killed_at: datetime | None = None
    next_sign: datetime | None = None
    ended_at: datetime | None = None

    @property
    def most_tries(self) -> int:
        return max(self.tries.values(), default=0)

    def seconds_after_the_kill(self, moment: datetime | None) -> float | None:
        """From the kill to a later moment; None without the one or the other."""
        return (moment - self.killed_at).total_seconds() if moment and self.killed_at else None


NOTHING_KILLED = "nothing was killed: the release did not come to that point"


@dataclass(frozen=True)
class Judged:
    """A case, how its release ended, and what is wrong with that."""

    case: Case
    ending: Ending
    problems: Sequence[str]

    @property
    def right(self) -> bool:
        return not self.problems

    @property
    def missed_its_kill(self) -> bool:
        """Nothing is wrong but that nothing was killed."""
        return list(self.problems) == [NOTHING_KILLED]


def judge(case: Case, ending: Ending) -> Judged:
    """Everything that has to hold.

    One killed process is no reason not to promote a good version, so a release has to end as its story does without
    a kill.
    """
    nothing = [] if ending.killed_at else [NOTHING_KILLED]
    return Judged(case, ending, [*nothing, *wrong_with(STORIES[case.story], ending)])


def wrong_with(story: Story, ending: Ending) -> list[str]:
    """What is wrong with the end of a release, whether or not something was killed."""
    return [*_not_as_told(story, ending), *_never_right(ending)]


def _never_right(ending: Ending) -> Iterable[str]:
    if left := [weight for weight in ending.weights if weight > 0]:
        yield f"a rule still sends {', '.join(f'{weight:g} %' for weight in left)} of the users to a slot"
    if ending.failures:
        yield f"{len(ending.failures)} of {ending.requests} requests failed, the first: {ending.failures[0]}"
    if not ending.requests:
        yield "no visitor came, so nothing is known of them"
    if "ACT NOW" in ending.sentence:
        yield "it asks for help: " + ending.sentence


def _not_as_told(story: Story, ending: Ending) -> Iterable[str]:
    if ending.run_state not in ("success", "failed"):
        yield "it has not ended in time"
        return
    before, wanted, found = ending.versions
    should_serve = wanted if story.promoted else before
    if found != should_serve:
        yield f"production serves {found}, not {should_serve}"
    if ending.swaps != story.swaps:
        yield f"{ending.swaps} swaps, not {story.swaps}"
    state, outcome = ("success", "promoted") if story.promoted else ("failed", "rolled_back")
    if (ending.run_state, ending.outcome) != (state, outcome):
        yield f"the run is {ending.run_state} and says {ending.outcome or 'nothing'}, not {state} and {outcome}"
    if story.says not in ending.sentence:
        yield f"its sentence does not say “{story.says}”: {ending.sentence or '(none)'}"
    if wanted not in ending.sentence:
        yield f"its sentence does not name version {wanted}: {ending.sentence or '(none)'}"


def swaps_in(entries: Iterable[Entry]) -> int:
    """How often production's content changed: the cut-overs in the journal."""
    return sum(entry.kind == EFFECT and entry.operation == CUT_OVER for entry in entries)


CUT_OVER = "Swap_CutOver"
"""What the simulator's journal calls the moment at which the two slots' contents change places."""


def next_sign(killed_at: datetime | None, entries: Iterable[Entry], tasks: Iterable[TaskInstance]) -> datetime | None:
    """The first call, or start or end of a task, after the kill."""
    if killed_at is None:
        return None
    signs = [entry.began for entry in entries if entry.kind == CALL and not entry.fault]
    signs += [moment for task in tasks for moment in (task.start_date, task.end_date) if moment]
    return min((sign for sign in signs if sign > killed_at), default=None)


def kill_in(entries: Iterable[Entry]) -> datetime | None:
    """When the call was made at which its process was killed."""
    return next((entry.ended for entry in entries if entry.fault and entry.fault["do"] == "kill"), None)
