"""One Airflow DAG for each release file in include/releases."""

from pathlib import Path

from airflow.sdk import get_parsing_context

from app_service_canary.dag_factory import release_dags

# From this file and not from the working directory: a versioned bundle moves the project.
RELEASES = Path(__file__).resolve().parent.parent / "include" / "releases"

# The DAG processor needs all of them; a task's process its own alone, and should not wait for the others.
for dag in release_dags(RELEASES, only=get_parsing_context().dag_id):
    globals()[dag.dag_id] = dag
