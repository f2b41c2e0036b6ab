"""Watches a version while it bakes, and takes users off it the moment the verdict is bad."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from asgiref.sync import sync_to_async

from app_service_canary.errors import PermanentError, TransientError
from app_service_canary.release.analysis import Analysis
from app_service_canary.release.app_state import PRODUCTION
from app_service_canary.release.availability import Limits, judge_answers
from app_service_canary.release.comparison import Comparison
from app_service_canary.release.evidence import Evidence
from app_service_canary.release.judge import judge
from app_service_canary.release.measurement import Measurement
from app_service_canary.release.observation import Observation, Side
from app_service_canary.release.own_requests import OwnRequests
from app_service_canary.release.record import Record
from app_service_canary.release.verdict import Outcome, Verdict
from app_service_canary.triggers.app_service import AppServiceTrigger
from app_service_canary.triggers.approval import question_event
from app_service_canary.triggers.measuring import Measuring
from app_service_canary.triggers.verdicts import note_verdict, noted_verdict
from app_service_canary.triggers.waiting import FAILED, SUCCEEDED, event, now

T = TypeVar("T")

CLEARING_LIMIT = 120.0
"""Seconds for all of them: `restore` begins when the trigger has ended, and does not give up so soon."""

BEGUN = timedelta(seconds=10)
"""A watch that began longer ago than a triggerer takes to begin with it may have been another triggerer's before."""

HEAD_START = 0.5
"""Seconds for the note of a bad verdict; then users are taken off the slot whether or not it has been written. A
triggerer whose first question to Airflow this is takes several to answer it."""

WRITING_LIMIT = 30.0
"""Seconds for a record: a storage that hangs must not hold a verdict up."""

CLEARING_TRIES = 5
"""How often the trigger tries to clear the rule itself, before it leaves that to `restore`."""


ENDLESS: dict[str, Any] = {
    "bake_until": None,
    "hold_until": None,
    "before": None,
    "closing": False,
    "clear_on_failure": True,
}
"""Arguments of a watch beside a task that does something else: it has no verdict unless a bad one."""


