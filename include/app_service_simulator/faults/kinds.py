"""The ways in which a call can go wrong, and what can be said about each: data, read by the checks and the README."""

from dataclasses import dataclass

BEFORE, AFTER = "before", "after"
READS, WRITES = "reads", "writes"

SWAPS = ("WebApps_SwapSlot", "WebApps_SwapSlotSlot")
DEPLOYMENTS = ("WebApps_CreateOneDeployOperation*", "Kudu_OneDeploy", "Kudu_ZipDeploy")
METRICS = ("Metrics_List*", "LogsQuery_*", "Prometheus_Query")


@dataclass(frozen=True)
class Kind:
    """One way to misbehave.

    Attributes:
        meaning: one sentence.
        options: members of a fault that it heeds besides those every fault has, each with its default; `...` where
            the member has to be given.
        moments: whether it can act before the effect of a call, after it, or both; the first is the default.
        operations: the operation ids it can act on, as globs; empty: any.
        calls: READS or WRITES if it can act on these only.
    """

    meaning: str
    options: dict[str, object]
    moments: tuple[str, ...] = (BEFORE, AFTER)
    operations: tuple[str, ...] = ()
    calls: str | None = None


HEEDED_BY_OPERATIONS = ("never_ends", "ends_with", "stale", "metrics_missing", "metrics_late")
"""Kinds that leave the call alone: what carries it out heeds them."""

KINDS = {
    # Answers in place of the real one.
    "throttled": Kind("429 with Retry-After, by Resource Manager", {"retry_after": 1}),
    "server_error": Kind("500 InternalServerError, in App Service's shape", {}),
    "bad_gateway": Kind("502 BadGateway", {}),
    "server_timeout": Kind("503 ServerTimeout", {}),
    "gateway_timeout": Kind("504 GatewayTimeout", {}),
    "expired_token": Kind("401 ExpiredAuthenticationToken with a challenge", {}),
    "forbidden": Kind("403 AuthorizationFailed", {}),
    "locked": Kind("409 ScopeLocked, as under a resource lock", {}),
    "exclusive_lock": Kind("429 with ExtendedCode 59206: another write holds the app's lock", {}),
    "in_progress": Kind("409 with ExtendedCode 59203: another operation is in progress", {}),
    "arm_error": Kind("any error in Resource Manager's shape", {"status": ..., "code": ..., "message": ""}),
    "app_service_error": Kind(
        "any error in App Service's shape", {"status": ..., "code": ..., "message": "", "extended_code": None}
    ),
    "not_json": Kind("an HTML page", {"status": 200}),
    # The connection.
    "reset": Kind("the connection is reset (TCP RST) without an answer", {}),
    "refused": Kind("the connection is dropped, and new ones are refused for `seconds`", {"seconds": 1.0}),
    "hang": Kind(
        "no answer until the client has gone, or for `seconds`; then the connection is dropped", {"seconds": None}
    ),
    "truncated": Kind("half of the body, under the Content-Length of all of it", {}, (AFTER,)),
    # Things that happen besides; the call itself goes on, unless it says otherwise.
    "slow": Kind("`seconds` pass", {"seconds": 1.0}),
    "kill": Kind(
        "SIGKILL to a process, a pid or `caller`, the one that makes this call; the connection is dropped",
        {"process": "caller"},
    ),
    "callback": Kind(
        "the call's journal entry is POSTed to a loopback address, and its answer awaited, at most for `seconds`",
        {"url": ..., "seconds": 60.0},
    ),
    # What becomes of the thing asked for.
    "never_ends": Kind(
        "a swap or a deployment stays under way, before or after its effect, for `seconds`, or else until the fault is "
        "removed",
        {"seconds": None},
        operations=SWAPS + DEPLOYMENTS,
    ),
    "ends_with": Kind(
        "a swap ends with an error, before or after its cut-over; with `prepared`, the slot stays prepared for swap; "
        "a deployment ends with status 3 and `message`",
        {"ending": ..., "message": "Deployment failed.", "prepared": False},
        operations=SWAPS + DEPLOYMENTS,
    ),
    "late_effect": Kind(
        "the call is answered, or broken, as `answer` says, and takes effect after `seconds`; the app is busy until "
        "then",
        {"seconds": ..., "answer": "gateway_timeout"},
        (BEFORE,),
        calls=WRITES,
    ),
    "stale": Kind("a read answers what was there before the last write to the app", {}, (BEFORE,), calls=READS),
    "metrics_missing": Kind("no data points, log rows or samples", {}, (BEFORE,), METRICS),
    "metrics_late": Kind("they come `seconds` later than otherwise", {"seconds": ...}, (BEFORE,), METRICS),
}
"""Every kind by the word that orders it."""


def is_read(operation: str, method: str) -> bool:
    """Whether a call only looks: some readings, such as those with secrets and those of logs, are asked for by POST."""
    only_looking = ("Entra_", "CheckName", "LogsQuery_", "Prometheus_")
    return method in ("GET", "HEAD") or "_List" in operation or operation.startswith(only_looking)
