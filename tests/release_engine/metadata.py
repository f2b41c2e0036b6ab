"""What Airflow's database keeps of one run, and what it answers to the messages of tasks and triggers."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from airflow.sdk.api.datamodels._generated import DagRun, HITLDetailResponse
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import comms
from uuid6 import uuid7

FINISHED = ("success", "failed", "skipped", "upstream_failed")


@dataclass
class TaskRow:
    """One task instance.

    Attributes:
        state: Airflow's word; None: not looked at yet.
        id: changes with every try.
        max_tries: how often it is retried; raised when it is cleared.
        retry_at: when its next try may begin.
        next_method, next_kwargs: where it goes on after a deferral, as serialised.
        trigger: what it waits for: class path and serialised arguments, as the database has them.
        human: what it asks a person; `response` the answer.
    """

    task_id: str
    max_tries: int
    state: str | None = None
    id: UUID = field(default_factory=uuid7)
    try_number: int = 0
    retry_at: datetime | None = None
    next_method: str | None = None
    next_kwargs: dict[str, Any] | None = None
    trigger: tuple[str, str] | None = None
    human: dict[str, Any] | None = None
    response: dict[str, Any] | None = None

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    def leave_deferral(self) -> None:
        """Forgets what it waited for."""
        self.next_method = self.next_kwargs = self.trigger = None


@dataclass
class Shared:
    """What the runs of a deployment of Airflow share.

    Attributes:
        connections: by id, as JSON, as in an environment variable `AIRFLOW_CONN_…`.
        variables: by key.
        asset_events: oldest first, as Airflow's API shows them.
        asset_states: the assets' state stores, by asset and key, as JSON.
        runs: by id.
    """

    connections: dict[str, str]
    variables: dict[str, str] = field(default_factory=dict)
    asset_events: list[dict[str, Any]] = field(default_factory=list)
    asset_states: dict[tuple[str, str], str] = field(default_factory=dict)
    runs: dict[str, "Metadata"] = field(default_factory=dict)

    def note_events(self, outlet_events: list[dict[str, Any]]) -> None:
        """Keeps the asset events of a task that has succeeded."""
        for event in outlet_events:
            key = event["dest_asset_key"]
            self.asset_events.append(
                {
                    "id": len(self.asset_events) + 1,
                    "timestamp": datetime.now(timezone.utc),
                    "extra": json.loads(json.dumps(event["extra"])),
                    "asset": {"name": key["name"], "uri": key["uri"], "group": ""},
                    "created_dagruns": [],
                }
            )


class Metadata:
    """The rows of one run. Everything is kept as JSON, so that nothing gets by that Airflow could not store.

    Args:
        dag_id, run_id: of the run.
        conf: the run's configuration.
        shared: with other runs.
    """

    def __init__(self, dag_id: str, run_id: str, conf: dict[str, Any], shared: Shared) -> None:
        self.dag_id, self.run_id, self.shared = dag_id, run_id, shared
        self.variables = shared.variables
        shared.runs[run_id] = self
        self.tasks: dict[str, TaskRow] = {}
        self.xcoms: dict[tuple[str, str], str] = {}
        self.states: dict[tuple[str, str], str] = {}
        """The task state stores, by task and key."""
        started = datetime.now(timezone.utc)
        self.run = DagRun.model_validate(
            {
                "dag_id": dag_id,
                "run_id": run_id,
                "logical_date": started,
                "data_interval_start": started,
                "data_interval_end": started,
                "run_after": started,
                "start_date": started,
                "end_date": None,
                "run_type": "manual",
                "state": "running",
                "conf": json.loads(json.dumps(conf)),
                "consumed_asset_events": [],
                "partition_key": None,
            }
        )
        self.trouble: list[str] = []
        """Messages that this stand-in had no answer to; a test that leaves any has proved nothing."""
        self._answers: dict[type[Any], Callable[[Any], Any]] = {
            comms.GetXCom: self._get_xcom,
            comms.GetXComSequenceSlice: self._get_xcoms,
            comms.SetXCom: self._set_xcom,
            comms.DeleteXCom: self._delete_xcom,
            comms.GetTaskStateStore: self._get_state,
            comms.SetTaskStateStore: self._set_state,
            comms.DeleteTaskStateStore: self._delete_state,
            comms.GetAssetStateStoreByName: self._get_asset_state,
            comms.SetAssetStateStoreByName: self._set_asset_state,
            comms.GetVariable: self._get_variable,
            comms.PutVariable: self._put_variable,
            comms.DeleteVariable: self._delete_variable,
            comms.GetConnection: self._get_connection,
            comms.GetTaskStates: self._get_task_states,
            comms.CreateHITLDetailPayload: self._ask_person,
            comms.GetHITLDetailResponse: self._get_response,
            comms.ValidateInletsAndOutlets: lambda message: comms.InactiveAssetsResult(inactive_assets=[]),
            comms.GetAssetEventByAsset: self._get_asset_events,
            comms.SetRenderedFields: lambda message: json.dumps(message.rendered_fields) and None,
            comms.MaskSecret: lambda message: None,
        }

    def answer(self, message: Any) -> Any:
        """The database's answer to a message of a task or trigger."""
        try:
            return self._answers[type(message)](message)
        except Exception as error:
            # Airflow's own code takes some of these for "there is none".
            self.trouble.append(f"{type(message).__name__}: {error!r}")
            raise

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        """What a task left under a key; None when it left nothing."""
        value = self.xcoms.get((task_id, key))
        return None if value is None else json.loads(value)

    def _get_xcom(self, message: Any) -> Any:
        run = self.shared.runs[message.run_id]
        return comms.XComResult(key=message.key, value=run.xcom(message.task_id, message.key))

    def _get_xcoms(self, message: Any) -> Any:
        value = self.xcoms.get((message.task_id, message.key))
        return comms.XComSequenceSliceResult(root=[] if value is None else [json.loads(value)])

    def _set_xcom(self, message: Any) -> Any:
        self.xcoms[message.task_id, message.key] = json.dumps(message.value)
        return comms.OKResponse(ok=True)

    def _delete_xcom(self, message: Any) -> Any:
        self.xcoms.pop((message.task_id, message.key), None)
        return comms.OKResponse(ok=True)

    def _task_of(self, ti_id: UUID) -> TaskRow:
        return next(row for row in self.tasks.values() if row.id == ti_id)

    def _get_state(self, message: Any) -> Any:
        value = self.states.get((self._task_of(message.ti_id).task_id, message.key))
        if value is None:
            return comms.ErrorResponse(error=ErrorType.TASK_STORE_NOT_FOUND, detail={"key": message.key})
        return comms.TaskStateStoreResult(value=json.loads(value))

    def _set_state(self, message: Any) -> Any:
        self.states[self._task_of(message.ti_id).task_id, message.key] = json.dumps(message.value)
        return comms.OKResponse(ok=True)

    def _delete_state(self, message: Any) -> Any:
        self.states.pop((self._task_of(message.ti_id).task_id, message.key), None)
        return comms.OKResponse(ok=True)

    def _get_asset_state(self, message: Any) -> Any:
        value = self.shared.asset_states.get((message.name, message.key))
        if value is None:
            return comms.ErrorResponse(error=ErrorType.ASSET_STORE_NOT_FOUND, detail={"key": message.key})
        return comms.AssetStateStoreResult(value=json.loads(value))

    def _set_asset_state(self, message: Any) -> Any:
        self.shared.asset_states[message.name, message.key] = json.dumps(message.value)
        return comms.OKResponse(ok=True)

    def _get_variable(self, message: Any) -> Any:
        if message.key not in self.variables:
            return comms.ErrorResponse(error=ErrorType.VARIABLE_NOT_FOUND, detail={"key": message.key})
        return comms.VariableResult(key=message.key, value=self.variables[message.key])

    def _put_variable(self, message: Any) -> Any:
        self.variables[message.key] = message.value
        return comms.OKResponse(ok=True)

    def _delete_variable(self, message: Any) -> Any:
        self.variables.pop(message.key, None)
        return comms.OKResponse(ok=True)

    def _get_connection(self, message: Any) -> Any:
        if message.conn_id not in self.shared.connections:
            return comms.ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND, detail={"conn_id": message.conn_id})
        fields: dict[str, Any] = {"host": None, "schema": None, "login": None, "password": None, "port": None}
        fields |= json.loads(self.shared.connections[message.conn_id])
        fields["extra"] = json.dumps(fields.get("extra") or {})
        return comms.ConnectionResult.model_validate({"conn_id": message.conn_id, **fields})

    def _get_asset_events(self, message: Any) -> Any:
        assert (message.after, message.before) == (None, None), "moments are not asked for"
        found = [event for event in self.shared.asset_events if message.uri in (None, event["asset"]["uri"])]
        found = found if message.ascending else found[::-1]
        return comms.AssetEventsResult.model_validate({"asset_events": found[: message.limit]})

    def _get_task_states(self, message: Any) -> Any:
        def states(run: Metadata) -> dict[str, str | None]:
            asked = message.task_ids if message.task_ids is not None else list(run.tasks)
            return {task: run.tasks[task].state for task in asked if task in run.tasks}

        return comms.TaskStatesResult(task_states={run: states(self.shared.runs[run]) for run in message.run_ids})

    def _ask_person(self, message: Any) -> Any:
        row = self._task_of(message.ti_id)
        # As Airflow does: a second request keeps the first one's text, and forgets its answer.
        row.human, row.response = row.human or message.model_dump(mode="json", exclude={"ti_id", "type"}), None
        return comms.HITLDetailRequestResult.model_validate({**row.human, "ti_id": message.ti_id})

    def _get_response(self, message: Any) -> Any:
        row = self._task_of(message.ti_id)
        if row.human is None:
            return comms.ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 404})
        given = row.response
        return HITLDetailResponse(
            response_received=given is not None,
            responded_by_user=given["responded_by_user"] if given else None,
            responded_at=given["responded_at"] if given else None,
            chosen_options=given["chosen_options"] if given else None,
            params_input=given["params_input"] if given else None,
        )
