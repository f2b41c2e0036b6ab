"""One Airflow DAG that looks after what releases have left behind, for all release files in include/releases."""

from pathlib import Path

from airflow.sdk import get_parsing_context

from app_service_canary.watchdog_dag import watchdog_dag

# From this file and not from the working directory: a versioned bundle moves the project.
RELEASES = Path(__file__).resolve().parent.parent / "include" / "releases"

# A task's process needs its own release file alone.
canary_watchdog = watchdog_dag(RELEASES, only=get_parsing_context().task_id)
