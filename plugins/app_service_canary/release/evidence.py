"""What one source's windows say for and against the canary, carried from step to step."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from statistics import NormalDist
from types import MappingProxyType
from typing import Any

from app_service_canary.release.analysis import Direction, Metric, Metrics
from app_service_canary.release.closing import FailuresByShare, rounded_share
from app_service_canary.release.histogram import Histogram, buckets_wider, upper_edge_ms
from app_service_canary.release.measurement import Measurement, Window
from app_service_canary.release.wager import Bad, Wager, mean_of_logs

FAILURE_ODDS = (2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0)
"""Harm that is bet on, as odds: from twice as many failures to an app that is down, in even steps of their logarithm.
Found with `make bench-judge`: fewer or other values change the power by less than a few points."""

LATENCY_SHIFTS = (0.1, 0.25, 0.6, 1.2)
"""How far the canary's latencies are shifted, in standard deviations of the stable version's logarithms: a tenth longer
is 0.1 where latencies are widely spread, and 0.25 where they are not; twice as long is 0.7 and 1.7."""

TAIL_ODDS = (1.5, 2.5, 5.0, 10.0)
"""Odds of being slower than the stable version's 99th percentile."""

MEAN_ODDS = (1.5, 3.0, 9.0)
"""Odds of a minute in which the canary's mean is the longer one: 60, 75 and 90 % of the minutes."""

TAIL = 0.99
"""The quantile of the stable version beyond which the canary's share is judged too: a tail may grow alone."""

MOST_EXTREME = 2.5
"""The score of a latency longer or shorter than all that the stable version showed, in standard deviations. Bounded, so
that single requests do not decide."""

ENOUGH_FOR_QUANTILES = 100
"""Requests of the stable version before its latencies are what others are compared with."""

P95_ALLOWED = 0.05
"""The share of requests that may take longer than a 95th percentile."""


