"""Many releases side by side: first the undisturbed ones that are recorded, then one for each case."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence, Sized

from chaos.cases import Case
from chaos.components import Components
from chaos.judging import STORIES, Judged, judge, wrong_with
from chaos.lane import Lane
from chaos.record import Record, record_of
from demo.errors import DemonstrationError
from demo.processes import Processes

LOOK_EVERY = 0.5
"""Seconds between two looks at all releases. The triggerer is to die soon after a deferral, and no trigger of ours
ends in its first three seconds."""

ATTEMPTS = 3
"""Of a case whose release ended right without ever coming to its kill, as when it is so slow that no cookie is left to
wait for in the drain."""

Say = Callable[[str], None]


class Campaign:
    """The lanes, and what runs on them.

    A lane whose release ended wrong is left alone from then on, so that what it left can be looked at.

    Args:
        processes: what has to keep running meanwhile.
        airflow: the components.
        lanes: the apps.
        abreast: how many releases run at once.
        say: tells people how it goes.
    """

    def __init__(
        self, processes: Processes, airflow: Components, lanes: Sequence[Lane], abreast: int, say: Say
    ) -> None:
        self.processes, self.airflow, self.say = processes, airflow, say
        self.free, self.busy, self.abreast = deque(lanes), list[Lane](), abreast
        self._version = 1

    def record(self) -> dict[str, Record]:
        """Every story, undisturbed.

        Raises:
            DemonstrationError: one of them does not even end as told when nothing is killed.
        """
        waiting = deque(STORIES)
        records: dict[str, Record] = {}
        telling: dict[str, str] = {}
        triggerer = self.airflow.processes_of("triggerer")

        def begin(lane: Lane) -> None:
            telling[lane.app] = waiting.popleft()
            lane.begin(self._next_version(), telling[lane.app], None)

        def end(lane: Lane) -> bool:
            story, deferred = telling[lane.app], lane.deferred
            record = record_of(story, lane.entries(), lane.tasks(), deferred, triggerer)
            if wrong := wrong_with(STORIES[story], lane.end()):
                raise DemonstrationError(f"A {story} release without a kill ended wrong: {'; '.join(wrong)}")
            records[story] = record
            return True

        self._run(waiting, begin, end)
        return {story: records[story] for story in STORIES}

    def try_out(self, cases: Sequence[Case], results: list[Judged]) -> None:
        """Every case, or fewer when no lane is left; judged, they are added to `results` in the order of their ends."""
        waiting, under_way = deque(cases), dict[str, Case]()
        attempts = Counter[str]()

        def begin(lane: Lane) -> None:
            case = under_way[lane.app] = waiting.popleft()
            lane.begin(self._next_version(), case.story, case)

        def end(lane: Lane) -> bool:
            case = under_way[lane.app]
            judged = judge(case, lane.end())
            attempts[case.name] += 1
            if judged.missed_its_kill and attempts[case.name] < ATTEMPTS:
                self.say(f"{case.name}: did not come to its kill; once more")
                waiting.append(case)
                return True
            results.append(judged)
            verdict = "right" if judged.right else f"WRONG on {lane.app}: {'; '.join(judged.problems)}"
            self.say(f"{len(results)}/{len(cases)} {judged.case.name}: {verdict}")
            return judged.right

        self._run(waiting, begin, end)

    def _next_version(self) -> str:
        self._version += 1
        return f"{self._version}.0.0"

    def _run(self, waiting: Sized, begin: Callable[[Lane], None], end: Callable[[Lane], bool]) -> None:
        """Until nothing waits and nothing is under way; a lane goes back to the free ones if its end was right."""
        while True:
            while waiting and self.free and len(self.busy) < self.abreast:
                lane = self.free.popleft()
                begin(lane)
                self.busy.append(lane)
            if not self.busy:
                return
            time.sleep(LOOK_EVERY)
            self.processes.check()
            for lane in self._ended():
                self.busy.remove(lane)
                if end(lane):
                    self.free.append(lane)

    def _ended(self) -> list[Lane]:
        """Looks at all that is under way, and tells which releases are over, or late."""
        metadata = self.airflow.metadata
        deferred = metadata.deferred()
        for lane in self.busy:
            lane.look(deferred.get((lane.dag_id, lane.run_id), set()))
        active = metadata.active_runs()
        return [lane for lane in self.busy if (lane.dag_id, lane.run_id) not in active or lane.is_late]
