"""Whether the canary is worse than the stable version: from the evidence to a verdict with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, log
from typing import Any

from app_service_canary.release.analysis import Analysis, Direction, Metric, Mode
from app_service_canary.release.closing import chance_of_as_many
from app_service_canary.release.comparison_sentences import (
    failures_sentence,
    latency_sentence,
    limit_sentence,
    one_in,
    percent,
)
from app_service_canary.release.detectable import detectable_error_rate
from app_service_canary.release.evidence import Evidence
from app_service_canary.release.measurement import Measurement
from app_service_canary.release.verdict import Outcome, Verdict
from app_service_canary.release.wager import mean_of_logs

FAILURES, LATENCY = "failures", "latency"

STAKES = {FAILURES: 0.75, LATENCY: 0.25}
"""How the bettor's 1 is divided among the metrics: failures hurt most, and the rarer they are the more is needed."""

RUNNING, CLOSING, PROMOTED = 0.4, 0.5, 0.1
"""How the budget of false alarms is divided: the looks at any time, the one at the end of the last step, and the watch
after the swap. The looks at any time spare users, the closing look finds what few visitors show; after the swap all
requests count, so evidence comes quickly."""


@dataclass(frozen=True)
class Finding:
    """What one source's evidence comes to for one metric.

    Attributes:
        source, metric: which.
        critical: whether it decides.
        stake: which part of the bettor's 1 was put on it.
        log_wealth: the logarithm of what 1 became that was bet against the canary.
    """

    source: str
    metric: str
    critical: bool
    stake: float
    log_wealth: float

    @property
    def log_worth(self) -> float:
        """The logarithm of what the stake became."""
        return log(self.stake) + self.log_wealth


