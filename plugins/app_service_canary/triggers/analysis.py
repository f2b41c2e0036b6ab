"""Watches a version while it bakes, and takes users off it the moment the verdict is bad."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from app_service_canary.errors import PermanentError, TransientError
from app_service_canary.release.judge import Limits, Outcome, Verdict, judge
from app_service_canary.release.measurement import Observation, Side
from app_service_canary.triggers.app_service import AppServiceTrigger
from app_service_canary.triggers.waiting import FAILED, SUCCEEDED, event, now

CLEARING_LIMIT = 120.0
"""Seconds for all of them: `restore` begins when the trigger has ended, and does not give up so soon."""

CLEARING_TRIES = 5
"""How often the trigger tries to clear the rule itself, before it leaves that to `restore`."""


class CanaryAnalysisTrigger(AppServiceTrigger):
    """Asks the slot and the visitors' side, round by round, and judges after each.

    Args:
        hosts_by_side: which host to ask on each watched side, by the side's name.
        path, good_statuses: what to ask and which statuses are good.
        bake_until: when the bake is over; None: a person ends it.
        failure_limit, min_answers: see `Limits`.
        answer_timeout_seconds: for one answer.
        clear_on_failure: take new users off the slot at once when the verdict is bad.
    """

    def __init__(
        self,
        *,
        hosts_by_side: dict[str, str],
        path: str,
        good_statuses: list[int],
        bake_until: datetime | None,
        failure_limit: int,
        min_answers: int,
        answer_timeout_seconds: float,
        clear_on_failure: bool,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.hosts_by_side, self.path, self.good_statuses = hosts_by_side, path, good_statuses
        self.bake_until, self.clear_on_failure = bake_until, clear_on_failure
        self.limits = Limits(failure_limit, min_answers)
        self.answer_timeout_seconds = answer_timeout_seconds
        self.seen = Observation.of(*(Side(side) for side in hosts_by_side))
        self.rounds = 0

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "app_service_canary.triggers.analysis.CanaryAnalysisTrigger",
            {
                **self.shared_arguments(),
                "hosts_by_side": self.hosts_by_side,
                "path": self.path,
                "good_statuses": self.good_statuses,
                "bake_until": self.bake_until,
                "failure_limit": self.limits.failure_limit,
                "min_answers": self.limits.min_answers,
                "answer_timeout_seconds": self.answer_timeout_seconds,
                "clear_on_failure": self.clear_on_failure,
            },
        )

    async def opened(self) -> None:
        await super().opened()
        self.hosts = await self.open_hosts(self.answer_timeout_seconds)

    async def look(self) -> dict[str, Any] | None:
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
        verdict = judge(self.seen, self.limits, bake_is_over=self._bake_is_over())
        return None if verdict is None else await self._end_with(verdict)

    def _bake_is_over(self) -> bool:
        # A triggerer that restarted late in the bake starts counting anew; it looks often enough first.
        return self.bake_until is not None and now() >= self.bake_until and self.rounds >= self.limits.min_answers

    async def _end_with(self, verdict: Verdict) -> dict[str, Any]:
        details: dict[str, Any] = {
            "outcome": verdict.outcome.value,
            "reasons": list(verdict.reasons),
            **self.seen.to_json(self.target.slot),
        }
        if verdict.outcome is Outcome.FAIL and self.clear_on_failure:
            try:
                details["rule_cleared_at"] = await asyncio.wait_for(self._clear_rule(), CLEARING_LIMIT)
            except asyncio.TimeoutError:
                self.log.error("The rule could not be cleared in %g s; it is left to `restore`.", CLEARING_LIMIT)
                details["rule_cleared_at"] = None
        status = SUCCEEDED if verdict.outcome is Outcome.PASS else FAILED
        return event(status, verdict.sentence, **details)

    async def _clear_rule(self) -> str | None:
        """Takes new users off the slot now, before any task is scheduled; when that was done."""
        for attempt in range(1, CLEARING_TRIES + 1):
            try:
                await self.hook.clear_weight(self.target, was_left=True)
            except PermanentError as error:
                self.log.error("%s The rule is left to `restore`.", error)
                return None
            except TransientError as error:
                self.log.warning("%s Try %d of %d to clear the rule.", error, attempt, CLEARING_TRIES)
                await asyncio.sleep(min(self.poll_interval_seconds, 1.0) * attempt)
            else:
                self.log.info("Cleared the traffic rule of %s: new users go to production.", self.target)
                return now().isoformat()
        return None

    def expired(self) -> dict[str, Any]:
        raise AssertionError("a watch has no deadline: its bake ends it")
