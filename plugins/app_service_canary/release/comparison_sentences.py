"""A comparison in words: value, sample sizes and interval of both versions."""

from __future__ import annotations

from math import exp, log

from app_service_canary.release.measurement import Measurement
from app_service_canary.release.observation import wilson_interval

MANY = log(1e6)
"""From one in a million on, how rare something is makes no difference any more."""


def failures_sentence(source: str, canary: Measurement, stable: Measurement, *, at_once: bool) -> str:
    """How much of both versions failed.

    Args:
        source: who measured.
        canary, stable: what was counted.
        at_once: both in the same time; else the stable version before the swap.
    """
    when = "in the same time" if at_once else "before the swap"
    return f"By {source}, the canary failed {_failed(canary)}, the stable version {_failed(stable)} {when}."


def limit_sentence(stable: Measurement, limit: float) -> str:
    """How much of the new version may fail after the swap.

    Args:
        stable: what the stable version did before it.
        limit: the share that may fail, a fraction.
    """
    known = "By that, at most" if stable.requests else "As nothing is known of that one, at most"
    return f"{known} {percent(limit)} may fail."


def latency_sentence(source: str, canary: Measurement, stable: Measurement) -> str:
    """How long both versions took."""
    ours, theirs = canary.latencies, stable.latencies
    if ours.counts and theirs.counts:
        figures = ", ".join(
            f"{name} {_ms(ours.quantile_ms(share))} to {_ms(theirs.quantile_ms(share))}"
            for name, share in (("median", 0.5), ("p90", 0.9), ("p99", 0.99))
        )
        return (
            f"By {source}, latency of canary to stable version: {figures}, of {ours.requests:,} and "
            f"{theirs.requests:,} requests."
        )
    if canary.mean_seconds is None or stable.mean_seconds is None:
        return f"By {source}, no latencies were measured."
    return (
        f"By {source}, mean latency of canary to stable version: {_ms(canary.mean_seconds * 1000)} to "
        f"{_ms(stable.mean_seconds * 1000)}, of {canary.requests:,} and {stable.requests:,} requests."
    )


def percent(share: float) -> str:
    """A fraction as people read it."""
    return f"{_number(100 * share)} %"


def one_in(log_odds: float) -> str:
    """How rare something is, from the logarithm of one over its probability."""
    return "1 in more than a million" if log_odds > MANY else f"1 in {exp(log_odds):,.0f}"


def _failed(counted: Measurement) -> str:
    if not counted.requests:
        return "0 of 0 requests"
    low, high = wilson_interval(counted.failures, counted.requests)
    return (
        f"{counted.failures:,} of {counted.requests:,} requests ({percent(counted.failures / counted.requests)}; 95 %: "
        f"{_number(100 * low)}–{_number(100 * high)} %)"
    )


def _number(value: float) -> str:
    return f"{value:.1f}" if value >= 1 or value < 0.001 else f"{value:.2g}"


def _ms(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds:.0f} ms"
