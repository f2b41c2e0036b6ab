"""Measures both versions by counters of a Prometheus server: https://prometheus.io/docs/prometheus/latest/querying/api."""

from __future__ import annotations

import math
import ssl
from datetime import datetime, timedelta
from typing import Any

import httpx

from app_service_canary.errors import InvalidReleasePlan, SourceRefused, SourceUnavailable
from app_service_canary.hooks.log_analytics import filled
from app_service_canary.hooks.source import Source, Watched
from app_service_canary.release.analysis import Prometheus
from app_service_canary.release.histogram import LAST_BUCKET, Histogram, bucket_of
from app_service_canary.release.measurement import Measurement, Window
from app_service_canary.release.quoting import quoted

TIMEOUT = 30.0
"""Seconds; Prometheus itself gives a query up after two minutes, when a look is due long since."""

LONGEST_GAP = timedelta(minutes=1)
"""Between two looks whose difference is judged, or three times the interval if that is longer."""

Counters = dict[str, float]
"""The counters of one population: `requests`, `failures` if there is one, and one for each bucket's upper edge."""


class PrometheusSource(Source):
    """Reads counters, and judges how much they have grown since the look before: whole numbers, and no rates.

    A look after which a counter is lower than before tells nothing: where it is the sum of several, nobody can say
    which of them began anew or went away, and by how much the others have grown. The next look goes on from there. So
    does one that comes long after the look before, for which share the canary had meanwhile is not known.

    Args:
        watched: see `Source`.
        app: the app's name.
        settings: the release file's.
        auth: login and password, or a token alone; None: nothing is sent along.
        ca_bundle: PEM file to trust; None: the system's.
    """

    name = "prometheus"

    def __init__(
        self,
        watched: Watched,
        *,
        app: str,
        settings: Prometheus,
        auth: tuple[str | None, str] | None = None,
        ca_bundle: str | None = None,
    ) -> None:
        super().__init__(watched)
        self.app, self.settings = app, settings
        self.pause = settings.interval.total_seconds()
        self.before: tuple[datetime, list[Counters]] | None = None
        login, password = auth or (None, "")
        headers = {"Authorization": f"Bearer {password}"} if auth and not login else {}
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT,
            verify=ssl.create_default_context(cafile=ca_bundle) if ca_bundle else True,
            headers=headers,
            auth=(login, password) if login else None,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def read(self, since: datetime, now: datetime) -> list[Window]:
        counters = await self.each_side(lambda slot: self._counters(slot, now))
        before, self.before = self.before, (now, counters)
        if before is None or now - before[0] > max(LONGEST_GAP, 3 * self.settings.interval):
            return []
        if any(_has_fallen(was, is_now) for was, is_now in zip(before[1], counters, strict=True)):
            return []
        grown = [_grown(was, is_now) for was, is_now in zip(before[1], counters, strict=True)]
        return [self.watched.window(self.name, (before[0], now), now, *grown)]

    async def _counters(self, slot: str, now: datetime) -> Counters:
        known = {"app": self.app, "slot": slot}
        requests = await self._numbers(filled(self.settings.requests, known), now)
        if not requests:
            raise SourceUnavailable(
                f"Prometheus knows no requests of slot '{slot}' of app '{self.app}'; the query is "
                f"{quoted(filled(self.settings.requests, known))}."
            )
        failures = await self._numbers(filled(self.settings.failures, known), now)
        counters = {"requests": sum(requests.values())}
        if failures:  # a counter of failures may not be there before the first one
            counters["failures"] = sum(failures.values())
        if self.settings.latencies:
            buckets = await self._numbers(filled(self.settings.latencies, known), now)
            counters |= {edge: count for edge, count in buckets.items() if _is_edge(edge)}
        return counters

    async def _numbers(self, query: str, now: datetime) -> Counters:
        """The values of an instant vector, by the label `le`; empty without one."""
        url = f"{self.settings.url.rstrip('/')}/api/v1/query"
        try:
            answer = await self._client.post(url, data={"query": query, "time": f"{now.timestamp():.3f}"})
            content = answer.json()
        except httpx.LocalProtocolError:
            # Its text quotes the header that cannot be sent, and with it the secret.
            raise SourceRefused(
                "Prometheus cannot be asked: the request has a header that HTTP does not allow."
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceUnavailable(f"Prometheus could not be asked: {type(error).__name__}: {error}") from None
        except (ValueError, RecursionError):
            raise SourceUnavailable(
                f"Prometheus answered {answer.status_code} with something else than JSON."
            ) from None
        return _vector(answer.status_code, content, query)


def _vector(status: int, content: Any, query: str) -> Counters:
    if not isinstance(content, dict) or content.get("status") != "success":
        said = content.get("error") if isinstance(content, dict) else content
        kind = SourceUnavailable if status >= 500 or status == 429 else SourceRefused
        raise kind(f"Prometheus answered {status} to the query {quoted(query)}: {quoted(said)}.")
    try:
        found: Counters = {}
        for one in content["data"]["result"]:
            value = float(one["value"][1])
            if math.isfinite(value):
                key = str(one["metric"].get("le", ""))
                found[key] = found.get(key, 0.0) + value
        return found
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise SourceUnavailable(
            f"Prometheus' answer to {quoted(query)} is no instant vector: {type(error).__name__}: {error}."
        ) from None


def _has_fallen(was: Counters, is_now: Counters) -> bool:
    """A counter is lower than it was, is gone, or is none."""
    return any(is_now.get(name, -1.0) < before for name, before in was.items()) or min(is_now.values()) < 0


def _grown(was: Counters, is_now: Counters) -> Measurement:
    growth = {name: value - was.get(name, 0.0) for name, value in is_now.items()}
    requests = round(growth.pop("requests"))
    failures = min(requests, round(growth.pop("failures", 0.0)))
    return Measurement(requests, failures, _histogram(growth))


def _is_edge(name: str) -> bool:
    try:
        return float(name) > 0
    except ValueError:
        return False


def secret_of(connection: str, password: str | None) -> str:
    """A connection's password as it can stand in a header.

    Raises:
        InvalidReleasePlan: it cannot; does not quote it.
    """
    secret = (password or "").strip()
    if not (secret.isascii() and secret.isprintable()):
        raise InvalidReleasePlan(
            f"The password of connection {quoted(connection)} has characters that HTTP does not allow in a header; "
            "allowed: printable ASCII."
        )
    return secret


def _histogram(cumulative: Counters) -> Histogram:
    """From growth up to each edge, in seconds, to requests in the bucket below it."""
    edges = sorted((math.inf if edge == "+Inf" else float(edge), count) for edge, count in cumulative.items())
    counts: dict[int, int] = {}
    below, last = 0.0, 0
    for edge, count in edges:
        # A request in this bucket took up to `edge`; those beyond the last edge count as in the bucket after it.
        last = min(LAST_BUCKET, last + 1) if math.isinf(edge) else bucket_of(edge * 1000)
        counts[last] = counts.get(last, 0) + max(0, round(count - below))
        below = max(below, count)
    return Histogram({bucket: count for bucket, count in counts.items() if count})
