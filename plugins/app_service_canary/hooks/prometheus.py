"""Measures both versions by counters of a Prometheus server: https://prometheus.io/docs/prometheus/latest/querying/api."""

from __future__ import annotations

import math
import ssl
from datetime import datetime
from typing import Any

import httpx

from app_service_canary.errors import InvalidReleasePlan, SourceRefused, SourceUnavailable
from app_service_canary.hooks.counters import Counters, Looks, is_edge
from app_service_canary.hooks.log_analytics import filled
from app_service_canary.hooks.source import Source, Watched
from app_service_canary.release.analysis import Prometheus
from app_service_canary.release.measurement import Window
from app_service_canary.release.quoting import quoted

TIMEOUT = 30.0
"""Seconds; Prometheus itself gives a query up after two minutes, when a look is due long since."""


class PrometheusSource(Source):
    """Reads counters, and tells how much they have grown from look to look: whole numbers, and no rates. See `Looks`.

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
        self.looks = Looks(settings.interval)
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
        told = self.looks.and_then(now, counters)
        return [self.watched.window(self.name, (told[0], now), now, *told[1])] if told else []

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
            counters |= {edge: count for edge, count in buckets.items() if is_edge(edge)}
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
