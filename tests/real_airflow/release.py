"""One app, its release file, and a release of it under way in a real Airflow."""

import re
from typing import Any
from urllib.parse import quote

import yaml
from tests.real_airflow.running import RunningAirflow, wait_until
from tests.simulator import RunningSimulator, sample_package

SIGNATURE = "Zm9ydHktdHdvIGlz/IHRoZSBhbnN3ZXI+ALSOdGhlIHF1ZXN0aW9u="
"""Of the shared access signature in every package's address here, as it reads decoded."""

TELLTALES = [part for part in re.split(r"\W", SIGNATURE) if part]
"""Its parts without the signs that encodings change: none of them may be found, whatever the encoding."""

APPROVAL = "approval"
WATCH = "canary_20.watch"
PROMOTED_WATCH = "watch_promoted"


class Release:
    """An app of the simulator with version 1.0.0 in production, and a DAG to release 2.0.0.

    Args:
        name: of the release file, hence of the DAG.
        parked_at: the task at which the release waits for a person.
        changes: what its release file says otherwise than the others'.
        seconds_to_start: how long the new version takes to listen. Above 0 the app has a sticky setting too, so
            that a swap restarts the slot, and takes at least as long.
    """

    def __init__(
        self,
        airflow: RunningAirflow,
        simulator: RunningSimulator,
        name: str,
        parked_at: str = APPROVAL,
        seconds_to_start: int = 0,
        **changes: Any,
    ) -> None:
        self.airflow, self.simulator, self.parked_at = airflow, simulator, parked_at
        self.app = simulator.create_app("1.0.0", slot_running=False)
        self.dag_id = f"canary_release.{name}"
        self.run_id = self.queued = ""
        if seconds_to_start:
            sticky = {"properties": {"appSettingNames": ["ENVIRONMENT_NAME"]}}
            simulator.arm("PUT", f"{simulator.app_path(self.app)}/config/slotConfigNames", sticky).raise_for_status()
        content = sample_package("2.0.0", SAMPLE_START_DELAY_S=str(seconds_to_start))
        package = simulator.put_package(f"{name}.zip", content)
        self.package_uri = f"{package}?sv=2024-11-04&sr=b&sp=r&sig={quote(SIGNATURE, safe='')}"
        policy = {
            "app": self.app,
            "resource_group": simulator.resource_group,
            "slot": "stage",
            "readiness": {"path": "/health", "version_path": "/version", "consecutive": 1},
            "steps": [{"weight": 20, "bake": "1s"}],
            "watch": {"poll_interval": "1s", "min_answers": 1, "promoted_bake": "1s"},
            "analysis": {"sources": {}},
            **changes,
        }
        (airflow.releases / f"{name}.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")

    @property
    def variable(self) -> str:
        """The key of the Variable that opens the gate."""
        return f"canary_approval__{self.dag_id}__{self.run_id}"

    # --- what people do ---

    def trigger(self, **params: Any) -> str:
        """Oliver triggers a release of 2.0.0; the run's id. The first run is the one that everything else is about."""
        conf = {"version": "2.0.0", "package_uri": self.package_uri, **params}
        run_id = self.airflow.oliver.trigger(self.dag_id, conf, "").dag_run_id
        self.run_id = self.run_id or run_id
        return run_id

    def mark(self, task_id: str, state: str) -> None:
        """Oliver marks a task in the grid."""
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{task_id}"
        self.airflow.oliver.client.patch(path, json={"new_state": state}).raise_for_status()

    def mark_run_failed(self, run_id: str = "") -> None:
        """Oliver marks the run failed."""
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{run_id or self.run_id}"
        self.airflow.oliver.client.patch(path, json={"state": "failed"}).raise_for_status()

    def respond(self, person: str, option: str, comment: str = "", task_id: str = APPROVAL) -> int:
        """Somebody responds under Required Actions; the status of Airflow's answer."""
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{task_id}/-1/hitlDetails"
        response = {"chosen_options": [option], "params_input": {"comment": comment}}
        return int(getattr(self.airflow, person).client.patch(path, json=response).status_code)

    # --- what Airflow says ---

    def state(self, task_id: str) -> str | None:
        tasks = self.airflow.oliver.task_instances(self.dag_id, self.run_id)
        return next(task.state for task in tasks if task.task_id == task_id)

    def run_state(self, run_id: str = "") -> str:
        return self.airflow.oliver.run(self.dag_id, run_id or self.run_id).state

    def left_behind(self, task_id: str) -> dict[str, Any]:
        value = self.airflow.oliver.xcom(self.dag_id, self.run_id, task_id)
        assert isinstance(value, dict), f"{task_id} left {value!r}"
        return value

    def log(self, task_id: str) -> str:
        """What the task's log says so far, all tries and both halves of it."""
        folder = self.airflow.home.path / "logs" / f"dag_id={self.dag_id}" / f"run_id={self.run_id}"
        return "\n".join(file.read_text() for file in sorted(folder.glob(f"task_id={task_id}/*")))

    def wait_until_loaded(self) -> None:
        """Until its release file is a DAG."""
        wait_until(lambda: self.airflow.oliver.has_dag(self.dag_id), f"{self.dag_id} is loaded")

    def wait_for(self, task_id: str, *states: str) -> None:
        wait_until(lambda: self.state(task_id) in states, f"{task_id} of {self.dag_id} is {' or '.join(states)}")

    def wait_until_parked(self, task_id: str = "") -> None:
        """Until it waits for a person, in the triggerer."""
        self.wait_for(task_id or self.parked_at, "deferred")

    def wait_for_the_end(self) -> str:
        """Until the run has ended; its state."""
        wait_until(lambda: self.airflow.oliver.run(self.dag_id, self.run_id).finished, f"{self.dag_id} has ended")
        return self.run_state()

    @property
    def sentence(self) -> str:
        return str(self.left_behind("outcome")["sentence"])

    # --- what Azure and users say ---

    def rules(self) -> list[Any]:
        config = self.simulator.arm("GET", f"{self.simulator.app_path(self.app)}/config/web").json()
        return list(config["properties"]["experiments"]["rampUpRules"])

    def version(self) -> str:
        """What production serves to a new user."""
        return self.simulator.version(self.app)

    def calls(self, ending: str = "") -> int:
        """How many calls the control plane has answered about this app, by the end of their path."""
        paths = (call["path"] for call in self.simulator.journal())
        return sum(f"/sites/{self.app}" in path and path.endswith(ending) for path in paths)
