"""One app, its release file, and the releases that follow each other on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

from chaos.cases import DEFERRED, Case, Killed
from chaos.cloud import FIRST_VERSION, RESOURCE_GROUP, SLOT, Cloud, host
from chaos.components import Components
from chaos.judging import STORIES, Ending, Story, kill_in, next_sign, swaps_in
from chaos.record import Entry
from demo.airflow_api import TaskInstance
from visitors.journal import Entry as Visit
from visitors.journal import JournalReader

POLICY: dict[str, Any] = {
    "resource_group": RESOURCE_GROUP,
    "slot": SLOT,
    "readiness": {"path": "/health", "version_path": "/version", "consecutive": 1},
    # One step: what a second one does is what the first has done.
    "steps": [{"weight": 20, "bake": "1s"}],
    "watch": {"poll_interval": "1s", "min_answers": 1, "promoted_bake": "1s"},
    "analysis": {"sources": {}},
    # The cookie's hour takes 12 s here (see SPEED), and its seconds are counted from when the rule was cleared.
    "drain": "13s",
}

ATTEMPTS = 10
"""Of one person at one thing."""

PAUSE = 1.0
"""Seconds between them."""

LIMIT = 420.0
"""Seconds after which a release has not ended in time: several times what one takes between many others."""


Answer = TypeVar("Answer")


@dataclass
class Release:
    """One run under way.

    Attributes:
        case: what it is tried with; None: it is recorded.
        story: how it is told.
        version, run_id: what it releases, in which run.
        began: when it was triggered.
        mark: the journal's last entry before that.
        orders: the numbers of those at the simulator, if there are any.
        met: the file that will hold the time of a scheduler's kill, if there is an order.
        killed_at: when the lane itself has killed something.
        deferred: the tasks that were seen deferred.
    """

    case: Case | None
    story: Story
    version: str
    run_id: str
    began: datetime
    mark: int
    orders: list[int] = field(default_factory=list)
    met: Path | None = None
    killed_at: datetime | None = None
    deferred: set[str] = field(default_factory=set)
    answered: bool = False


class Lane:
    """An app that one release after the other is tried on. `stable` is the version in production between them."""

    def __init__(self, number: int, cloud: Cloud, airflow: Components, journals: Path) -> None:
        self.app, self.cloud, self.airflow = app_name(number), cloud, airflow
        self.dag_id = f"canary_release.{self.app}"
        self.stable = FIRST_VERSION
        self.release: Release | None = None
        self._visits = JournalReader(journals / f"{host(self.app)}.jsonl")

    # -- one release --

    def begin(self, version: str, story: str, case: Case | None) -> None:
        """Orders the kill, and triggers the release."""
        told = STORIES[story]
        package = self.cloud.package(version, told)
        self._visits.read()
        mark, began = self.cloud.read_journal(), datetime.now(timezone.utc)
        orders = self.cloud.order_kill(self.app, case) if case and case.call else []
        met = (
            self.airflow.order(self.dag_id, case.moment, case.task)
            if case and case.killed is Killed.SCHEDULER
            else None
        )
        conf = {"version": version, "package_uri": package}
        note, run_id = case.name if case else f"{story}, recorded", f"chaos__{version}"
        insist(lambda: self.airflow.operator.trigger(self.dag_id, conf, note, run_id))
        self.release = Release(case, told, version, run_id, began, mark, orders, met)

    def look(self, deferred: set[str]) -> None:
        """What has to be done about the tasks that are deferred now: kill the triggerer, answer as the manager."""
        release = self._under_way
        release.deferred |= deferred
        case = release.case
        if case and case.moment == DEFERRED and case.task in deferred and release.killed_at is None:
            now = datetime.now(timezone.utc)
            # If it is just dying of another case, the next one has to die.
            release.killed_at = now if self.airflow.kill("triggerer") else None
        elif "approval" in deferred and not release.answered:
            release.answered = insist(lambda: self._answer(release)) is not False

    def _answer(self, release: Release) -> bool:
        """By the Variable for one half of the releases, under Required Actions for the other; False: not asked yet.

        A gate that was killed as it asked waits for a while before it asks again: the triggerer has to look first.
        """
        manager, decision, run = self.airflow.manager, release.story.decision, (self.dag_id, release.run_id)
        if int(release.version.partition(".")[0]) % 2:
            manager.set_variable("__".join(("canary_approval", *run)), decision)
        elif manager.human_task(*run, "approval") is None:
            return False
        else:
            manager.respond(*run, "approval", decision.capitalize(), {"comment": "chaos"})
        return True

    @property
    def run_id(self) -> str:
        return self._under_way.run_id

    @property
    def deferred(self) -> set[str]:
        """The tasks that were seen deferred so far."""
        return self._under_way.deferred

    @property
    def is_late(self) -> bool:
        return (datetime.now(timezone.utc) - self._under_way.began).total_seconds() > LIMIT

    # -- its end --

    def tasks(self) -> list[TaskInstance]:
        run = (self.dag_id, self._under_way.run_id)
        return insist(lambda: self.airflow.operator.task_instances(*run)) or []

    def entries(self) -> list[Entry]:
        return self.cloud.entries(self.app, self._under_way.mark)

    def end(self) -> Ending:
        """All that is known of the release, which is over."""
        release, tasks, entries = self._under_way, self.tasks(), self.entries()
        api = self.airflow.operator
        run = insist(lambda: api.run(self.dag_id, release.run_id))
        said = insist(lambda: api.xcom(self.dag_id, release.run_id, "outcome")) or {}
        killed_at = release.killed_at or kill_in(entries) or _met_at(release.met)
        visits = [visit for visit in self._visits.read() if visit.at >= release.began]
        self.cloud.take_back(release.orders)
        ending = Ending(
            run_state=run.state if run else "",
            outcome=said.get("outcome", ""),
            sentence=said.get("sentence", ""),
            versions=(self.stable, release.version, self.cloud.version(self.app)),
            weights=self.cloud.weights(self.app),
            swaps=swaps_in(entries),
            tries={task.task_id: task.try_number for task in tasks if task.start_date},
            requests=len(visits),
            failures=failed(visits),
            killed_at=killed_at,
            next_sign=next_sign(killed_at, entries, tasks),
            ended_at=run.end_date if run else None,
        )
        self.stable, self.release = ending.versions[2], None
        return ending

    @property
    def _under_way(self) -> Release:
        assert self.release is not None, f"no release of {self.app} is under way"
        return self.release


def insist(action: Callable[[], Answer]) -> Answer | None:
    """Does what a person does whose page says "internal server error": the same again, until there is an answer.

    With SQLite, Airflow's API answers so whenever it could not write within five seconds. None when the same again is
    refused as done already.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.CONFLICT and attempt > 1:
                return None
            if not error.response.is_server_error or attempt == ATTEMPTS:
                raise
            time.sleep(PAUSE)
    raise AssertionError("the last attempt returns or raises")


def failed(visits: Iterable[Visit]) -> tuple[str, ...]:
    """The requests that did not serve their visitor, each in a few words."""
    return tuple(
        f"{visit.at:%H:%M:%S} {visit.visitor}: {visit.status or visit.error}" for visit in visits if not visit.ok
    )


def app_name(number: int) -> str:
    """The app of a lane, which is also the name of its release file."""
    return f"chaos-{number:02}"


def write_release_file(folder: Path, number: int) -> None:
    """The release file of a lane's app."""
    name = app_name(number)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump({"app": name, **POLICY}), encoding="utf-8")


def _met_at(met: Path | None) -> datetime | None:
    if met is None or not met.exists():
        return None
    return datetime.fromisoformat(met.read_text())
