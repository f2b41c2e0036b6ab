"""Queries to Log Analytics, over requests that are known."""

from datetime import timedelta
from typing import Any

import pytest
from tests.app_service_simulator.stopped import GROUP, NOW, PRODUCTION_ID, STAGE_ID, WORKSPACE, Stopped

AUDIENCE = "https://api.loganalytics.io"
COMPONENT_ID = f"{GROUP}/providers/Microsoft.Insights/components/contoso-web"
TO_WORKSPACE = f"/workspaces/{WORKSPACE}"
COUNT = "AppServiceHTTPLogs | summarize count()"

FIVE_MINUTES = 300
"""Seconds ago: by then every row has arrived."""


async def ask(
    stopped: Stopped, query: str, path: str = TO_WORKSPACE, audience: str = AUDIENCE, **body: Any
) -> tuple[int, dict[str, Any]]:
    answer = await stopped.session.post(
        f"{stopped.base}/v1{path}/query", json={"query": query, **body}, headers=stopped.authorization(audience)
    )
    return answer.status, await answer.json()


async def rows(stopped: Stopped, query: str, path: str = TO_WORKSPACE, **body: Any) -> list[list[Any]]:
    status, answer = await ask(stopped, query, path, **body)
    assert status == 200, answer
    [table] = answer["tables"]
    return list(table["rows"])


