"""Where Airflow's metadata are, and what is read of them."""

import sqlite3
from pathlib import Path

import pytest
from chaos.database import SQLITE, _program, database
from chaos.metadata import Metadata

from demo.errors import DemonstrationError
from demo.processes import Processes
from demo.run_directory import RunDirectory


def test_sqlite_is_a_file_of_the_runs_own(tmp_path: Path) -> None:
    with database(SQLITE, Processes(RunDirectory(tmp_path))) as address:
        assert address == f"sqlite:///{tmp_path}/airflow.db"


def test_a_missing_postgresql_is_named_with_what_to_do() -> None:
    with pytest.raises(DemonstrationError, match="there is no no-such-server: install postgresql"):
        _program("no-such-server")


def test_deferred_tasks_and_unended_runs_are_told_by_run(tmp_path: Path) -> None:
    file = tmp_path / "airflow.db"
    with sqlite3.connect(file) as airflow:
        airflow.execute("CREATE TABLE task_instance (dag_id, run_id, task_id, state)")
        airflow.execute("CREATE TABLE dag_run (dag_id, run_id, state)")
        tasks = [("a", "1", "swap", "deferred"), ("a", "1", "drain", "success"), ("b", "1", "watch", "deferred")]
        airflow.executemany("INSERT INTO task_instance VALUES (?, ?, ?, ?)", tasks)
        runs = [("a", "1", "running"), ("b", "1", "queued"), ("c", "1", "success"), ("c", "2", "failed")]
        airflow.executemany("INSERT INTO dag_run VALUES (?, ?, ?)", runs)
    metadata = Metadata(f"sqlite:///{file}")
    assert metadata.deferred() == {("a", "1"): {"swap"}, ("b", "1"): {"watch"}}
    assert metadata.active_runs() == {("a", "1"), ("b", "1")}
    metadata.close()
    airflow.close()
