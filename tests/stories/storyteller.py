"""Tells one release from trigger to end, with visitors on the app all the while."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import yaml
from tests.airflow_environment import DAGS, RELEASES
from tests.simulator import RunningSimulator, sample_package

SIGNATURE = "sv=2024-11-04&se=2999-12-31&sr=b&sp=r&sig=Zm9ydHktdHdvIGlzIHRoZSBhbnN3ZXI%3D"
"""A shared access signature, as a package's address carries one."""


@dataclass
class Told:
    """How a release went.

    Attributes:
        state: of the run.
        tasks: the state of each task.
        outcome: what the task `outcome` said, and `xcoms` what each task returned.
        visits: status of each visitor's request at the app's own host.
    """

    state: str
    tasks: dict[str, str | None]
    xcoms: dict[str, Any]
    run_id: str
    visits: list[int] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        return str(self.xcoms["outcome"]["sentence"])

    @property
    def failed_visits(self) -> list[int]:
        return [status for status in self.visits if status != 200]


class Storyteller:
    """One app of the simulator, its release file, and the people around it."""

    def __init__(self, simulator: RunningSimulator) -> None:
        self.simulator = simulator
        self.app = simulator.create_app("1.0.0", slot_running=False)
        self.policy: dict[str, Any] = {
            "app": self.app,
            "resource_group": simulator.resource_group,
            "slot": "stage",
            "readiness": {"path": "/health", "version_path": "/version", "timeout": "20s", "consecutive": 2},
            "steps": [{"weight": 20, "bake": "1s"}, {"weight": 50, "bake": "1s"}],
            "watch": {"poll_interval": "1s", "failure_limit": 2, "min_answers": 1, "promoted_bake": "1s"},
            "analysis": {"sources": {}},
            "approval": {"timeout": "2m"},
            "restore_timeout": "1m",
        }
        self.file = RELEASES / f"{self.app}.yaml"
        self.dag_id = f"canary_release.{self.app}"
        self._people: list[Callable[[], None]] = []
        self._told: set[str] = set()
        """The runs of releases that were told already."""
        self._over = threading.Event()

    def end(self) -> None:
        self.file.unlink(missing_ok=True)
        self.simulator.delete_app(self.app)

    # -- the people ----------------------------------------------------------------------------------

    def manager_writes(self, value: str) -> None:
        """A manager sets the run's Variable once the gate has opened."""

        def write() -> None:
            from airflow.models import Variable

            run_id = self.wait_until_it_waits("approval")
            Variable.set(f"canary_approval__{self.dag_id}__{run_id}", value)

        self._people.append(write)

    def while_waiting_in(self, task_id: str, then: Callable[[], Any]) -> None:
        """Somebody does something while a task waits."""

        def act() -> None:
            self.wait_until_it_waits(task_id)
            then()

        self._people.append(act)

    def wait_until_it_waits(self, task_id: str) -> str:
        """Waits until the task has begun to wait, which it notes in its state store; the run's id."""
        from airflow.models.task_state_store import TaskStateStoreModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        while not self._over.is_set():
            with create_session() as session:
                found = session.scalars(
                    select(TaskStateStoreModel.run_id).where(
                        TaskStateStoreModel.dag_id == self.dag_id,
                        TaskStateStoreModel.task_id == task_id,
                        TaskStateStoreModel.run_id.not_in(self._told),
                    )
                ).first()
            if found:
                return str(found)
            self._over.wait(0.05)
        raise AssertionError(f"the release ended before task {task_id} waited")

    def _visit(self, visits: list[int]) -> None:
        while not self._over.is_set():
            visits.append(self.simulator.visit(self.app).status_code)
            self._over.wait(0.02)

    # -- the release ---------------------------------------------------------------------------------

    def package(self, version: str = "2.0.0", **settings: str) -> str:
        """The address, with a signature, of a package of the sample app."""
        name = f"{self.app}-{version}.zip"
        url = self.simulator.put_package(name, sample_package(version, **settings))
        return f"{url}?{SIGNATURE}"

    def dag(self) -> Any:
        """The DAG that the release file becomes."""
        from airflow.dag_processing.dagbag import DagBag

        self.file.write_text(yaml.safe_dump(self.policy), encoding="utf-8")
        bag = DagBag(str(DAGS))
        assert bag.import_errors == {}
        dag = bag.dags[self.dag_id]
        for task in dag.tasks:
            # The simulator does not mind being asked often, as Azure would.
            if hasattr(task, "azure_app_service_conn_id") and hasattr(task, "poll_interval"):
                task.poll_interval = timedelta(seconds=0.2)
        return dag

    def tell(self, **params: Any) -> Told:
        """Runs the release to its end, with visitors and people about."""
        conf = {"version": "2.0.0", **params}
        if not {"package_uri", "image"} & set(conf):
            conf["package_uri"] = self.package(conf["version"])
        dag = self.dag()
        visits: list[int] = []
        threads = [threading.Thread(target=self._visit, args=(visits,))]
        threads += [threading.Thread(target=person) for person in self._people]
        for thread in threads:
            thread.start()
        try:
            run = dag.test(run_conf=conf)
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
        self._people, self._over = [], threading.Event()
        self._told.add(run.run_id)
        return self._how_it_went(run, visits)

    def _how_it_went(self, run: Any, visits: list[int]) -> Told:
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            rows = session.scalars(
                select(XComModel).where(XComModel.run_id == run.run_id, XComModel.dag_id == self.dag_id)
            ).all()
            xcoms = {row.task_id: XComModel.deserialize_value(row) for row in rows if row.key == "return_value"}
            tasks = {ti.task_id: ti.state and str(ti.state) for ti in run.get_task_instances(session=session)}
        return Told(str(run.state), tasks, xcoms, run.run_id, visits)

    # -- the world afterwards ------------------------------------------------------------------------

    def rules(self) -> list[Any]:
        config = self.simulator.arm("GET", f"{self.simulator.app_path(self.app)}/config/web").json()
        return list(config["properties"]["experiments"]["rampUpRules"])

    def slot_state(self, slot: str = "stage") -> str:
        return str(self.simulator.arm("GET", self.simulator.app_path(self.app, slot)).json()["properties"]["state"])

    def version(self) -> str:
        """What production serves."""
        return self.simulator.version(self.app)

    def pinned_user_sees(self) -> str:
        """Which version a user gets whose cookie says that they were sent to the slot."""
        cookie = {"Cookie": "x-ms-routing-name=stage"}
        return str(self.simulator.visit(self.app, "/version", headers=cookie).raise_for_status().json()["version"])

    def calls(self, ending: str) -> int:
        """How many calls to this app had a path with this ending."""
        return sum(
            1
            for call in self.simulator.journal()
            if f"/sites/{self.app}" in call["path"] and call["path"].endswith(ending)
        )
