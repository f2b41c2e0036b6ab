"""The DAG that looks after what releases have left behind, one task for each release file."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from app_service_canary.dag_factory import DAG_ID_PREFIX, RETRIES, read_releases
from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.operators.watchdog import ReleaseWatchdogOperator

EVERY = timedelta(minutes=5)
"""A rule that was left over is seen within one interval and acted upon after the next: in ten minutes at most. One look
at an app takes four requests of Azure's thousands in five minutes."""

REMEMBERED = 3
"""Looks after which the last one that saw something is too long ago: two may fail for trouble in Azure."""

BEGINNING = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""Airflow schedules nothing without a date to count from; any in the past will do."""

DOCUMENTATION = """
Looks at every app of the release files for what a release would have undone at its end: a traffic rule for the canary
slot, a slot that runs, a pending swap with preview. What no living release answers for is reported, by a task that
fails with a sentence, or cleared: `watchdog` in the release file says which.
"""


def watchdog_dag(folder: Path, *, every: timedelta = EVERY, only: str | None = None, on_failure: Any = None) -> DAG:
    """The DAG `canary_watchdog`.

    A release file that cannot be used has no task here; it has an import error of its own.

    Args:
        folder: where the release files are.
        every: pause between two looks. A task that takes longer is ended.
        only: the id of the one task that is needed; None: all of them.
        on_failure: Airflow's `on_failure_callback` of each task, such as a notifier; None: none.
    """
    with DAG(
        dag_id="canary_watchdog",
        description="Finds what no living release answers for",
        doc_md=DOCUMENTATION,
        schedule=every,
        start_date=BEGINNING,
        catchup=False,
        max_active_runs=1,
        # Not subject to how new DAGs begin: a watchdog that nobody has switched on protects nobody.
        is_paused_upon_creation=False,
        default_args={
            **RETRIES,
            # Fewer and slower than a release's: the next run looks again anyway, and an Airflow that is just starting
            # may lose tasks for a minute, of which nobody need be told.
            "retries": 3,
            "retry_delay": timedelta(seconds=20),
            "execution_timeout": every,
            "on_failure_callback": on_failure,
        },
        tags=["canary-release"],
    ) as dag:
        for name, _, policy in read_releases(folder, only):
            if isinstance(policy, InvalidReleasePlan):
                continue
            ReleaseWatchdogOperator(
                task_id=name,
                policy=policy,
                release_dag_id=f"{DAG_ID_PREFIX}{name}",
                forgotten_after=REMEMBERED * every,
                resource_group=policy.resource_group,
                app=policy.app,
                slot=policy.slot,
                azure_app_service_conn_id=policy.connection,
            )
    return dag
