"""The record of a watch: all that was measured, and the verdict; to be judged again with other settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app_service_canary.release.analysis import Analysis
from app_service_canary.release.measurement import Measurement, Window

FORMAT = 1
"""Of the file; a later one may hold more, and not the same things otherwise."""

TOGETHER = timedelta(seconds=5)
"""Windows of one source that follow each other within this span are kept as one: a probe has one a second."""


@dataclass
class Record:
    """What is kept of one watch.

    Attributes:
        about: which app, slot, run and task it was, for people.
        analysis: how it was judged.
        closing: whether it was the release's last watch before the approval.
        began: when the watch began; None: not known, and all windows are taken for its own.
        seen: canary requests by source that it had seen before a manager was asked, since when this record is kept.
        evidence: what earlier steps had left, by source.
        before: what the stable version did before the swap, by source; None for a watch before it.
        windows: what was measured, oldest first; a window that was revised stands here as it was in the end.
        given_up: sources that could not be read, and why.
        verdict: outcome and reasons.
    """

    about: dict[str, Any]
    analysis: Analysis
    closing: bool = False
    began: datetime | None = None
    seen: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Measurement] | None = None
    windows: list[Window] = field(default_factory=list)
    given_up: dict[str, str] = field(default_factory=dict)
    verdict: dict[str, Any] | None = None
    _last: dict[str, int] = field(default_factory=dict, compare=False, repr=False)
    """The place of each source's newest window."""

    def add(self, window: Window) -> None:
        """Keeps one more final window, together with the one before it when both are short."""
        place = self._last.get(window.source)
        if place is None or window.end - self.windows[place].start > TOGETHER:
            self._last[window.source] = len(self.windows)
            self.windows.append(window)
            return
        last = self.windows[place]
        self.windows[place] = Window(
            window.source,
            last.start,
            window.end,
            window.read_at,
            last.canary.and_those(window.canary),
            last.baseline.and_those(window.baseline),
        )

    def to_text(self) -> str:
        """The file."""
        content = {
            "format": FORMAT,
            "about": self.about,
            "analysis": self.analysis.model_dump(mode="json"),
            "closing": self.closing,
            "began": self.began.isoformat() if self.began else None,
            "seen": self.seen,
            "evidence": self.evidence,
            "before": None if self.before is None else {name: each.to_json() for name, each in self.before.items()},
            "windows": [window.to_json() for window in self.windows],
            "given_up": self.given_up,
            "verdict": self.verdict,
        }
        return json.dumps(content, indent=1, ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Record:
        """Raises:
        ValueError: it is no record; says why.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"this is not JSON: {error}") from None
        if not isinstance(content, Mapping) or content.get("format") != FORMAT:
            found = content.get("format") if isinstance(content, Mapping) else type(content).__name__
            raise ValueError(f"found format {found!r}; allowed: {FORMAT}")
        try:
            before = content["before"]
            return cls(
                about=dict(content["about"]),
                analysis=Analysis.model_validate(content["analysis"]),
                closing=bool(content["closing"]),
                began=datetime.fromisoformat(began) if (began := content.get("began")) else None,
                seen={source: int(requests) for source, requests in content.get("seen", {}).items()},
                evidence=dict(content["evidence"]),
                before=None if before is None else _measurements(before),
                windows=[Window.from_json(each) for each in content["windows"]],
                given_up=dict(content["given_up"]),
                verdict=content["verdict"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no record: {type(error).__name__}: {error}") from None


def _measurements(kept: Mapping[str, Any]) -> dict[str, Measurement]:
    return {name: Measurement.from_json(each) for name, each in kept.items()}


def file_name(parts: Sequence[str]) -> str:
    """A relative path of these parts (DAG, run, task), with nothing in it that a file system might take amiss."""
    return (
        "/".join("".join(c if c.isalnum() or c in "._-" else "_" for c in part).strip(".") for part in parts) + ".json"
    )
