"""What a judgement costs."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from app_service_canary.release.analysis import Analysis, AzureMonitor, Probe, Sources
from app_service_canary.release.comparison import Comparison
from app_service_canary.release.evidence import Evidence
from app_service_canary.release.histogram import Histogram
from app_service_canary.release.measurement import Measurement
from benchmarks.judge.ours import window

RELEASES, EVERY = 1000, 5.0
"""Releases that are judged so often, in seconds."""


@dataclass(frozen=True)
class Cost:
    """Milliseconds for one judgement, and the part of a core that `RELEASES` of them take."""

    judgement_ms: float
    share_of_core: float


def cost(rounds: int = 2000) -> Cost:
    """Judging a release with probes and Azure Monitor after each new probe, its latencies included."""
    rules = Analysis(sources=Sources(probe=Probe(), azure_monitor=AzureMonitor()))
    dice = np.random.default_rng(5)

    def probed() -> Measurement:
        return Measurement(5, 0, Histogram.of(dice.lognormal(np.log(100), 0.5, 5)))

    monitored = Evidence(metrics=rules.metrics).and_then(window(0, Measurement(60, 1), Measurement(540, 3)))
    probe = Evidence(metrics=rules.metrics)
    for number in range(100):
        probe = probe.and_then(window(number, probed(), probed()))
    windows = [window(number, probed(), probed()) for number in range(rounds)]
    began = time.process_time()
    for each in windows:
        probe = probe.and_then(each)
        Comparison(rules, {"probe": probe, "azure_monitor": monitored}).judge(bake_is_over=False)
    seconds = (time.process_time() - began) / rounds
    return Cost(1000 * seconds, seconds * RELEASES / EVERY)
