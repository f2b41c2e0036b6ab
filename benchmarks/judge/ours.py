"""Our judge, on the same releases, minute by minute, with the code that judges real ones."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from app_service_canary.release.analysis import (
    Analysis,
    AzureMonitor,
    Failures,
    Latency,
    Metrics,
    Mode,
    Probe,
    Sources,
)
from app_service_canary.release.comparison import Comparison
from app_service_canary.release.evidence import Evidence
from app_service_canary.release.histogram import BUCKETS_PER_OCTAVE, Histogram
from app_service_canary.release.measurement import Measurement, Window
from app_service_canary.release.verdict import Outcome
from app_service_canary.release.wager import Bad, Wager
from benchmarks.judge.rivals import Minutes
from benchmarks.judge.worlds import Releases

ONE = Sources(azure_monitor=AzureMonitor())
TWO = Sources(azure_monitor=AzureMonitor(), probe=Probe())
FAILURES_ALONE = Analysis(sources=ONE, metrics=Metrics(failures=Failures(worse_by=0), latency=Latency(mode=Mode.OFF)))
"""What the rivals' rules look at as well: failures, by one source, without tolerance."""

EXACT = Latency.model_validate({"worse_by": 0, "ignore_ms": 0, "begin_after": "1s"})
LATENCY_ALONE = Analysis(sources=ONE, metrics=Metrics(failures=Failures(mode=Mode.OFF), latency=EXACT))
BY_DEFAULT = Analysis(sources=TWO)
"""What a release file that only names its slot gets: two sources, of which one sees nothing here, and both metrics."""

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def judged(seen: Releases, analysis: Analysis) -> Minutes:
    """The minute after which each release is aborted; 0 for never."""
    return np.array([_judge(release, analysis) for release in _rows(seen)])


def _judge(minutes: list[tuple[Measurement, Measurement]], analysis: Analysis) -> int:
    evidence = Evidence(metrics=analysis.metrics)
    for number, (canary, baseline) in enumerate(minutes, start=1):
        evidence = evidence.and_then(window(number, canary, baseline))
        last = number == len(minutes)
        comparison = Comparison(analysis, {"azure_monitor": evidence})
        verdict = comparison.judge(bake_is_over=last)
        if verdict is not None and last:
            verdict = comparison.after_closing_look(verdict)
        if verdict is not None and verdict.outcome is Outcome.FAIL:
            return number
    return 0


def judged_by_latency(
    canary: list[list[NDArray[np.float64]]], baseline: list[list[NDArray[np.float64]]], analysis: Analysis
) -> Minutes:
    """As `judged`, by the latencies of each request."""
    return np.array(
        [
            _judge(
                [(_measured(ours), _measured(theirs)) for ours, theirs in zip(*release, strict=True)],
                analysis,
            )
            for release in zip(canary, baseline, strict=True)
        ]
    )


def plain_mixture(seen: Releases) -> Minutes:
    """The plain test that ours has to beat: on the same bets, as binomials, and no closing look; 1 in 100."""
    aborted = []
    for release in _rows(seen):
        bets, minute = Wager((1.5, 2.0, 3.0, 5.0, 10.0, 20.0)), 0
        for number, (canary, baseline) in enumerate(release, start=1):
            counts = Bad(canary.requests, baseline.requests, canary.failures, baseline.failures)
            if not counts.tells_nothing:
                bets = bets.and_then_against(counts.share, counts.bad, counts.canary_bad)
            if bets.log_wealth >= np.log(100):
                minute = number
                break
        aborted.append(minute)
    return np.array(aborted)


def window(number: int, canary: Measurement, baseline: Measurement) -> Window:
    """The minute of that number."""
    start = BEGIN + number * MINUTE
    return Window("azure_monitor", start, start + MINUTE, start + MINUTE, canary, baseline)


def _measured(milliseconds: NDArray[np.float64]) -> Measurement:
    buckets = np.floor(np.log2(np.maximum(milliseconds, 1)) * BUCKETS_PER_OCTAVE).astype(int)
    counts = np.bincount(buckets) if len(buckets) else np.array([], dtype=int)
    return Measurement(len(milliseconds), 0, Histogram({int(b): int(counts[b]) for b in np.flatnonzero(counts)}))


def _rows(seen: Releases) -> list[list[tuple[Measurement, Measurement]]]:
    return [
        [(Measurement(int(n), int(k)), Measurement(int(m), int(j))) for n, m, k, j in zip(*rows, strict=True)]
        for rows in zip(seen.canary, seen.baseline, seen.canary_failures, seen.baseline_failures, strict=True)
    ]
