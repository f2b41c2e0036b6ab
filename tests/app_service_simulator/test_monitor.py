"""Azure Monitor's metrics, from traffic whose figures are known."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from tests.app_service_simulator.stopped import NOW, Stopped

MINUTE = timedelta(minutes=1)


class Monitor:
    """Asks for metrics of the app `contoso-web`."""

    def __init__(self, stopped: Stopped) -> None:
        self.simulator, self._stopped = stopped.simulator, stopped

    async def get(self, slot: str = "stage", **query: str) -> tuple[int, dict[str, Any]]:
        found = self.simulator.world.sites["contoso-web"].slots[slot]
        answer = await self._stopped.session.get(
            f"{self._stopped.base}{found.id}/providers/Microsoft.Insights/metrics",
            params={"api-version": "2018-01-01", **query},
            headers=self._stopped.authorization("https://management.azure.com"),
        )
        return answer.status, await answer.json()

    async def points(self, metric: str, **query: str) -> dict[str, float]:
        """The values by `HH:MM`, minutes without one left out."""
        _, body = await self.get(metricnames=metric, **{"timespan": "2026-01-15T12:20Z/2026-01-15T12:31Z", **query})
        [found] = body["value"]
        return {
            point["timeStamp"][11:16]: value
            for series in found["timeseries"]
            for point in series["data"]
            for key, value in point.items()
            if key != "timeStamp"
        }


@pytest.fixture
def monitor(stopped: Stopped) -> Monitor:
    return Monitor(stopped)


def served(monitor: Monitor, minutes_ago: int, *statuses: int, seconds: float = 0.25) -> None:
    for status in statuses:
        monitor.simulator.traffic.record(
            ("contoso-web", "stage"),
            when=NOW - minutes_ago * MINUTE,
            status=status,
            seconds=seconds,
            bytes_received=10,
            bytes_sent=100,
        )


async def test_requests_are_counted_by_minute_and_class(monitor: Monitor) -> None:
    served(monitor, 6, 200, 200, 404, 503)
    served(monitor, 5, 200, 500)
    assert await monitor.points("Requests") == {"12:24": 4.0, "12:25": 2.0}
    assert await monitor.points("Http2xx") == {"12:24": 2.0, "12:25": 1.0}
    assert await monitor.points("Http404") == {"12:24": 1.0, "12:25": 0.0}
    assert await monitor.points("Http5xx") == {"12:24": 1.0, "12:25": 1.0}
    assert await monitor.points("BytesSent") == {"12:24": 400.0, "12:25": 200.0}


async def test_response_time_is_averaged_over_requests(monitor: Monitor) -> None:
    served(monitor, 6, 200, seconds=0.1)
    served(monitor, 6, 200, 200, seconds=0.4)
    assert await monitor.points("HttpResponseTime") == {"12:24": pytest.approx(0.3)}
    assert await monitor.points("HttpResponseTime", aggregation="Count") == {"12:24": 3.0}


async def test_a_longer_interval_adds_its_minutes_up(monitor: Monitor) -> None:
    served(monitor, 6, 200)
    served(monitor, 5, 200, 200)
    assert await monitor.points("Requests", interval="PT5M") == {"12:20": 1.0, "12:25": 2.0}
    assert await monitor.points("Requests", interval="PT1H") == {"12:20": 3.0}


async def test_a_minute_appears_when_it_is_over_and_the_delay_has_passed(monitor: Monitor) -> None:
    served(monitor, 3, 200)
    served(monitor, 2, 200)
    # 12:30:30 less two minutes' delay: 12:27 ended before 12:28:30, 12:28 did not.
    assert await monitor.points("Requests") == {"12:27": 1.0}
    monitor.simulator.quirks.change({"metrics_delay": 0})
    assert await monitor.points("Requests") == {"12:27": 1.0, "12:28": 1.0}


async def test_metrics_can_be_missing(monitor: Monitor) -> None:
    served(monitor, 5, 200)
    monitor.simulator.faults.add({"operation": "Metrics_List*", "do": "metrics_missing"})
    assert (await monitor.get(metricnames="Requests"))[1]["value"][0]["timeseries"] == []
    assert await monitor.points("Requests") == {"12:25": 1.0}


async def test_metrics_can_be_later_than_usual(monitor: Monitor) -> None:
    for minutes_ago in (5, 4, 3):
        served(monitor, minutes_ago, 200)
    monitor.simulator.faults.add({"operation": "Metrics_List*", "do": "metrics_late", "seconds": 60})
    assert await monitor.points("Requests") == {"12:25": 1.0, "12:26": 1.0}
    assert await monitor.points("Requests") == {"12:25": 1.0, "12:26": 1.0, "12:27": 1.0}


async def test_other_slots_and_no_traffic_give_no_series(monitor: Monitor) -> None:
    served(monitor, 6, 200)
    status, body = await monitor.get("production", metricnames="Requests")
    assert (status, body["value"][0]["timeseries"]) == (200, [])
    assert body["namespace"] == "Microsoft.Web/sites"


async def test_a_timespan_encoded_twice_is_understood(monitor: Monitor) -> None:
    served(monitor, 6, 200)
    twice = quote("2026-01-15T12:20:00+00:00/2026-01-15T12:31:00+00:00", safe="")
    assert await monitor.points("Requests", timespan=twice) == {"12:24": 1.0}


@pytest.mark.parametrize(
    "query",
    [
        {"metricnames": "Smiles"},
        {"interval": "PT2M"},
        {"timespan": "yesterday"},
        {"timespan": "2026-01-15T12:31Z/2026-01-15T12:20Z"},
        {"metricnamespace": "Microsoft.Web/serverfarms"},
        {"$filter": "Instance eq '*'"},
    ],
)
async def test_a_question_that_is_not_understood_answers_400(monitor: Monitor, query: dict[str, str]) -> None:
    status, body = await monitor.get(**query)
    assert (status, body["error"]["code"]) == (400, "BadRequest")


async def test_an_unknown_aggregation_is_an_error_inside_a_200(monitor: Monitor) -> None:
    status, body = await monitor.get(metricnames="Requests", aggregation="Median")
    assert (status, body["value"][0]["errorCode"]) == (200, "InvalidSamplingType")