def innermost(answer: dict[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = answer["error"]
    while "innererror" in error:
        error = error["innererror"]
    return error


async def test_the_log_of_app_service_has_a_row_for_each_request(stopped: Stopped) -> None:
    stopped.served(FIVE_MINUTES, 503, method="POST", path="/cart", seconds=0.1234, user_agent="Some browser")
    status, answer = await ask(stopped, "AppServiceHTTPLogs")
    assert (status, answer["tables"][0]["name"]) == (200, "PrimaryResult")
    assert answer["tables"][0]["columns"] == [
        {"name": "TimeGenerated", "type": "datetime"},
        {"name": "CsHost", "type": "string"},
        {"name": "CsMethod", "type": "string"},
        {"name": "CsUriStem", "type": "string"},
        {"name": "ScStatus", "type": "int"},
        {"name": "TimeTaken", "type": "int"},
        {"name": "UserAgent", "type": "string"},
        {"name": "_ResourceId", "type": "string"},
    ]
    host = "contoso-web.azurewebsites.net"
    row = ["2026-01-15T12:25:30Z", host, "POST", "/cart", 503, 123, "Some+browser", STAGE_ID.lower()]
    assert answer["tables"][0]["rows"] == [row]


async def test_application_insights_has_the_requests_that_an_app_answered_from_their_beginning(
    stopped: Stopped,
) -> None:
    stopped.served(FIVE_MINUTES, 401, path="/basket", seconds=0.5)
    stopped.served(FIVE_MINUTES, 503, role=None)
    _, answer = await ask(stopped, "AppRequests")
    url = "http://contoso-web.azurewebsites.net/basket"
    component = COMPONENT_ID.lower()
    assert [["2026-01-15T12:25:29.5Z", "GET /basket", url, True, "401", 500.0, 1, "contoso-web", component]] == answer[
        "tables"
    ][0]["rows"]


@pytest.mark.parametrize(("status", "success"), [(200, True), (302, True), (400, False), (401, True), (500, False)])
async def test_a_request_went_well_below_400_and_with_401(stopped: Stopped, status: int, success: bool) -> None:
    stopped.served(FIVE_MINUTES, status)
    assert [[success]] == await rows(stopped, "AppRequests | project Success")


async def test_requests_and_failures_of_a_slot_by_minute_and_response_time(stopped: Stopped) -> None:
    stopped.served(FIVE_MINUTES, 200, 200, 500)
    stopped.served(FIVE_MINUTES + 60, 200, seconds=0)
    stopped.served(FIVE_MINUTES, 200, slot="production")
    query = f"""
        AppServiceHTTPLogs
        | where TimeGenerated >= datetime(2026-01-15T12:20:00Z) and TimeGenerated < datetime(2026-01-15T12:26:00Z)
        | where _ResourceId =~ "{STAGE_ID}"
        | summarize requests = count(), failures = countif(ScStatus >= 500)
            by minute = bin(TimeGenerated, 1m), bucket = toint(floor(log2(max_of(TimeTaken, 1)) * 8, 1))
        | order by minute asc
    """
    assert await rows(stopped, query) == [["2026-01-15T12:24:00Z", 0, 1, 0], ["2026-01-15T12:25:00Z", 63, 3, 1]]


async def test_the_same_of_application_insights_by_role(stopped: Stopped) -> None:
    stopped.served(FIVE_MINUTES, 200, 500, role="contoso-web-stage")
    stopped.served(FIVE_MINUTES, 200)
    query = """
        AppRequests
        | where TimeGenerated >= datetime(2026-01-15T12:20:00Z) and TimeGenerated < datetime(2026-01-15T12:26:00Z)
        | where AppRoleName =~ "Contoso-web-STAGE"
        | summarize requests = sum(ItemCount), failures = sumif(ItemCount, Success == false)
            by minute = bin(TimeGenerated, 1m), bucket = toint(floor(log2(max_of(DurationMs, 1)) * 8, 1))
        | order by minute asc
    """
    assert await rows(stopped, query) == [["2026-01-15T12:25:00Z", 63, 2, 1]]


async def test_a_row_is_there_when_the_delay_has_passed(stopped: Stopped) -> None:
    stopped.served(121, 200)
    stopped.served(119, 200)
    assert await rows(stopped, COUNT) == [[1]]
    stopped.simulator.quirks.change({"logs_delay": 0})
    assert await rows(stopped, COUNT) == [[2]]


@pytest.mark.parametrize(
    ("timespan", "found"),
    [
        (None, 3),
        ("", 3),
        ("PT10M", 2),
        ("PT420.0S", 1),
        ("P1D", 3),
        ("2026-01-15T12:10:30Z/2026-01-15T12:20:30.000Z", 1),
        ("2026-01-15T12:15:00.000Z/PT60S", 1),
        ("PT5M/2026-01-15T12:25:30Z", 2),
        ("2026-01-15T12:25:30.001Z/2026-01-15T12:30:30Z", 0),
    ],
)
async def test_the_timespan_is_applied_besides_the_query(stopped: Stopped, timespan: str | None, found: int) -> None:
    for seconds_ago in (300, 500, 900):
        stopped.served(seconds_ago, 200)
    assert [[found]] == await rows(stopped, COUNT, timespan=timespan)


async def test_a_resource_has_its_own_rows_only(stopped: Stopped) -> None:
    stopped.served(FIVE_MINUTES, 200, 200)
    stopped.served(FIVE_MINUTES, 200, slot="production")
    assert await rows(stopped, COUNT, STAGE_ID) == [[2]]
    assert await rows(stopped, COUNT, PRODUCTION_ID) == [[1]]
    assert await rows(stopped, COUNT, "/" + PRODUCTION_ID.upper()) == [[1]]
    assert await rows(stopped, "AppRequests | summarize count()", COMPONENT_ID) == [[3]]


@pytest.mark.parametrize(
    ("query", "path"), [("AppRequests", STAGE_ID), (COUNT, COMPONENT_ID), ("Heartbeat | where true", TO_WORKSPACE)]
)
async def test_a_table_that_is_not_there_is_a_semantic_error(stopped: Stopped, query: str, path: str) -> None:
    status, answer = await ask(stopped, query, path)
    assert (
        status,
        answer["error"]["code"],
        answer["error"]["innererror"]["code"],
        innermost(answer)["code"],
    ) == (400, "BadArgumentError", "SemanticError", "SEM0100")
    assert f"named '{query.split()[0]}'" in innermost(answer)["message"]


async def test_what_a_deleted_slot_served_stays_in_the_log(stopped: Stopped) -> None:
    stopped.served(FIVE_MINUTES, 200)
    await stopped.simulator.delete_slot(stopped.simulator.world.sites["contoso-web"].slots["stage"])
    assert [[STAGE_ID.lower()]] == await rows(stopped, "AppServiceHTTPLogs | project _ResourceId")


@pytest.mark.parametrize(
    ("query", "kind", "code", "named"),
    [
        ("AppServiceHTTPLogs | take 5", "SemanticError", "UnsupportedBySimulator", "'take'"),
        ("AppServiceHTTPLogs | where Cookie == ''", "SemanticError", "SEM0100", "'Cookie'"),
        ("AppServiceHTTPLogs | where (", "SyntaxError", "SYN0002", "the end"),
    ],
)
async def test_a_query_that_is_refused_answers_in_log_analytics_shape(
    stopped: Stopped, query: str, kind: str, code: str, named: str
) -> None:
    status, answer = await ask(stopped, query)
    assert (status, answer["error"]["code"]) == (400, "BadArgumentError")
    assert kind == answer["error"]["innererror"]["code"]
    assert code == innermost(answer)["code"]
    assert named in innermost(answer)["message"]


@pytest.mark.parametrize(
    "body", [{"timespan": "yesterday"}, {"timespan": "PT5M/PT5M"}, {"workspaces": ["another"]}, {"query": None}]
)
async def test_a_body_that_is_not_in_order_is_a_bad_argument(stopped: Stopped, body: dict[str, Any]) -> None:
    status, answer = await ask(stopped, **{"query": COUNT, **body})
    assert (status, answer["error"]["code"]) == (400, "BadArgumentError")
    assert next(iter(body)) in innermost(answer)["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/workspaces/somewhere-else/query"),
        ("GET", f"{TO_WORKSPACE}/query"),
        ("POST", "/$batch"),
    ],
)
async def test_another_path_is_not_found(stopped: Stopped, method: str, path: str) -> None:
    answer = await stopped.session.request(
        method, f"{stopped.base}/v1{path}", json={"query": COUNT}, headers=stopped.authorization(AUDIENCE)
    )
    assert (answer.status, (await answer.json())["error"]["code"]) == (404, "PathNotFoundError")


