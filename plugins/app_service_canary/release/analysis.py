"""The release file's section `analysis`: what is measured of the two versions, and how it is judged."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from enum import Enum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from app_service_canary.release.sections import Duration, Section, UrlPath

Percent = Annotated[float, Field(gt=0, lt=100)]


def _without_password(url: str) -> str:
    if "@" in url.split("://", 1)[1].split("/", 1)[0]:
        raise ValueError("an address with a password in it; allowed: the password in an Airflow connection")
    return url


ServerUrl = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s?#]*$"), AfterValidator(_without_password)]


class Mode(str, Enum):
    """What becomes of a metric's verdict."""

    CRITICAL = "critical"
    """It decides."""
    ADVISORY = "advisory"
    """It is said, and decides nothing: a dry run."""
    OFF = "off"


class Direction(str, Enum):
    """Which change hurts."""

    HIGHER = "higher"
    LOWER = "lower"
    EITHER = "either"


class Metric(Section):
    """What the metrics have in common.

    Attributes:
        mode: see there.
        direction: which change hurts: more failures or longer latencies, fewer or shorter ones, or either.
        worse_by: percent by which the canary may be worse than the stable version, and still counts as no worse.
        min_requests: of the canary, needed for a verdict that is not inconclusive; of the sources at least one has
            to have seen so many.
    """

    mode: Mode = Mode.CRITICAL
    direction: Direction = Direction.HIGHER
    worse_by: Annotated[float, Field(ge=0, le=1000)] = 10.0
    min_requests: Annotated[int, Field(ge=1, le=10_000_000)] = 50


class Failures(Metric):
    """Failed requests.

    Attributes:
        max_error_rate: percent of the canary's requests that may fail, whatever the stable version's do. None: it is
            only compared.
        notice: percent. The evidence suffices when a canary that fails so much would have been noticed (four times
            in five); until then a verdict is inconclusive. None: `min_requests` alone decide.
    """

    max_error_rate: Percent | None = None
    notice: Percent | None = None


class Latency(Metric):
    """How long requests take.

    Attributes:
        ignore_ms: milliseconds by which the canary may take longer whatever its latencies are; of this and `worse_by`,
            the larger. Single milliseconds are the network's and the machine's.
        begin_after: how long after the first step began latencies are compared: a version that has just started takes
            longer for a moment, whichever it is.
        max_latency_p95_ms: milliseconds within which 95 % of the canary's requests have to be answered, whatever the
            stable version's are. None: it is only compared.
    """

    ignore_ms: Annotated[float, Field(ge=0, le=230_000)] = 10.0
    begin_after: Duration = timedelta(minutes=1)
    max_latency_p95_ms: Annotated[float, Field(gt=0, le=230_000)] | None = None


class Probe(Section):
    """Requests of our own to both versions: what is seen soonest, and all there is for an app without visitors.

    Attributes:
        rate: requests a second to each of the two.
        paths: asked in turn; readiness.path when left out.
        first_look: for how long they are sent before the first users are, and again whenever the users' share has
            changed, before the step's watch begins. A version that is plainly bad then hurts nobody, or few. None: they
            begin with the watch.
    """

    rate: Annotated[float, Field(gt=0, le=50)] = 1.0
    paths: tuple[UrlPath, ...] = ()
    first_look: Duration | None = timedelta(seconds=5)


class AzureMonitor(Section):
    """App Service's own metrics, by the minute: https://learn.microsoft.com/azure/app-service/web-sites-monitor.

    Attributes:
        client_errors: whether answers from 400 to 499 count as failures too.
        settles_after: how old a minute has to be before its numbers are no longer expected to change. One to three
            minutes are usual.
    """

    client_errors: bool = False
    settles_after: Duration = timedelta(minutes=3)


class Logs(Section):
    """A KQL query to a Log Analytics workspace, or to what logs into one.

    Attributes:
        workspace_id: the workspace's id, a GUID; either this or `resource_id`.
        resource_id: a resource in whose logs to look, such as an Application Insights component.
        table: which of the two default queries is used.
        query: a query of one's own, for one population, with `{app}`, `{slot}` (production: `production`),
            `{resource_id}`, `{start}` and `{end}`; to leave out our own requests, with `{user_agent}` or `{not_ours}`.
            It has to give the columns `requests` and `failures`, and may give `bucket`, which is 16 x log2 of the
            latency in milliseconds, rounded down.
        settles_after: how old a span has to be before it is read; logs come in late.
    """

    workspace_id: Annotated[str, Field(pattern=r"^[0-9a-fA-F-]{36}$")] | None = None
    resource_id: Annotated[str, Field(pattern=r"^/subscriptions/\S+$")] | None = None
    table: Literal["AppServiceHTTPLogs", "AppRequests"]
    query: Annotated[str, Field(min_length=1, max_length=8000)] | None = None
    settles_after: Duration = timedelta(minutes=3)

    @model_validator(mode="after")
    def _looks_somewhere(self) -> Logs:
        if (self.workspace_id is None) == (self.resource_id is None):
            raise ValueError("it names no place to look, or two; allowed: either workspace_id or resource_id")
        return self


