"""One Airflow DAG for each release file in include/releases."""

from pathlib import Path

from app_service_canary.dag_factory import release_dags

# From this file and not from the working directory: a versioned bundle moves the project.
RELEASES = Path(__file__).resolve().parent.parent / "include" / "releases"

for dag in release_dags(RELEASES):
    globals()[dag.dag_id] = dag
