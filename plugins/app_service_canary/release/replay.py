"""Judges a record again, with the same settings or with others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from app_service_canary.release.after_swap import held_to_limit, new_evidence
from app_service_canary.release.analysis import Analysis
from app_service_canary.release.comparison import Comparison
from app_service_canary.release.evidence import Evidence
from app_service_canary.release.record import Record
from app_service_canary.release.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Moment:
    """How things stood when one window had come in.

    Attributes:
        at: when it was read.
        comparison: of all windows until then.
        verdict: what a judge would have said then; None: go on watching.
    """

    at: datetime
    comparison: Comparison
    verdict: Verdict | None

    @property
    def rejected(self) -> bool:
        return self.verdict is not None and self.verdict.outcome is Outcome.FAIL


def replay(record: Record, analysis: Analysis | None = None) -> Iterator[Moment]:
    """Goes through a record's windows in the order in which they were read, up to a rejection or the end; with
    `finish_early` up to the first verdict, with which the watch would have ended.

    Sources that the settings name and the record has not are silent. What is rejected for bad answers in a row is no
    part of it.

    Args:
        record: of a watch.
        analysis: other settings; None: the record's own.
    """
    rules = analysis or record.analysis
    evidence = {
        name: held_to_limit(Evidence.from_json(kept, rules.metrics), name, record.before)
        for name, kept in record.evidence.items()
        if name in dict(rules.sources.named())
    }
    here = dict(record.seen)
    windows = sorted(record.windows, key=lambda window: window.read_at)
    for number, window in enumerate(windows, start=1):
        known = evidence.get(window.source) or new_evidence(window.source, rules, record.before)
        evidence[window.source] = known.and_then(window)
        if record.began is None or window.start >= record.began:
            here[window.source] = here.get(window.source, 0) + window.judged(alone=record.before is not None)
        comparison = Comparison(rules, dict(evidence), record.given_up, record.before, dict(here))
        verdict = comparison.judge(bake_is_over=number == len(windows))
        if verdict is not None and record.closing:
            verdict = comparison.after_closing_look(verdict)
        moment = Moment(window.read_at, comparison, verdict)
        yield moment
        if moment.rejected or (rules.finish_early and moment.verdict is not None):
            return


def changed(analysis: Analysis, settings: list[str]) -> Analysis:
    """These settings, some of them changed.

    Args:
        analysis: the settings.
        settings: such as `metrics.failures.worse_by=0`, by the keys of the release file's section; the value is YAML.

    Raises:
        ValueError: one cannot be followed; names it.
    """
    import yaml

    content = analysis.model_dump(mode="json")
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"found {setting!r}; allowed: a key and a value, such as metrics.failures.worse_by=0")
        *parents, last = key.strip().split(".")
        target: Any = content
        for parent in parents:
            if target.get(parent) is None:
                target[parent] = {}
            target = target[parent]
            if not isinstance(target, dict):
                raise ValueError(f"found the key {key!r}; allowed: keys of the release file's section analysis")
        target[last] = yaml.safe_load(value)
    try:
        return Analysis.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: found {first['input']!r}: {first['msg']}") from None
