"""What Airflow's database says of all runs at once: its API, asked twice a second, would have less time for tasks."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine, text

DEFERRED = text("SELECT dag_id, run_id, task_id FROM task_instance WHERE state = 'deferred'")
ACTIVE = text("SELECT dag_id, run_id FROM dag_run WHERE state IN ('queued', 'running')")

Run = tuple[str, str]
"""A DAG's id and a run's."""


class Metadata:
    """Reads the database at `url`, and only reads."""

    def __init__(self, url: str) -> None:
        self._engine: Engine = create_engine(url)

    def deferred(self) -> dict[Run, set[str]]:
        """The tasks whose wait the triggerer has, by run."""
        found: dict[Run, set[str]] = {}
        with self._engine.connect() as connection:
            for dag_id, run_id, task_id in connection.execute(DEFERRED):
                found.setdefault((dag_id, run_id), set()).add(task_id)
        return found

    def active_runs(self) -> set[Run]:
        """The runs that have not ended."""
        with self._engine.connect() as connection:
            return {(dag_id, run_id) for dag_id, run_id in connection.execute(ACTIVE)}

    def close(self) -> None:
        self._engine.dispose()
