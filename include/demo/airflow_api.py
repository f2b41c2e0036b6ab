"""Airflow's stable REST API (`/api/v2`), as far as a release needs it, for one signed-in user.

https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from graphlib import TopologicalSorter
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import BaseModel, Field, JsonValue

from demo.airflow_home import User

TIMEOUT = 90.0  # seconds; SQLite makes requests queue behind each other while the scheduler writes
CONNECT_RETRIES = 3  # of httpx's transport: only connections that were never made are tried again
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before Airflow is asked again that answered with an internal server error


class TaskInstance(BaseModel):
    """One task of the run: `state` is Airflow's word, None before it was scheduled; `duration` in seconds."""

    task_id: str
    state: str | None
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None = None
    try_number: int = 0
    operator: str | None = None

    @property
    def finished(self) -> bool:
        return self.state in {"success", "failed", "skipped", "upstream_failed", "removed"}


class DagRun(BaseModel):
    """The run as a whole: `state` is queued, running, success or failed."""

    dag_run_id: str
    state: str
    start_date: datetime | None
    end_date: datetime | None

    @property
    def finished(self) -> bool:
        return self.state in {"success", "failed"}


class HumanTask(BaseModel):
    """What a task asks of a person under Required Actions (Airflow's "human in the loop" detail)."""

    options: list[str]
    subject: str
    body: str | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict)
    response_received: bool = False


class ImportFailure(BaseModel):
    """A DAG file that Airflow could not load."""

    filename: str | None
    stack_trace: str


class Patient(httpx.HTTPTransport):
    """Asks again, as a person would, when Airflow answers with an internal server error: with SQLite it does so
    whenever it could not write because somebody else did, and then it has written nothing."""

    def __init__(self) -> None:
        super().__init__(retries=CONNECT_RETRIES)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for pause in PAUSES:
            response = super().handle_request(request)
            if response.status_code != HTTPStatus.INTERNAL_SERVER_ERROR:
                return response
            response.close()
            time.sleep(pause)
        return super().handle_request(request)


class AirflowApi:
    """Requests of one user. Every method raises httpx.HTTPStatusError on an answer it does not expect."""

    def __init__(self, url: str, user: User, transport: httpx.BaseTransport | None = None) -> None:
        self.user = user
        self.client = httpx.Client(
            base_url=url,
            timeout=TIMEOUT,
            transport=transport or Patient(),
            trust_env=False,
        )

    def close(self) -> None:
        self.client.close()

    def sign_in(self) -> None:
        """Exchange the password for a token, used from now on; it lasts a day."""
        answer = self.client.post(
            "/auth/token", json={"username": self.user.name, "password": self.user.password}
        ).raise_for_status()
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _get(self, path: str, **parameters: str | int | bool) -> Any:
        return self.client.get(f"/api/v2{path}", params=parameters).raise_for_status().json()

    def _get_if_there(self, path: str, **parameters: str | int | bool) -> Any | None:
        answer = self.client.get(f"/api/v2{path}", params=parameters)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return answer.raise_for_status().json()

    def has_dag(self, dag_id: str) -> bool:
        return self._get_if_there(f"/dags/{dag_id}") is not None

    def import_failures(self) -> list[ImportFailure]:
        return [ImportFailure.model_validate(each) for each in self._get("/importErrors")["import_errors"]]

    def tasks_in_order(self, dag_id: str) -> list[str]:
        """The ids of the DAG's tasks, each after those it follows."""
        tasks = self._get(f"/dags/{dag_id}/tasks")["tasks"]
        return in_order({task["task_id"]: task["downstream_task_ids"] for task in tasks})

    def trigger(self, dag_id: str, conf: Mapping[str, JsonValue], note: str, run_id: str | None = None) -> DagRun:
        """Start a run; Airflow chooses its id if none is given."""
        body = {"logical_date": None, "conf": dict(conf), "note": note, "dag_run_id": run_id}
        answer = self.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        return DagRun.model_validate(answer.raise_for_status().json())

    def run(self, dag_id: str, run_id: str) -> DagRun:
        return DagRun.model_validate(self._get(f"/dags/{dag_id}/dagRuns/{run_id}"))

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        answer = self._get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=100)
        return [TaskInstance.model_validate(each) for each in answer["task_instances"]]

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any | None:
        """The value a task left behind, or None when it left none."""
        answer = self._get_if_there(
            f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}", deserialize=False
        )
        return None if answer is None else answer["value"]

    def set_variable(self, key: str, value: str) -> None:
        self.client.post("/api/v2/variables", json={"key": key, "value": value}).raise_for_status()

    def human_task(self, dag_id: str, run_id: str, task_id: str) -> HumanTask | None:
        """What the task asks, or None while it has not asked yet."""
        answer = self._get_if_there(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails")
        return None if answer is None else HumanTask.model_validate(answer)

    def respond(self, dag_id: str, run_id: str, task_id: str, option: str, parameters: Mapping[str, str]) -> bool:
        """Give the user's answer; False when somebody else had answered before."""
        answer = self.client.patch(
            f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails",
            json={"chosen_options": [option], "params_input": dict(parameters)},
        )
        if answer.status_code == HTTPStatus.CONFLICT:
            return False
        answer.raise_for_status()
        return True


def in_order(followers: Mapping[str, Sequence[str]]) -> list[str]:
    """Task ids so that each stands after all that it follows; given are the direct followers of each."""
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(followers, ()))
    for task_id, direct in followers.items():
        for follower in direct:
            sorter.add(follower, task_id)
    return list(sorter.static_order())


def is_healthy(url: str) -> bool | None:
    """True when all of Airflow's components report healthy, None while they do not (see Processes.wait_for)."""
    try:
        health = httpx.get(f"{url}/api/v2/monitor/health", timeout=TIMEOUT, trust_env=False).raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None
    components = ("metadatabase", "scheduler", "triggerer", "dag_processor")
    return True if all(health[name]["status"] == "healthy" for name in components) else None
