"""When nobody can be pinned to a slot any more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta


def drained_at(rule_cleared_at: datetime, pinned_for: Iterable[float | None], at_most: timedelta) -> datetime:
    """The moment the last routing cookie runs out.

    Args:
        rule_cleared_at: no cookie was given out later.
        pinned_for: lives of routing cookies that were seen, in seconds; None where none was seen.
        at_most: the longest wait, and what is assumed where no cookie was seen.
    """
    seen = [seconds for seconds in pinned_for if seconds is not None]
    # Compared in seconds: a cookie may claim a life that no timedelta can hold.
    life = min(max(seen), at_most.total_seconds()) if seen else at_most.total_seconds()
    return rule_cleared_at + timedelta(seconds=life)