class LogAnalytics(Logs):
    """The app's HTTP logs, sent to Log Analytics by a diagnostic setting."""

    table: Literal["AppServiceHTTPLogs", "AppRequests"] = "AppServiceHTTPLogs"


class ApplicationInsights(Logs):
    """The requests that the app itself reports to Application Insights."""

    table: Literal["AppServiceHTTPLogs", "AppRequests"] = "AppRequests"


class Prometheus(Section):
    """Counters from a Prometheus server: their growth from one look to the next is what is judged.

    Attributes:
        url: the server's address, up to what comes before `/api/v1`.
        connection: an Airflow connection of type `http` whose login and password, or whose password alone as a
            bearer token, are sent along. None: nothing is.
        requests, failures: queries that give one number, a counter; with `{app}` and `{slot}` (production:
            `production`).
        latencies: a query that gives the buckets of a histogram, with the label `le` in seconds; None: latencies are
            not compared.
        interval: how often it is asked.
    """

    url: ServerUrl
    connection: Annotated[str, Field(min_length=1)] | None = None
    requests: Annotated[str, Field(min_length=1, max_length=4000)]
    failures: Annotated[str, Field(min_length=1, max_length=4000)]
    latencies: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    interval: Duration = timedelta(seconds=15)


class Sources(Section):
    """What measures the two versions. One that is not named, or is null, is not asked.

    When `sources` is left out it is our own requests and Azure Monitor, which every app has.
    """

    probe: Probe | None = None
    azure_monitor: AzureMonitor | None = None
    log_analytics: LogAnalytics | None = None
    application_insights: ApplicationInsights | None = None
    prometheus: Prometheus | None = None

    def named(self) -> Iterator[tuple[str, BaseModel]]:
        """Those that are asked, by name."""
        for name in type(self).model_fields:
            source = getattr(self, name)
            if source is not None:
                yield name, source

    def only(self, names: Collection[str]) -> Sources:
        """Those of them with these names."""
        return self.model_copy(update={name: None for name, _ in self.named() if name not in names})


class Metrics(Section):
    """How each metric is judged."""

    failures: Failures = Failures()
    latency: Latency = Latency()


class Analysis(Section):
    """How the canary is compared with the stable version.

    Attributes:
        sources: see there.
        metrics: see there.
        false_alarm: percent of releases of a version that is no worse which may be taken back by chance: over the
            whole release, all its looks, steps, metrics and sources together.
        finish_early: let a step end before its bake is over when the evidence suffices; needs `notice`.
        extend: how much longer than its bake a step is watched, at most, while there is not enough evidence.
        error_limit: how often in a row a source may fail to answer before this watch goes on without it. That is
            said, and what was not measured is not enough evidence.
        record: a folder, or an object storage path that Airflow can write to (such as abfs://…), in which the record
            of each watch is kept. None: the verdicts alone are kept, in Airflow.
    """

    sources: Sources = Sources(probe=Probe(), azure_monitor=AzureMonitor())
    metrics: Metrics = Metrics()
    false_alarm: Annotated[float, Field(gt=0, le=20)] = 1.0
    finish_early: bool = False
    extend: Duration = timedelta(minutes=15)
    error_limit: Annotated[int, Field(ge=1, le=10_000)] = 20
    record: Annotated[str, Field(min_length=1, max_length=1000)] | None = None

    @property
    def first_look(self) -> timedelta | None:
        """See `Probe`; None without one."""
        return self.sources.probe.first_look if self.sources.probe else None

    @model_validator(mode="after")
    def _knows_when_it_suffices(self) -> Analysis:
        if self.finish_early and self.metrics.failures.notice is None:
            raise ValueError(
                "finish_early does not say what evidence suffices; allowed: with metrics.failures.notice, a percentage "
                "such as 5"
            )
        return self
