"""Log Analytics through azure-monitor-query, synchronous and asynchronous: what its users see of the requests that an
app really served."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta, timezone

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.monitor.query import LogsQueryClient, LogsQueryStatus
from azure.monitor.query.aio import LogsQueryClient as AsyncLogsQueryClient
from tests.simulator import RunningSimulator

from app_service_simulator.faults.fault import Fault

HOUR = timedelta(hours=1)

BY_MINUTE = """
AppServiceHTTPLogs
| where TimeGenerated >= datetime({start:%Y-%m-%dT%H:%M:%SZ}) and TimeGenerated < datetime({end:%Y-%m-%dT%H:%M:%SZ})
| where _ResourceId =~ "{resource}"
| summarize requests = count(), failures = countif(ScStatus >= 400)
    by minute = bin(TimeGenerated, 1m), bucket = toint(floor(log2(max_of(TimeTaken, 1)) * 8, 1))
| order by minute asc
"""


@pytest.fixture
def logs(simulator: RunningSimulator, credential: ClientSecretCredential) -> Iterator[LogsQueryClient]:
    """The synchronous client; rows arrive at once."""
    simulator.set_quirks(logs_delay=0)
    with LogsQueryClient(
        credential,
        endpoint=simulator.resource_manager,
        audience="https://api.loganalytics.io",
        connection_verify=simulator.ca_bundle,
    ) as client:
        yield client
    simulator.set_quirks(logs_delay=120)


@pytest.fixture
async def async_logs(simulator: RunningSimulator) -> AsyncIterator[AsyncLogsQueryClient]:
    """The asynchronous client, with the audience that it takes by itself."""
    async with (
        AsyncClientSecretCredential(
            simulator.tenant_id,
            simulator.client_id,
            simulator.client_secret,
            authority=simulator.authority,
            disable_instance_discovery=True,
            connection_verify=simulator.ca_bundle,
        ) as credential,
        AsyncLogsQueryClient(
            credential, endpoint=simulator.resource_manager, connection_verify=simulator.ca_bundle
        ) as client,
    ):
        yield client


COUNT = "AppServiceHTTPLogs | summarize requests = count()"


def visited(logs: LogsQueryClient, simulator: RunningSimulator, app: str) -> str:
    """The question how the slot did, after three visits to it, one of which failed, and one to production."""
    simulator.visit(app)
    for path in ("/", "/version", "/nothing"):
        simulator.visit(app, path, "stage")
    slot = simulator.app_path(app, "stage")
    # A visitor has the answer a moment before its row is written.
    simulator.wait_until(lambda: logs.query_resource(slot, COUNT, timespan=HOUR).tables[0].rows[0]["requests"] == 3)
    now = datetime.now(timezone.utc)
    return BY_MINUTE.format(start=now - HOUR, end=now + HOUR, resource=slot.upper())


def test_requests_and_failures_by_minute_and_response_time(
    logs: LogsQueryClient, simulator: RunningSimulator, fresh_app: str
) -> None:
    question = visited(logs, simulator, fresh_app)
    answer = logs.query_workspace(simulator.workspace_id, question, timespan=None)
    [table] = answer.tables
    assert (answer.status, table.name) == (LogsQueryStatus.SUCCESS, "PrimaryResult")
    assert list(zip(table.columns, table.columns_types, strict=True)) == [
        ("minute", "datetime"),
        ("bucket", "int"),
        ("requests", "long"),
        ("failures", "long"),
    ]
    assert (sum(row["requests"] for row in table.rows), sum(row["failures"] for row in table.rows)) == (3, 1)
    assert all(isinstance(row["minute"], datetime) and row["minute"].second == 0 for row in table.rows)
    assert {row["minute"].utcoffset() for row in table.rows} == {timedelta()}


async def test_the_same_by_the_asynchronous_client(
    logs: LogsQueryClient, async_logs: AsyncLogsQueryClient, simulator: RunningSimulator, fresh_app: str
) -> None:
    question = visited(logs, simulator, fresh_app)
    answer = await async_logs.query_workspace(simulator.workspace_id, question, timespan=HOUR)
    [table] = answer.tables
    assert (sum(row["requests"] for row in table.rows), sum(row["failures"] for row in table.rows)) == (3, 1)


@pytest.mark.parametrize("ago", [HOUR, timedelta(seconds=90)])
def test_a_timespan_ends_before_what_came_later(
    logs: LogsQueryClient, simulator: RunningSimulator, fresh_app: str, ago: timedelta
) -> None:
    visited(logs, simulator, fresh_app)
    now = datetime.now(timezone.utc)
    path = simulator.app_path(fresh_app, "stage")
    assert logs.query_resource(path, COUNT, timespan=ago).tables[0].rows[0]["requests"] == 3
    assert logs.query_resource(path, COUNT, timespan=(now - ago, now)).tables[0].rows[0]["requests"] == 3
    past = logs.query_resource(path, COUNT, timespan=(now - ago, ago - timedelta(seconds=60)))
    assert past.tables[0].rows[0]["requests"] == 0


def test_what_a_slot_served_stays_with_its_name_when_contents_are_swapped(
    logs: LogsQueryClient, simulator: RunningSimulator, fresh_app: str
) -> None:
    visited(logs, simulator, fresh_app)
    simulator.swap(fresh_app).raise_for_status()
    counts = [
        logs.query_resource(simulator.app_path(fresh_app, slot), COUNT, timespan=HOUR).tables[0].rows[0]["requests"]
        for slot in (None, "stage")
    ]
    assert counts == [1, 3]


def test_application_insights_tells_slots_apart_by_a_setting_only(
    logs: LogsQueryClient, simulator: RunningSimulator, fresh_app: str
) -> None:
    group = simulator.app_path(fresh_app).partition("/providers/")[0]
    component = f"{group}/providers/microsoft.insights/components/{fresh_app}"
    question = "AppRequests | summarize requests = sum(ItemCount) by AppRoleName | order by AppRoleName asc"

    def roles() -> list[list[object]]:
        return [list(row) for row in logs.query_resource(component, question, timespan=HOUR).tables[0].rows]

    visited(logs, simulator, fresh_app)
    assert roles() == [[fresh_app, 4]]
    simulator.set_quirks(role_name_has_the_slot=True)
    simulator.visit(fresh_app, "/", "stage")
    simulator.set_quirks(role_name_has_the_slot=False)
    assert roles() == [[fresh_app, 4], [f"{fresh_app}-stage", 1]]
    settings = simulator.arm("POST", f"{simulator.app_path(fresh_app, 'stage')}/config/appsettings/list").json()
    body = {"properties": {**settings["properties"], "OTEL_SERVICE_NAME": "zebra"}}
    simulator.arm("PUT", f"{simulator.app_path(fresh_app, 'stage')}/config/appsettings", body).raise_for_status()
    simulator.wait_until(lambda: simulator.visit(fresh_app, "/", "stage").is_success and ["zebra", 1] in roles())


def test_a_refused_query_carries_its_reason(logs: LogsQueryClient, simulator: RunningSimulator) -> None:
    with pytest.raises(HttpResponseError) as refused:
        logs.query_workspace(simulator.workspace_id, "AppServiceHTTPLogs | take 5", timespan=HOUR)
    assert (refused.value.status_code, refused.value.error.code) == (400, "BadArgumentError")
    assert "'take'" in str(refused.value)


def test_an_unknown_workspace_is_not_found(logs: LogsQueryClient) -> None:
    with pytest.raises(HttpResponseError) as refused:
        logs.query_workspace("00000000-0000-0000-0000-000000000000", "AppServiceHTTPLogs", timespan=HOUR)
    assert (refused.value.status_code, refused.value.error.code) == (404, "PathNotFoundError")


def test_a_throttled_query_is_sent_again_by_the_client(logs: LogsQueryClient, simulator: RunningSimulator) -> None:
    simulator.set_faults(Fault(operation="LogsQuery_Workspace", do="throttled", retry_after=0))
    answer = logs.query_workspace(simulator.workspace_id, "AppServiceHTTPLogs | where ScStatus == 1", timespan=HOUR)
    assert answer.status == LogsQueryStatus.SUCCESS
    assert simulator.controls.faults()[0]["acted"] == 1
    simulator.set_faults()
