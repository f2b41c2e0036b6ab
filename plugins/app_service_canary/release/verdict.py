"""The judge's answer, with its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(str, Enum):
    """The judge's answer. Trouble in asking Azure is an exception, not an outcome."""

    PASS = "pass"  # noqa: S105 - the field's word for a good verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Verdict:
    """An outcome and why.

    Attributes:
        outcome: see there.
        reasons: sentences with value, comparator and limit.
    """

    outcome: Outcome
    reasons: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return " ".join(self.reasons)
