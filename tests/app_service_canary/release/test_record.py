"""Records of watches."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.app_service_canary.release.windows import NOON, counted, window

from app_service_canary.release.analysis import Analysis
from app_service_canary.release.histogram import Histogram
from app_service_canary.release.measurement import Measurement, Window
from app_service_canary.release.record import TOGETHER, Record, file_name


def record() -> Record:
    return Record({"app": "storefront", "task_id": "canary_10.watch"}, Analysis())


def probe(second: int) -> Window:
    measured = Measurement(1, 0, Histogram.of([5.0]))
    start = NOON + timedelta(seconds=second)
    return Window("probe", start, start + timedelta(seconds=0.1), start, measured, measured)


def test_what_is_kept_is_found_again() -> None:
    kept = record()
    kept.closing, kept.before = True, {"probe": counted(5, 1)}
    kept.add(window(counted(10, 1), counted(90, 2)))
    kept.given_up["prometheus"] = "it does not answer."
    kept.verdict = {"outcome": "pass", "reasons": ["Because."]}
    assert kept == Record.from_text(kept.to_text())


def test_minutes_are_kept_one_by_one_and_probes_a_few_together() -> None:
    kept = record()
    for second in range(11):
        kept.add(probe(second))
        kept.add(window(counted(10), counted(90), number=second))
    probes = [each for each in kept.windows if each.source == "probe"]
    assert len(kept.windows) - len(probes) == 11
    assert sum(each.canary.requests for each in probes) == 11
    assert len(probes) < 11
    assert all(each.end - each.start <= TOGETHER for each in probes)


def test_nothing_is_lost_when_windows_are_put_together() -> None:
    kept = record()
    kept.add(probe(0))
    kept.add(replace(probe(1), canary=counted(1, 1)))
    [both] = kept.windows
    assert (both.canary.requests, both.canary.failures, both.start) == (2, 1, NOON)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1}', "[" * 100_000])
def test_what_is_no_record_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|format|record"):
        Record.from_text(text)


def test_a_file_is_named_after_dag_run_and_task_and_leaves_its_folder_nowhere() -> None:
    assert file_name(["canary_release.web", "manual__2026-11-22T10:00:00+00:00", "watch.1"]) == (
        "canary_release.web/manual__2026-11-22T10_00_00_00_00/watch.1.json"
    )
    assert file_name(["..", "../../etc", "x"]) == "/_.._etc/x.json"
