"""Looking at a running release: Airflow's tasks and what they left behind, and the visitors' journal."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from demo.airflow_api import AirflowApi, DagRun, TaskInstance
from demo.picture import Picture, Share
from demo.progress import Progress
from demo.settings import Settings
from demo.traffic import Traffic

BAKES = {"watch", "watch_promoted"}
RECENT = timedelta(seconds=15)  # as long as a bake of the demonstration: some 300 requests


class Release:
    """One run under way. `began` is when the command was given, in UTC; the clock is an argument for tests."""

    def __init__(
        self,
        api: AirflowApi,
        dag_id: str,
        run_id: str,
        traffic: Traffic,
        settings: Settings,
        began: datetime,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.api = api
        self.dag_id = dag_id
        self.run_id = run_id
        self.traffic = traffic
        self.version = settings.version
        self.weights = settings.weights
        self.began = began
        self.now = now
        self._order = {task_id: place for place, task_id in enumerate(api.tasks_in_order(dag_id))}
        self._left_behind: dict[tuple[str, datetime | None], dict[str, Any]] = {}

    def run(self) -> DagRun:
        return self.api.run(self.dag_id, self.run_id)

    def progress(self) -> Progress:
        """The tasks in the order of things; what a finished task left behind is asked for once per try."""
        tasks = self.api.task_instances(self.dag_id, self.run_id)
        tasks.sort(key=lambda task: self._order.get(task.task_id, len(self._order)))
        left_behind = {}
        for task in tasks:
            if task.finished and task.start_date:
                ending = (task.task_id, task.end_date)
                if ending not in self._left_behind:
                    self._left_behind[ending] = self._xcom(task)
                left_behind[task.task_id] = self._left_behind[ending]
        return Progress(tasks, left_behind, self.weights)

    def _xcom(self, task: TaskInstance) -> dict[str, Any]:
        value = self.api.xcom(self.dag_id, self.run_id, task.task_id)
        return value if isinstance(value, dict) else {}

    def picture(self, who_must_act: Callable[[Progress], str | None]) -> Picture:
        """This moment; `observed` is what cookie-less clients meet now."""
        progress = self.progress()
        self.traffic.read()
        at = self.now()
        return Picture(
            at=at,
            elapsed=at - self.began,
            progress=progress,
            requested=progress.requested_share,
            observed=self._observed(progress, at),
            versions=self.traffic.versions(),
            who_must_act=who_must_act(progress),
        )

    def _observed(self, progress: Progress, at: datetime) -> Share:
        """Since the current bake began; between two bakes over the last seconds, for the weight may be changing."""
        since = at - RECENT
        if (current := progress.current) and current.start_date and current.task_id.rpartition(".")[2] in BAKES:
            since = current.start_date
        return self.traffic.share(self.version, since, at)
