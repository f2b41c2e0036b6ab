"""What the new version is compared with after the swap: what the stable version did before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from app_service_canary.release.analysis import Analysis
from app_service_canary.release.evidence import Evidence
from app_service_canary.release.measurement import Measurement

DRIFT_TOLERATED = 2.0
"""How many times as much the new version may fail after the swap, when it can only be compared with what the stable
version did before: an app's own rate changes over the hours."""

SURELY = 0.999
"""Confidence in the bound of the stable version's rate from which that is counted."""

LARGEST_LIMIT = 0.5
"""An app that fails every other request is no better for having done so before, and none does that nobody knows."""


def limit_after_swap(before: Measurement) -> float:
    """The share of requests that the new version may fail after the swap, a fraction.

    Twice the upper confidence bound (Clopper and Pearson 1934) of the stable version's error rate during the steps.

    Args:
        before: what the stable version did; where nothing is known of it, the limit is the largest there is.
    """
    if before.failures == before.requests:
        return LARGEST_LIMIT
    # Late: it takes a while to import, and parsing a DAG file does not need it.
    from scipy.special import betaincinv

    bound = float(betaincinv(before.failures + 1, before.requests - before.failures, SURELY))
    return min(LARGEST_LIMIT, DRIFT_TOLERATED * bound)


def new_evidence(
    source: str, analysis: Analysis, before: Mapping[str, Measurement] | None, until: datetime | None = None
) -> Evidence:
    """Nothing seen yet by a source.

    Args:
        source: its name.
        analysis: how it is judged.
        before: what the stable version did before the swap, by source; None while both versions have users.
        until: from when on windows count.
    """
    return held_to_limit(Evidence(metrics=analysis.metrics, until=until), source, before)


def held_to_limit(evidence: Evidence, source: str, before: Mapping[str, Measurement] | None) -> Evidence:
    """Evidence with the limit that holds after the swap, which is not kept with it; arguments as above."""
    limit = None if before is None else limit_after_swap(before.get(source, Measurement()))
    return replace(evidence, stable_limit=limit)
