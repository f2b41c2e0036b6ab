"""Looks after what releases have left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

from app_service_canary.errors import ReleaseAbandoned, TransientError
from app_service_canary.operators.task import AppServiceOperator
from app_service_canary.release.abandoned import (
    SECOND_LOOK,
    Finding,
    Runs,
    Seen,
    Sightings,
    findings,
    left_over,
    longest_run,
    report,
    why_stuck,
)
from app_service_canary.release.policy import ReleasePolicy, Step
from app_service_canary.triggers.waiting import now

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.hooks.app_service import AppServiceHook

MEMORY = Asset("canary_watchdog")
"""Keeps what each look saw for the next run's, under the task's id. XComs of earlier runs would not do: Airflow gives
the latest by logical date, and runs that people trigger may have none."""

PATIENCE = timedelta(seconds=30)
"""How long trouble in Azure is borne: less than a release that begins in the meantime takes to have a use for the slot
(and while a rule is left over, none gets past its preflight). The next run looks again anyway."""

UNFINISHED = ["queued", "running"]
"""States of a run that may still change Azure."""

ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
"""States of a task that does nothing more."""


class ReleaseWatchdogOperator(AppServiceOperator):
    """Finds a traffic rule, a running slot or a pending preview that no living release answers for.

    Reports them by failing, in one sentence each; or clears them, if the release file says so. It never acts on
    what it sees for the first time, and never while a release is under way.

    Returns the sentence that says what was found or done.

    Args:
        policy: the release file.
        release_dag_id: the DAG that releases the app.
        forgotten_after: what was seen longer ago than this, and not since, is seen for the first time.
        second_look: how long something must have been there; the watchdog's next run is the second look.
        patience: how long trouble in Azure is borne; see `PATIENCE`.
    """

    def __init__(
        self,
        *,
        policy: ReleasePolicy,
        release_dag_id: str,
        forgotten_after: timedelta,
        second_look: timedelta = SECOND_LOOK,
        patience: timedelta = PATIENCE,
        **kwargs: Any,
    ) -> None:
        super().__init__(inlets=[MEMORY], patience=patience, **kwargs)
        self.policy, self.release_dag_id = policy, release_dag_id
        self.forgotten_after, self.second_look = forgotten_after, second_look

    def act(self, context: Context) -> dict[str, Any]:
        ti, memory = context["ti"], context["asset_state_store"][MEMORY]
        earlier = Sightings.from_json(memory.get(self.task_id))
        runs = self._runs(ti)

        def seen_with(*things: Seen) -> Sightings:
            run = [Seen.RUN] if runs.unfinished else []
            return earlier.renewed([*run, *things], runs, now(), self.forgotten_after)

        why = self._why_stuck(ti, seen_with())
        if runs.unfinished and not why:
            memory.set(self.task_id, seen_with().to_json())
            return self._said(f"A release of app '{self.app}' is under way; it was left alone.")
        state = self.with_hook(lambda hook: hook.read_app(self.target))
        seen = seen_with(*left_over(state, self.slot))
        memory.set(self.task_id, seen.to_json())
        found = findings(seen, self.policy, stuck=bool(why), second_look=self.second_look)
        if self._runs(ti) != runs:
            # What was read may be the doing of a release that has just begun or ended.
            return self._said(f"A release of app '{self.app}' has just begun or ended; it was left alone.")
        cleared = [self._clear(finding) for finding in found if finding.clear]
        reports = [report(finding, state, self.target, why) for finding in found if not finding.clear]
        if reports:
            raise ReleaseAbandoned(" ".join([*cleared, *reports]))
        return self._said(" ".join(cleared) or self._nothing_to_do(seen))

    def _runs(self, ti: Any) -> Runs:
        return Runs(
            total=ti.get_dr_count(dag_id=self.release_dag_id),
            unfinished=ti.get_dr_count(dag_id=self.release_dag_id, states=UNFINISHED),
        )

    def _why_stuck(self, ti: Any, seen: Sightings) -> str | None:
        if Seen.RUN not in seen.since:
            return None
        return why_stuck(
            seen,
            now(),
            paused=ti.get_dag(self.release_dag_id).is_paused,
            longest=longest_run(self.policy, self._steps(ti)),
            dag_id=self.release_dag_id,
        )

    def _steps(self, ti: Any) -> list[Step] | None:
        """The steps of the run under way, which its parameters may have made slower than the file's."""
        states = ti.get_task_states(dag_id=self.release_dag_id, task_ids=["outcome"])
        for run_id in [run_id for run_id, tasks in states.items() if tasks.get("outcome") not in ENDED]:
            record = ti.xcom_pull(task_ids="preflight", dag_id=self.release_dag_id, run_id=run_id, map_indexes=-1)
            if record:
                return [Step.model_validate(step) for step in record["steps"] if step["weight"] is not None]
        return None

    def _clear(self, finding: Finding) -> str:
        """Clears one finding; a sentence that says what was done."""
        return self.with_hook(self._clear_rule if finding.thing is Seen.RULE else self._stop)

    async def _clear_rule(self, hook: AppServiceHook) -> str:
        await hook.clear_weight(self.target)
        return (
            f"The traffic rule of {self.target} was cleared, for no release answers for it; the slot will be stopped "
            "when nobody can be pinned to it any more."
        )

    async def _stop(self, hook: AppServiceHook) -> str:
        if left_over(await hook.read_app(self.target), self.slot) != [Seen.SLOT]:
            return f"{self.target.at_start} was not stopped, for somebody has just begun to use it."
        await hook.stop_slot(self.target)
        slot = await hook.read_slot(self.target)
        if slot is not None and slot.running:
            raise TransientError(f"{self.target.at_start} was stopped, but Azure says {slot.state}.")
        return f"{self.target.at_start} was stopped, for no release answers for it."

    def _said(self, sentence: str) -> dict[str, Any]:
        self.log.info("%s", sentence)
        return {"sentence": sentence}

    def _nothing_to_do(self, seen: Sightings) -> str:
        things = [thing.value for thing in seen.since if thing is not Seen.RUN]
        if not things:
            return f"No release has left anything on app '{self.app}'."
        return f"Seen on app '{self.app}', and not for long enough to do or say anything: {', '.join(things)}."