class Comparison:
    """The evidence of all sources, judged by a release file's `analysis`.

    Args:
        analysis: the release file's section.
        evidence: by source.
        given_up: sources that could not be read, and why.
        before: what the stable version did before the swap, by source; None while both versions have users.
        seen_here: canary requests that this watch itself has seen and can judge, by source; what was seen in earlier
            steps says nothing about this one. None: all of the evidence is this watch's.
    """

    def __init__(
        self,
        analysis: Analysis,
        evidence: Mapping[str, Evidence],
        given_up: Mapping[str, str] | None = None,
        before: Mapping[str, Measurement] | None = None,
        seen_here: Mapping[str, int] | None = None,
    ) -> None:
        self.analysis, self.evidence, self.seen_here = analysis, evidence, seen_here
        self.given_up, self.before = given_up or {}, before
        self.rules: dict[str, Metric] = {FAILURES: analysis.metrics.failures, LATENCY: analysis.metrics.latency}
        self.sources = [name for name, _ in analysis.sources.named()]
        self._detectable: dict[str, float | None] = {}

    def judge(self, *, bake_is_over: bool, held: bool = False) -> Verdict | None:
        """The verdict, or None: go on watching.

        Args:
            bake_is_over: whether the time at this weight has passed.
            held: whether it is watched on for want of evidence, so that there is no need to say what is wanting.
        """
        if not self.sources:
            return Verdict(Outcome.PASS, ()) if bake_is_over else None
        if rejected := self._rejected():
            return Verdict(Outcome.FAIL, (*rejected, *self._advice()))
        if not bake_is_over and not (self.analysis.finish_early and self.before is None):
            return None
        doubts = self._doubts()
        if doubts and (held or not bake_is_over):
            return None
        outcome = Outcome.INCONCLUSIVE if doubts else Outcome.PASS
        return Verdict(outcome, (*doubts, *self._reasons(), *self._advice()))

    def after_closing_look(self, verdict: Verdict) -> Verdict:
        """What the verdict of a release's last watch before the approval becomes by the closing look.

        It may be taken once in a release: with the verdict that ends that watch, whatever it is.
        """
        if verdict.outcome is Outcome.FAIL or not (rejected := self._rejected_in_closing()):
            return verdict
        return Verdict(Outcome.FAIL, (*rejected, *self._advice()))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, by metric and source."""
        return tuple(
            Finding(
                source=source,
                metric=metric,
                critical=rule.mode is Mode.CRITICAL,
                stake=self._stake(metric),
                log_wealth=self._log_wealth(source, metric),
            )
            for metric, rule in self.rules.items()
            if rule.mode is not Mode.OFF
            for source in self.sources
            if source in self.evidence and self._is_measured(source, metric)
        )

    @property
    def log_limit(self) -> float:
        """The logarithm of the wealth at which the canary is rejected at any time."""
        return -log(self.analysis.false_alarm / 100 * (RUNNING if self.before is None else PROMOTED))

    @cached_property
    def log_wealth(self) -> float:
        """The logarithm of all that bettors own who divided 1 among the critical metrics and the sources."""
        worth = [each.log_worth for each in self.findings if each.critical]
        largest = max(worth, default=-inf)
        return largest + log(sum(exp(each - largest) for each in worth)) if largest > -inf else -inf

    @property
    def budget_used(self) -> float:
        """Part of the budget of false alarms that a rejection here and now would have used, from 0 to 1."""
        return exp(min(0.0, self.log_wealth - self.log_limit)) if self.findings else 0.0

    def detectable(self, source: str) -> float | None:
        """The canary's error rate, a fraction, that this source would have shown; None where none would."""
        if self.before is not None or self.rules[FAILURES].direction is Direction.LOWER:
            return None
        if source not in self._detectable:
            # One of several bets about failures has its part of their stake.
            bets = len(self.evidence[source].bets_about(FAILURES))
            limit = self.log_limit - log(self._stake(FAILURES)) + log(bets)
            self._detectable[source] = detectable_error_rate(self.evidence[source], limit)
        return self._detectable[source]

    def to_json(self) -> dict[str, Any]:
        """The figures, for machines."""
        return {
            "budget_used": round(self.budget_used, 4),
            "findings": [
                {
                    "source": each.source,
                    "metric": each.metric,
                    "critical": each.critical,
                    "log_wealth": round(each.log_wealth, 4),
                    "canary": self._totals(each.source)[0],
                    "baseline": self._totals(each.source)[1],
                    "detectable_percent": self._detectable_percent(each),
                }
                for each in self.findings
            ],
        }

    def _totals(self, source: str) -> list[list[int]]:
        kept = self.evidence[source]
        return [[side.failures, side.requests] for side in (kept.canary, self._stable(source))]

    def _stable(self, source: str) -> Measurement:
        return self.evidence[source].baseline if self.before is None else self.before.get(source, Measurement())

    def _detectable_percent(self, finding: Finding) -> float | None:
        rate = self.detectable(finding.source) if finding.metric == FAILURES else None
        return None if rate is None else round(100 * rate, 3)

    def _stake(self, metric: str) -> float:
        # Divided by the release file alone, whatever was seen; else it would be the best of several bets.
        critical = [each for each, rule in self.rules.items() if rule.mode is Mode.CRITICAL] or [metric]
        return STAKES[metric] / sum(STAKES[each] for each in critical) / len(self.sources)

    def _is_measured(self, source: str, metric: str) -> bool:
        if metric == FAILURES:
            return True
        kept = self.evidence[source]
        return self.before is None and (bool(kept.canary.latencies.counts) or kept.has_means)

    def _log_wealth(self, source: str, metric: str) -> float:
        kept = self.evidence[source]
        if self.before is None:
            return kept.log_wealth(metric)
        absolute = [kept.bet("too_many").log_wealth] if "too_many" in kept.bets_about(FAILURES) else []
        return mean_of_logs([kept.bet("after_swap").log_wealth, *absolute])

    def _rejected(self) -> tuple[str, ...]:
        if self.log_wealth >= self.log_limit:
            worst = max((each for each in self.findings if each.critical), key=lambda each: each.log_worth)
            return (
                f"{self._sentence(worst)} A version that is no worse shows so much in at most "
                f"{one_in(self.log_wealth)} releases (limit {one_in(self.log_limit)}).",
            )
        return ()

    def _rejected_in_closing(self) -> tuple[str, ...]:
        rule = self.rules[FAILURES]
        if rule.mode is not Mode.CRITICAL or rule.direction is Direction.LOWER or self.before is not None:
            return ()
        for finding in (each for each in self.findings if each.metric == FAILURES):
            allowed = self.analysis.false_alarm / 100 * CLOSING / len(self.sources)
            kept = self.evidence[finding.source]
            chance = chance_of_as_many(kept.failures_by_share, 1 + rule.worse_by / 100)
            if chance <= allowed:
                return (
                    f"{self._sentence(finding)} At the end of the last step, a version that is no worse shows so much "
                    f"in at most {one_in(-log(max(chance, 1e-300)))} releases (limit {one_in(-log(allowed))}).",
                )
        return ()

    def _doubts(self) -> tuple[str, ...]:
        """Why there is not enough evidence for a pass; of the sources, one has to have it."""
        doubts = []
        for metric, rule in self.rules.items():
            found = [finding for finding in self.findings if finding.metric == metric]
            # Where no source tells latencies, the failures alone are judged.
            if rule.mode is Mode.CRITICAL and (found or metric == FAILURES):
                doubts += self._too_little(metric, rule, [finding.source for finding in found])
        return (*doubts, *self._silent()) if doubts else ()

    def _too_little(self, metric: str, rule: Metric, sources: list[str]) -> list[str]:
        heard = [source for source in sources if source not in self.given_up]
        seen = max((self._seen_here(each) for each in heard), default=0)
        if seen < rule.min_requests:
            alone = max((self._alone(each) for each in heard), default=0)
            return [
                f"Not enough to judge {metric}: {seen} canary requests were seen, {rule.min_requests} are needed."
                + (f" With {alone:,} more there was nothing to compare them with in the same time." if alone else "")
            ]
        notice = self.analysis.metrics.failures.notice
        if metric != FAILURES or notice is None or self.before is not None:
            return []
        rates = [rate for source in sources if (rate := self.detectable(source)) is not None]
        if rates and min(rates) <= notice / 100:
            return []
        noticed = f"only a rise to {percent(min(rates))}" if rates else "not even an app that always fails"
        return [f"Not enough to judge {metric}: {noticed} would have been noticed, and {notice:g} % has to be."]

    def _seen_here(self, source: str) -> int:
        """Canary requests that can be judged: in whose window the stable version had some too, where it has users."""
        if self.seen_here is not None:
            return self.seen_here.get(source, 0)
        kept = self.evidence[source]
        return kept.compared.canary if self.before is None else kept.canary.requests

    def _alone(self, source: str) -> int:
        """Canary requests, of all steps, while the stable version had none."""
        kept = self.evidence[source]
        return 0 if self.before is not None else kept.canary.requests - kept.compared.canary

    def _sentence(self, finding: Finding) -> str:
        kept, stable = self.evidence[finding.source], self._stable(finding.source)
        if finding.metric == LATENCY:
            return latency_sentence(finding.source, kept.canary, stable) + self._limit(LATENCY)
        sentence = failures_sentence(finding.source, kept.canary, stable, at_once=self.before is None)
        sentence += self._limit(FAILURES)
        if self.before is not None:
            return f"{sentence} {limit_sentence(stable, kept.stable_limit)}" if kept.stable_limit else sentence
        if self.rules[FAILURES].direction is Direction.LOWER:
            return sentence
        rate = self.detectable(finding.source)
        noticed = "not even an app that always fails" if rate is None else f"a rise to {percent(rate)}"
        return f"{sentence} With {kept.compared.canary:,} canary requests {noticed} would have been noticed."

    def _limit(self, metric: str) -> str:
        """The release file's absolute limit, in words; empty without one."""
        rate, p95 = self.analysis.metrics.failures.max_error_rate, self.analysis.metrics.latency.max_latency_p95_ms
        if metric == FAILURES:
            return f" Allowed are {rate:g} %." if rate is not None else ""
        return f" Allowed are {p95:g} ms for 95 % of them." if p95 is not None else ""

    def _reasons(self) -> tuple[str, ...]:
        return tuple(self._sentence(finding) for finding in self.findings if finding.critical)

    def _advice(self) -> tuple[str, ...]:
        """What metrics say that decide nothing, and which sources are silent."""
        rejected = [
            f"Not counted, for {each.metric} is advisory: {self._sentence(each)} It would have been rejected."
            for each in self.findings
            if not each.critical and each.log_worth >= self.log_limit
        ]
        return (*rejected, *self._silent())

    def _silent(self) -> tuple[str, ...]:
        return tuple(f"{source} could not be read: {why}" for source, why in self.given_up.items())
