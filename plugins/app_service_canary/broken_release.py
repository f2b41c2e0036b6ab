"""A release file that cannot be read, as an import error of its own."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from airflow.sdk import DAG

from app_service_canary.errors import InvalidReleasePlan

NOT_IN_AN_ID = r"[^A-Za-z0-9_.-]"


class BrokenRelease(DAG):
    """Stands in for the DAG of a release file that cannot be read.

    One DAG file builds the DAGs of all release files. Were it to raise, none would load, and an error recorded
    for the DAG file makes Airflow set all its DAGs aside. So the error has to be one of the release file: Airflow
    records a DAG that it cannot serialise under that DAG's own file, and this DAG cannot be.

    Args:
        name: the release file's name without its ending.
        file: the release file, as it shall be shown.
        error: what is wrong with it.
    """

    @classmethod
    def of(cls, name: str, file: str, error: InvalidReleasePlan) -> BrokenRelease:
        """Stands in for the DAG of one release file."""
        broken = cls(
            dag_id=f"broken_release.{re.sub(NOT_IN_AN_ID, '_', name)[:200]}", schedule=None, auto_register=False
        )
        broken.__dict__["_file"], broken.__dict__["_error"] = file, error
        return broken

    @property
    def relative_fileloc(self) -> str:
        return str(self.__dict__["_file"])

    @relative_fileloc.setter
    def relative_fileloc(self, value: Any) -> None:
        # Airflow sets the DAG file here; the mistake is in the release file.
        pass

    @property
    def task_group(self) -> NoReturn:
        """What serialising a DAG asks for, and loading one does not."""
        raise InvalidReleasePlan(str(self.__dict__["_error"]))

    @task_group.setter
    def task_group(self, value: Any) -> None:
        pass