async def test_a_resource_that_does_not_exist_is_not_found(stopped: Stopped) -> None:
    status, answer = await ask(stopped, COUNT, PRODUCTION_ID + "-2")
    assert (status, answer["error"]["code"]) == (404, "ResourceNotFound")


async def test_a_token_for_log_analytics_or_the_address_itself_is_needed(stopped: Stopped) -> None:
    for audience in (AUDIENCE, "https://api.loganalytics.azure.com", stopped.base):
        assert (await ask(stopped, COUNT, audience=audience))[0] == 200
    status, answer = await ask(stopped, COUNT, audience="https://management.azure.com")
    assert (status, answer["error"]["code"]) == (403, "InvalidAuthenticationTokenAudience")
    for headers, expected in (
        ({}, (401, "AuthenticationFailed")),
        ({"Authorization": "Bearer x"}, (403, "InvalidAuthenticationToken")),
    ):
        refused = await stopped.session.post(f"{stopped.base}/v1{TO_WORKSPACE}/query", headers=headers)
        assert expected == (refused.status, (await refused.json())["error"]["code"])


WORKSPACE_ROLE = "Microsoft.OperationalInsights/workspaces/query"


@pytest.mark.parametrize(
    ("actions", "path", "allowed"),
    [
        ([f"{WORKSPACE_ROLE}/read", f"{WORKSPACE_ROLE}/*/read"], TO_WORKSPACE, True),
        ([f"{WORKSPACE_ROLE}/read", f"{WORKSPACE_ROLE}/AppServiceHTTPLogs/read"], TO_WORKSPACE, True),
        ([f"{WORKSPACE_ROLE}/read", f"{WORKSPACE_ROLE}/AppRequests/read"], TO_WORKSPACE, False),
        ([f"{WORKSPACE_ROLE}/read"], TO_WORKSPACE, False),
        ([f"{WORKSPACE_ROLE}/AppServiceHTTPLogs/read"], TO_WORKSPACE, False),
        (["Microsoft.Insights/logs/*/read"], TO_WORKSPACE, False),
        (["Microsoft.Insights/logs/*/read"], STAGE_ID, True),
        (["Microsoft.Insights/logs/AppServiceHTTPLogs/read"], PRODUCTION_ID, True),
        (["Microsoft.Insights/logs/AppRequests/read"], STAGE_ID, False),
        ([f"{WORKSPACE_ROLE}/*"], STAGE_ID, False),
    ],
)
async def test_roles_decide_which_tables_can_be_asked(
    stopped: Stopped, actions: list[str], path: str, allowed: bool
) -> None:
    stopped.simulator.roles.assign([{"Name": "a role", "Actions": actions}])
    status, answer = await ask(stopped, COUNT, path)
    assert (200 if allowed else 403) == status
    if not allowed:
        assert answer["error"]["code"] == "InsufficientAccessError"