class CanaryAnalysisTrigger(AppServiceTrigger):
    """Asks the slot and the visitors' side, round by round, reads the sources of measurements, and judges after each.

    Args:
        hosts_by_side: which host to ask on each watched side, by the side's name.
        path, good_statuses: what to ask and which statuses are good.
        began: when the watch began.
        bake_until: when the bake is over; None: a person ends it.
        hold_until: until when it is watched on after the bake for want of evidence; None as above.
        failure_limit, min_answers: see `Limits`.
        answer_timeout_seconds: for one answer.
        clear_on_failure: take new users off the slot at once when the verdict is bad.
        analysis: the release file's section, as JSON.
        evidence: what earlier steps left, by source, as JSON.
        before: what the stable version did before the swap, by source, as JSON; None: both versions have users.
        seen_here: canary requests by source that this watch saw before a manager was asked.
        closing: whether this is the release's last watch before the approval.
        own: the requests of our own that the watch before has made, as JSON; None: there was none.
        record_path: where the record goes; None: none is kept.
        about: which run and task this is, for the record.
        asked: whether a manager is being asked meanwhile.
        asked_of: the try of the task that asked, whose answer may have come before it deferred; None: not looked for.
        in_doubt_since: an earlier try began to ask then, and it is not known whether it did; None: it is.
        sources: the names of the sources that are read; None: all that the release file names.

    Attributes:
        rejected: what a bad verdict says, from when it is reached; empty: there is none.
    """

    def __init__(
        self,
        *,
        hosts_by_side: dict[str, str],
        path: str,
        good_statuses: list[int],
        began: datetime,
        bake_until: datetime | None,
        hold_until: datetime | None,
        failure_limit: int,
        min_answers: int,
        answer_timeout_seconds: float,
        clear_on_failure: bool,
        analysis: dict[str, Any],
        evidence: dict[str, Any],
        before: dict[str, Any] | None,
        closing: bool,
        seen_here: dict[str, int] | None = None,
        own: dict[str, Any] | None = None,
        record_path: str | None,
        about: dict[str, Any],
        asked: bool = False,
        asked_of: str | None = None,
        in_doubt_since: datetime | None = None,
        sources: list[str] | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.hosts_by_side, self.path, self.good_statuses = hosts_by_side, path, good_statuses
        self.began, self.bake_until, self.clear_on_failure = began, bake_until, clear_on_failure
        self.limits = Limits(failure_limit, min_answers)
        self.answer_timeout_seconds = answer_timeout_seconds
        self.analysis, self.evidence, self.before = analysis, evidence, before
        self.closing, self.record_path, self.about = closing, record_path, about
        self.hold_until, self.asked, self.asked_of = hold_until, asked, asked_of
        self.in_doubt_since, self.sources = in_doubt_since, sources
        self.seen_here, self.own = seen_here or {}, own
        self.seen = Observation.of(*(Side(side) for side in hosts_by_side))
        self.rounds = 0
        self.rejected = ""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "app_service_canary.triggers.analysis.CanaryAnalysisTrigger",
            {
                **self.shared_arguments(),
                "hosts_by_side": self.hosts_by_side,
                "path": self.path,
                "good_statuses": self.good_statuses,
                "began": self.began,
                "bake_until": self.bake_until,
                "hold_until": self.hold_until,
                "failure_limit": self.limits.failure_limit,
                "min_answers": self.limits.min_answers,
                "answer_timeout_seconds": self.answer_timeout_seconds,
                "clear_on_failure": self.clear_on_failure,
                "analysis": self.analysis,
                "evidence": self.evidence,
                "before": self.before,
                "closing": self.closing,
                "seen_here": self.seen_here,
                "own": self.own,
                "record_path": self.record_path,
                "about": self.about,
                "asked": self.asked,
                "asked_of": self.asked_of,
                "in_doubt_since": self.in_doubt_since,
                "sources": self.sources,
            },
        )

    async def opened(self) -> None:
        await super().opened()
        # Most of a second, which the program's other triggers would have to wait when a verdict needs them.
        await sync_to_async(_import_distributions, thread_sensitive=False)()
        from app_service_canary.hooks.measuring import open_sources
        from app_service_canary.hooks.source import Watched

        self.hosts = await self.open_hosts(self.answer_timeout_seconds)
        self.rules = Analysis.model_validate(self.analysis)
        self.own_requests = self._begin_own_requests()
        self.hosts.on_answer = lambda answer: self.own_requests.add(answer, now())
        self.stable = None if self.before is None else _read_each(self.before, Measurement.from_json, self.log)
        self.record = Record(
            self.about, self.rules, self.closing, self.began, self.seen_here, self.evidence, self.stable
        )
        self.measuring = Measuring(
            self.rules,
            _read_each(self.evidence, lambda kept: Evidence.from_json(kept, self.rules.metrics), self.log),
            self.began,
            self.stable,
            self.seen_here,
            self.record.add if self.record_path else lambda window: None,
            self.log,
        )
        swapped = self.before is not None
        opened = await open_sources(
            self._open,
            self.rules.sources if self.sources is None else self.rules.sources.only(self.sources),
            hook=self.hook,
            hosts=self.hosts,
            target=self.target,
            watched=Watched(PRODUCTION, None) if swapped else Watched(self.target.slot, PRODUCTION),
            host_of={
                PRODUCTION: self.hosts_by_side.get(Side.VISITORS.value, ""),
                self.target.slot: self.hosts_by_side.get(Side.SLOT.value, ""),
            },
            path=self.path,
            good_statuses=tuple(self.good_statuses),
            own=self.own_requests,
            give_up=self.measuring.give_up,
        )
        self.measuring.follow(opened)
        self._open.push_async_callback(self.measuring.end)

    def _begin_own_requests(self) -> OwnRequests:
        settings = self.rules.sources.azure_monitor
        own = OwnRequests(self.target.slot, now(), 400 if settings and settings.client_errors else 500)
        # Of those that another triggerer has made in this watch nothing is known.
        if self.own and now() - self.began < BEGUN:
            try:
                own.and_those(self.own)
            except ValueError as error:
                self.log.warning("%s Minutes before now are left out.", error)
        return own

    async def troubled(self, error: TransientError) -> None:
        """Nothing that is waited for here ends with such an error: each source has its own."""

    async def _known_already(self) -> dict[str, Any] | None:
        """What came before this trigger began; None: nothing did."""
        # Airflow's own call blocks. A later response resumes the task without this trigger.
        question = sync_to_async(question_event)
        if self.asked_of and (known := await question(self.asked_of, self.in_doubt_since)):
            return known
        if now() - self.began < BEGUN:
            return None
        noted = await noted_verdict(self.about, self.waiter, self.log)
        if noted is None:
            return None
        self.log.info("This watch had its verdict before the triggerer was restarted; acting upon it.")
        return await self.acted_upon(noted)

    async def look(self) -> dict[str, Any] | None:
        if not self.rounds and (known := await self._known_already()):
            return known
        answers = await asyncio.gather(
            *(
                self.hosts.ask(Side(side), host, self.path, tuple(self.good_statuses))
                for side, host in self.hosts_by_side.items()
            )
        )
        self.rounds += 1
        for answer in answers:
            self.seen = self.seen.and_then(answer)
            if not answer.good:
                self.log.warning(
                    "%s: %s %s; %d in a row, limit %d.",
                    self.hosts_by_side[answer.side.value],
                    answer.asked,
                    answer.problem,
                    self.seen.sides[answer.side].failures_in_a_row,
                    self.limits.failure_limit,
                )
        return await self._judged()

    async def rest(self, seconds: float) -> dict[str, Any] | None:
        """Until the next round, judges whenever a source has something new."""
        ends = asyncio.get_running_loop().time() + seconds
        while (left := ends - asyncio.get_running_loop().time()) > 0:
            self.measuring.changed.clear()
            try:
                await asyncio.wait_for(self.measuring.changed.wait(), left)
            except asyncio.TimeoutError:
                return None
            if ending := await self._judged():
                return ending
        return None

    async def _judged(self) -> dict[str, Any] | None:
        over = self._bake_is_over()
        of = self.measuring
        comparison = Comparison(self.rules, of.evidence, of.given_up, self.stable, of.seen_here)
        compared = comparison.judge(bake_is_over=over, held=over and self._is_held())
        suffices = compared is not None and compared.outcome is Outcome.PASS
        available = judge_answers(self.seen, self.limits, bake_is_over=over or suffices)
        verdict = judge(available, compared, bake_is_over=over)
        if verdict is None or (verdict.outcome is Outcome.INCONCLUSIVE and self._is_held()):
            return None
        if self.bake_until is None and verdict.outcome is not Outcome.FAIL:
            return None  # a person ends it, however much evidence there is
        if self.closing:
            verdict = comparison.after_closing_look(verdict)
        return await self._end_with(verdict, comparison)

    def _bake_is_over(self) -> bool:
        # A triggerer that restarted late in the bake starts counting anew; it looks often enough first.
        return self.bake_until is not None and now() >= self.bake_until and self.rounds >= self.limits.min_answers

    def _is_held(self) -> bool:
        """More evidence may still come in, and there is time for it; or a manager is being asked."""
        if self.hold_until is None or now() >= self.hold_until:
            return False
        silent = all(name in self.measuring.given_up for name, _ in self.rules.sources.named())
        return self.asked or not silent or bool(self._failing())

    def _failing(self) -> list[Side]:
        return [side for side, seen in self.seen.sides.items() if seen.failures_in_a_row]

    async def _end_with(self, verdict: Verdict, comparison: Comparison) -> dict[str, Any]:
        ending = event(
            SUCCEEDED if verdict.outcome is Outcome.PASS else FAILED,
            verdict.sentence,
            outcome=verdict.outcome.value,
            reasons=list(verdict.reasons),
            **self.seen.to_json(self.target.slot),
            comparison=comparison.to_json(),
            # What may still be revised is read again by the next step.
            evidence={name: each.to_json() for name, each in self.measuring.settled.items()},
            seen_here=self.measuring.settled_here,
            own=self.own_requests.to_json(),
            closing_look=self.closing,
        )
        if verdict.outcome is Outcome.FAIL:
            self.rejected = verdict.sentence
            noting = asyncio.create_task(note_verdict(self.about, self.waiter, ending, self.log))
            await asyncio.wait({noting}, timeout=HEAD_START)
            ending = await self.acted_upon(ending)
            await noting
        return {**ending, "record": await self._keep_record(verdict)}

    async def acted_upon(self, ending: dict[str, Any]) -> dict[str, Any]:
        """Takes new users off the slot, whose verdict is bad; its event, which says whether that was done."""
        if not self.clear_on_failure:
            return ending
        try:
            cleared_at = await asyncio.wait_for(self._clear_rule(), CLEARING_LIMIT)
        except asyncio.TimeoutError:
            self.log.error("The rule could not be cleared in %g s; it is left to `restore`.", CLEARING_LIMIT)
            cleared_at = None
        return {**ending, "rule_cleared_at": cleared_at}

    async def _keep_record(self, verdict: Verdict) -> str | None:
        """Writes the record; where to. A record that cannot be written is no reason to end otherwise."""
        if self.record_path is None:
            return None
        for window in self.measuring.counted_for_now:
            self.record.add(window)
        self.record.given_up = dict(self.measuring.given_up)
        self.record.verdict = {"outcome": verdict.outcome.value, "reasons": list(verdict.reasons)}
        try:
            # Not in the thread that all triggers share for their questions to Airflow.
            write = sync_to_async(_write, thread_sensitive=False)
            # As it is now: the sources are read on meanwhile.
            record = replace(self.record, windows=list(self.record.windows))
            await asyncio.wait_for(write(self.record_path, record), WRITING_LIMIT)
        except Exception as error:  # whatever a storage's own client raises
            self.log.warning(
                "The record could not be written to %s: %s: %s", self.record_path, type(error).__name__, error
            )
            return None
        self.log.info("The record of this watch is in %s.", self.record_path)
        return self.record_path

    async def _clear_rule(self) -> str | None:
        """Takes new users off the slot now, before any task is scheduled; when that was done."""
        for attempt in range(1, CLEARING_TRIES + 1):
            try:
                cleared = await self.hook.clear_weight(self.target, was_left=True)
            except PermanentError as error:
                self.log.error("%s The rule is left to `restore`.", error)
                return None
            except TransientError as error:
                self.log.warning("%s Try %d of %d to clear the rule.", error, attempt, CLEARING_TRIES)
                await asyncio.sleep(min(self.poll_interval_seconds, 1.0) * attempt)
            else:
                if not cleared:
                    self.log.warning("Azure tells of no traffic rule of %s; `restore` looks again.", self.target)
                    return None
                self.log.info("Cleared the traffic rule of %s: new users go to production.", self.target)
                return now().isoformat()
        return None

    def expired(self) -> dict[str, Any]:
        raise AssertionError("a watch has no deadline: its bake ends it")


def _read_each(kept: dict[str, Any], read: Callable[[Any], T], log: Any) -> dict[str, T]:
    """What was kept of each source; one that cannot be read begins anew."""
    found: dict[str, T] = {}
    for name, each in kept.items():
        try:
            found[name] = read(each)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            log.warning("What was kept of %s cannot be read, and it begins anew: %s", name, error)
    return found


def _import_distributions() -> None:
    import scipy.special  # noqa: F401 - imported for the time it takes


def _write(path: str, record: Record) -> None:
    from airflow.sdk import ObjectStoragePath

    file = ObjectStoragePath(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(record.to_text(), encoding="utf-8")