@dataclass(frozen=True)
class Evidence:
    """Everything that counts of the windows so far.

    Attributes:
        metrics: how they are judged; sets tolerance and direction of the bets.
        canary, baseline: all that was counted.
        compared: requests and failures of the windows in which both had requests; the others are no evidence for or
            against the canary, however many they are.
        bets: by name. `failures` and `fewer_failures`: on more failures of the canary than its share, and on fewer;
            `slower`, `faster`: on latencies that are shifted; `slower_tail`, `faster_tail`: on its share beyond the
            stable version's `TAIL`; `longer_means`, `shorter_means`: on the windows' means, for a source that knows
            no more;
            `too_many`, `too_slow`: against the absolute limits.
        failures_by_share: the canary's failures and all, in windows with both populations, by the canary's share of
            the requests.
        began: the start of the first window.
        until: the end of the newest window that counts.
        stable_limit: after the swap, the share of requests that may fail, by what the stable version did before; None
            while both versions have users.
    """

    metrics: Metrics = field(default_factory=Metrics)
    canary: Measurement = field(default_factory=Measurement)
    baseline: Measurement = field(default_factory=Measurement)
    compared: Bad = field(default_factory=Bad)
    bets: Mapping[str, Wager] = field(default_factory=lambda: MappingProxyType({}))
    failures_by_share: FailuresByShare = field(default_factory=lambda: MappingProxyType({}))
    began: datetime | None = None
    until: datetime | None = None
    stable_limit: float | None = None

    def bet(self, name: str) -> Wager:
        """A bet as it stands; not begun, it is worth 1."""
        return self.bets.get(name) or _new_bet(name, self.metrics)

    def and_then(self, window: Window) -> Evidence:
        """With one more window, which must not have been counted before."""
        bets = dict(self.bets)

        def go_on(name: str, counts: Bad) -> None:
            bets[name] = self.bet(name).and_then(counts)

        failed = Bad(window.canary.requests, window.baseline.requests, window.canary.failures, window.baseline.failures)
        go_on("failures", failed)
        go_on("fewer_failures", failed.turned)
        if (allowed := self.metrics.failures.max_error_rate) is not None:
            bets["too_many"] = self.bet("too_many").and_then_against(allowed / 100, failed.canary, failed.canary_bad)
        if self.stable_limit is not None:
            bets["after_swap"] = self.bet("after_swap").and_then_against(
                self.stable_limit, failed.canary, failed.canary_bad
            )
        began = self.began or window.start
        if window.start >= began + self.metrics.latency.begin_after:
            self._judge_latency(window, bets)
        by_share = dict(self.failures_by_share)
        if not failed.tells_nothing:
            share = rounded_share(failed)
            canary, both = by_share.get(share, (0, 0))
            by_share[share] = canary + failed.canary_bad, both + failed.bad
        return replace(
            self,
            canary=self.canary.and_those(window.canary),
            baseline=self.baseline.and_those(window.baseline),
            compared=self.compared.and_those(failed) if window.compares else self.compared,
            bets=bets,
            failures_by_share=by_share,
            began=began,
            until=max(self.until or window.end, window.end),
        )

    def _judge_latency(self, window: Window, bets: dict[str, Wager]) -> None:
        if window.canary.latencies.counts and window.baseline.latencies.counts:
            self._compare_latencies(window, bets)
        elif window.canary.mean_seconds is not None and window.baseline.mean_seconds is not None:
            ours, theirs = 1000 * window.canary.mean_seconds, 1000 * window.baseline.mean_seconds
            # The mean of fewer requests is more often below its expectation than above, for latencies are skewed: it is
            # bet on only where that is in the canary's favour.
            if window.canary.requests <= window.baseline.requests:
                longer = ours > self._tolerated_ms(theirs)
                bets["longer_means"] = self.bet("longer_means").and_then_against(0.5, 1, longer)
            if window.canary.requests >= window.baseline.requests:
                shorter = theirs > self._tolerated_ms(ours)
                bets["shorter_means"] = self.bet("shorter_means").and_then_against(0.5, 1, shorter)
        if (limit := self.metrics.latency.max_latency_p95_ms) is not None and window.canary.latencies.counts:
            bets["too_slow"] = self.bet("too_slow").and_then_against(
                P95_ALLOWED, window.canary.latencies.requests, window.canary.latencies.slower_than_ms(limit)
            )

    def _compare_latencies(self, window: Window, bets: dict[str, Wager]) -> None:
        """By scores, and by the share beyond the stable version's tail, both as they were before this window, so that
        nobody bets on what is known already. The canary's latencies are moved by what they may be longer."""
        known = self.baseline.latencies
        if known.requests < ENOUGH_FOR_QUANTILES:
            return
        canary, baseline = window.canary.latencies, window.baseline.latencies
        scores = _normal_scores(known)
        stable = _scored(baseline, scores)
        for name, sign in (("slower", 1), ("faster", -1)):
            moved = {bucket: self._moved(bucket, sign) for bucket in canary.counts}
            ours = _scored(canary, scores, moved)
            bets[name] = (
                self.bet(name).and_then_scored(ours, stable)
                if sign > 0
                else self.bet(name).and_then_scored(_turned(ours), _turned(stable))
            )
            limit = known.quantile_bucket(TAIL) or 0
            beyond = sum(count for bucket, count in canary.counts.items() if moved[bucket] > limit)
            counts = Bad(canary.requests, baseline.requests, beyond, baseline.above(limit))
            bets[f"{name}_tail"] = self.bet(f"{name}_tail").and_then(counts if sign > 0 else counts.turned)

    def _moved(self, bucket: int, sign: int) -> int:
        """The bucket of a canary's latency without what it may be longer (or, for -1, shorter)."""
        here = upper_edge_ms(bucket)
        return bucket - sign * buckets_wider(self._tolerated_ms(here) / here)

    def _tolerated_ms(self, milliseconds: float) -> float:
        """How long the canary may take where the stable version takes so long."""
        rule = self.metrics.latency
        return max(milliseconds * (1 + rule.worse_by / 100), milliseconds + rule.ignore_ms)

    @property
    def has_means(self) -> bool:
        """The source knows the windows' mean latencies, and no more."""
        return any(name.endswith("_means") for name in self.bets)

    def log_wealth(self, metric: str) -> float:
        """The logarithm of what a bettor owns who put equal parts of 1 on the bets about a metric."""
        names = self.bets_about(metric)
        return mean_of_logs(self.bet(name).log_wealth for name in names) if names else 0.0

    def bets_about(self, metric: str) -> list[str]:
        """The names of the bets that decide about `failures` or `latency`. Fixed by the release file, not by what
        was seen: else it would be the best of several bets, and no longer one."""
        rule: Metric = self.metrics.failures if metric == "failures" else self.metrics.latency
        if metric == "failures":
            worse, better = ["failures"], ["fewer_failures"]
            absolute = ["too_many"] if self.metrics.failures.max_error_rate is not None else []
        else:
            means = self.has_means
            worse = ["longer_means"] if means else ["slower", "slower_tail"]
            better = ["shorter_means"] if means else ["faster", "faster_tail"]
            absolute = ["too_slow"] if self.metrics.latency.max_latency_p95_ms is not None and not means else []
        return [
            *(worse if rule.direction is not Direction.LOWER else []),
            *(better if rule.direction is not Direction.HIGHER else []),
            *absolute,
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "canary": self.canary.to_json(),
            "baseline": self.baseline.to_json(),
            "compared": list(astuple(self.compared)),
            "bets": {name: bet.to_json() for name, bet in self.bets.items()},
            "failures_by_share": {f"{share:.3f}": both for share, both in sorted(self.failures_by_share.items())},
            "began": self.began.isoformat() if self.began else None,
            "until": self.until.isoformat() if self.until else None,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any], metrics: Metrics) -> Evidence:
        """Raises:
        ValueError: it is none.
        """
        try:
            canary, baseline = (Measurement.from_json(kept[side]) for side in ("canary", "baseline"))
            # A release that goes on after this plugin was renewed has kept totals alone.
            totals = (canary.requests, baseline.requests, canary.failures, baseline.failures)
            return cls(
                metrics=metrics,
                canary=canary,
                baseline=baseline,
                compared=Bad(*(int(count) for count in kept.get("compared", totals))),
                bets={name: _new_bet(name, metrics).kept(wealth) for name, wealth in kept["bets"].items()},
                failures_by_share=_read_failures(kept["failures_by_share"]),
                began=datetime.fromisoformat(kept["began"]) if kept["began"] else None,
                until=datetime.fromisoformat(kept["until"]) if kept["until"] else None,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no evidence: {type(error).__name__}: {error}") from None


def _read_failures(kept: Mapping[str, Any]) -> FailuresByShare:
    read = {float(share): (int(canary), int(both)) for share, (canary, both) in kept.items()}
    for share, (canary, both) in read.items():
        if not (0 < share <= 1 and 0 <= canary <= both):
            raise ValueError(f"{canary} of {both} failures on a share of {share:g} are no failures of a canary")
    return read


def _new_bet(name: str, metrics: Metrics) -> Wager:
    if name in ("failures", "fewer_failures"):
        return Wager(FAILURE_ODDS, tolerated=1 + metrics.failures.worse_by / 100)
    if name.endswith("_means"):
        return Wager(MEAN_ODDS)
    # The tolerance of the bets on latency is in the latencies themselves, which are moved by it.
    if name in ("slower", "faster"):
        return Wager(LATENCY_SHIFTS)
    return Wager(FAILURE_ODDS if name in ("too_many", "after_swap") else TAIL_ODDS)


def _normal_scores(known: Histogram) -> Callable[[int], float]:
    """The score of a bucket: where it stands among known latencies, as a standard normal variable would stand."""
    buckets = sorted(known.counts)
    reached, below, middles = 0, [], []
    for bucket in buckets:
        middles.append((reached + known.counts[bucket] / 2) / known.requests)
        below.append(reached / known.requests)
        reached += known.counts[bucket]
    standard = NormalDist()

    def score(bucket: int) -> float:
        place = bisect_left(buckets, bucket)
        if place == len(buckets):
            return MOST_EXTREME
        share = middles[place] if buckets[place] == bucket else below[place]
        if not 0 < share < 1:
            return -MOST_EXTREME
        return max(-MOST_EXTREME, min(MOST_EXTREME, standard.inv_cdf(share)))

    return score


def _scored(
    latencies: Histogram, score: Callable[[int], float], moved: Mapping[int, int] | None = None
) -> dict[float, int]:
    """How many requests had which score; rounded, which puts neighbouring buckets together.

    Args:
        latencies: the requests.
        score: of a bucket.
        moved: the bucket whose score counts instead.
    """
    scored: dict[float, int] = {}
    for bucket, count in latencies.counts.items():
        rounded = round(score(moved[bucket] if moved else bucket), 2)
        scored[rounded] = scored.get(rounded, 0) + count
    return scored


def _turned(scores: Mapping[float, int]) -> dict[float, int]:
    return {-score: count for score, count in scores.items()}