async def test_the_journal_names_the_operation_the_app_and_the_permission_of_what_only_looks(stopped: Stopped) -> None:
    await ask(stopped, COUNT)
    await ask(stopped, COUNT, STAGE_ID)
    await ask(stopped, "AppRequests", COMPONENT_ID)
    told = ("operation", "app", "action", "before")
    assert [tuple(entry[member] for member in told) for entry in stopped.simulator.journal.after(0, None, "call")] == [
        ("LogsQuery_Workspace", None, "Microsoft.OperationalInsights/workspaces/query/Read", None),
        ("LogsQuery_ResourceSlot", "contoso-web", "Microsoft.Insights/Logs/AppServiceHTTPLogs/Read", None),
        ("LogsQuery_Component", None, "Microsoft.Insights/Logs/AppRequests/Read", None),
    ]


async def test_rows_can_be_missing_or_later_than_usual(stopped: Stopped) -> None:
    stopped.served(FIVE_MINUTES, 200)
    stopped.served(150, 200)
    faults = stopped.simulator.faults
    faults.add({"operation": "LogsQuery_*", "do": "metrics_missing"})
    assert await rows(stopped, COUNT) == [[0]]
    faults.add({"operation": "LogsQuery_*", "do": "metrics_late", "seconds": 60})
    assert await rows(stopped, COUNT) == [[1]]
    assert await rows(stopped, COUNT) == [[2]]


@pytest.mark.parametrize(("do", "status"), [("throttled", 429), ("server_error", 500), ("forbidden", 403)])
async def test_a_fault_answers_in_log_analytics_shape(stopped: Stopped, do: str, status: int) -> None:
    stopped.simulator.faults.add({"operation": "LogsQuery_Workspace", "do": do})
    answered, answer = await ask(stopped, COUNT)
    assert status == answered
    assert {"code", "message"} <= set(answer["error"])


async def test_a_query_about_forgotten_requests_is_refused(stopped: Stopped) -> None:
    log = stopped.simulator.traffic.requests
    log._most = 2
    for seconds_ago in (600, 599, 500, 300):
        stopped.served(seconds_ago, 200)
    status, answer = await ask(stopped, COUNT)
    assert (status, innermost(answer)["code"]) == (400, "UnsupportedBySimulator")
    recent = f"where TimeGenerated >= datetime({NOW - timedelta(seconds=560):%Y-%m-%dT%H:%M:%SZ})"
    assert await rows(stopped, COUNT.replace("summarize", f"{recent} | summarize")) == [[2]]
    assert await rows(stopped, COUNT, timespan="PT560S") == [[2]]
