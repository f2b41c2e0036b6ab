"""What a look at the canary goes by, and what one leaves for the next. A release looks as it sends users, while it
watches them, and while a manager decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from app_service_canary.operators.task import was_cleared
from app_service_canary.release.record import file_name

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.sdk import Context

    from app_service_canary.release.analysis import Analysis
    from app_service_canary.release.app_state import AppTarget
    from app_service_canary.release.policy import Readiness, Watch


class Looking(Protocol):
    """A task that looks at the canary, or has it looked at."""

    readiness: Readiness
    watch: Watch
    analysis: Analysis

    @property
    def target(self) -> AppTarget: ...

    def trigger_arguments(self, poll_interval: timedelta) -> dict[str, Any]: ...


def look_arguments(
    task: Looking, context: Context, hosts_by_side: Mapping[str, str], evidence: Mapping[str, Any]
) -> dict[str, Any]:
    """What a `CanaryAnalysisTrigger` goes by, whichever task it looks for.

    Args:
        task: by whose settings.
        context: of its try.
        hosts_by_side: host to ask for each side that is watched, by the side's name.
        evidence: what earlier looks left, by source.
    """
    ti, target = context["ti"], task.target
    record_path = None
    if task.analysis.record:
        name = file_name([ti.dag_id, ti.run_id, f"{ti.task_id}.{ti.try_number}"])
        record_path = f"{task.analysis.record.rstrip('/')}/{name}"
    return {
        "hosts_by_side": dict(hosts_by_side),
        "path": task.readiness.path,
        "good_statuses": list(task.readiness.statuses),
        "failure_limit": task.watch.failure_limit,
        "min_answers": task.watch.min_answers,
        "answer_timeout_seconds": task.watch.timeout.total_seconds(),
        "analysis": task.analysis.model_dump(mode="json"),
        "evidence": dict(evidence),
        "record_path": record_path,
        "about": {
            "app": target.app,
            "slot": target.slot,
            "dag_id": ti.dag_id,
            "run_id": ti.run_id,
            "task_id": ti.task_id,
            "try_number": ti.try_number,
        },
        "deadline": None,
        **task.trigger_arguments(task.watch.poll_interval),
    }


def last_evidence(context: Context, look_task_ids: Sequence[str]) -> dict[str, Any]:
    """The evidence of the last of these looks that left any, by source."""
    for task in reversed(look_task_ids):
        seen = context["ti"].xcom_pull(task_ids=task)
        if isinstance(seen, dict) and seen.get("evidence"):
            return dict(seen["evidence"])
    return {}


def evidence_before(context: Context, look_task_ids: Sequence[str], retries: int | None) -> dict[str, Any]:
    """As `last_evidence`, for a look that goes on from there. One that a person has cleared does not go on from when
    they ended: in between users were on the stable version, or whatever it was that made them clear it."""
    kept = last_evidence(context, look_task_ids)
    if was_cleared(context, retries):
        return {source: {**each, "until": None} for source, each in kept.items()}
    return kept


def own_requests_before(context: Context, look_task_ids: Sequence[str]) -> dict[str, Any] | None:
    """The requests of our own up to this look, as the one right before it has left them; None where it has not, as
    when a person ended it: then those of an earlier one are not all there were."""
    seen = context["ti"].xcom_pull(task_ids=look_task_ids[-1]) if look_task_ids else None
    own = seen.get("own") if isinstance(seen, dict) else None
    return dict(own) if own else None
