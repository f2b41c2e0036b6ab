"""The release file's section `analysis`."""

from typing import Any

import pytest
from pydantic import ValidationError

from app_service_canary.release.analysis import Analysis, Mode

GUID = "12345678-1234-1234-1234-123456789abc"


def read(**section: Any) -> Analysis:
    return Analysis.model_validate(section)


def test_a_release_file_that_says_nothing_has_a_judge_all_the_same() -> None:
    assert [name for name, _ in read().sources.named()] == ["probe", "azure_monitor"]
    assert read().metrics.failures.mode is read().metrics.latency.mode is Mode.CRITICAL
    assert read().false_alarm == 1.0


def test_sources_are_those_that_are_named() -> None:
    assert [name for name, _ in read(sources={}).sources.named()] == []
    several = {
        "probe": {"rate": 2, "paths": ["/", "/cart"]},
        "application_insights": {"resource_id": "/subscriptions/s/resourceGroups/g"},
        "log_analytics": {"workspace_id": GUID, "settles_after": "5m"},
        "prometheus": {"url": "https://prometheus.example/p", "requests": "a", "failures": "b", "latencies": "c"},
    }
    assert {name for name, _ in read(sources=several).sources.named()} == set(several)


@pytest.mark.parametrize(
    ("section", "word"),
    [
        ({"sources": {"datadog": {}}}, "datadog"),
        ({"sources": {"probe": {"rate": 0}}}, "rate"),
        ({"sources": {"probe": {"rate": 51}}}, "rate"),
        ({"sources": {"probe": {"paths": ["cart"]}}}, "paths"),
        ({"sources": {"log_analytics": {}}}, "either workspace_id or resource_id"),
        ({"sources": {"log_analytics": {"workspace_id": "main"}}}, "workspace_id"),
        ({"sources": {"log_analytics": {"workspace_id": GUID, "resource_id": "/subscriptions/s"}}}, "either"),
        ({"sources": {"prometheus": {"url": "ftp://h", "requests": "a", "failures": "b"}}}, "url"),
        ({"sources": {"prometheus": {"url": "https://u:p@h", "requests": "a", "failures": "b"}}}, "password"),
        ({"metrics": {"failures": {"worse_by": -1}}}, "worse_by"),
        ({"metrics": {"failures": {"max_error_rate": 0}}}, "max_error_rate"),
        ({"metrics": {"failures": {"max_error_rate": 100}}}, "max_error_rate"),
        ({"metrics": {"failures": {"min_requests": 0}}}, "min_requests"),
        ({"metrics": {"failures": {"mode": "dry"}}}, "mode"),
        ({"metrics": {"latency": {"max_latency_p95_ms": 0}}}, "max_latency_p95_ms"),
        ({"metrics": {"cpu": {}}}, "cpu"),
        ({"false_alarm": 0}, "false_alarm"),
        ({"finish_early": True}, "metrics.failures.notice"),
        ({"extend": "soon"}, "duration"),
        ({"error_limit": 0}, "error_limit"),
    ],
    ids=str,
)
def test_what_cannot_be_followed_is_refused_and_named(section: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        read(**section)


def test_it_survives_the_way_to_the_triggerer() -> None:
    told = read(
        sources={"azure_monitor": {"client_errors": True, "settles_after": "90s"}, "probe": None},
        metrics={"failures": {"notice": 5}},
        finish_early=True,
        extend="2h",
    )
    assert told == Analysis.model_validate(told.model_dump(mode="json"))
