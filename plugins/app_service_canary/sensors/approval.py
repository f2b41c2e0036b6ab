"""The gate before the swap: waits for a manager."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.sensor import BaseSensorOperator

from app_service_canary.errors import ApprovalDenied, CanaryRejected
from app_service_canary.operators.hold import ask, forget_question, in_doubt_since, is_to_be_asked
from app_service_canary.operators.looks import evidence_before, look_arguments, own_requests_before
from app_service_canary.operators.task import AppServiceTask, remember, remembered
from app_service_canary.release.analysis import Analysis
from app_service_canary.release.approval_request import StepPassed, body, subject
from app_service_canary.release.decision import APPROVE, APPROVED, REJECT, Decision, variable_key
from app_service_canary.release.policy import Approval, OnTimeout, Readiness, Watch
from app_service_canary.release.verdict import Outcome
from app_service_canary.triggers.approval import NOT_ASKED, ApprovalTrigger, response_event
from app_service_canary.triggers.verdicts import verdict_noted_in
from app_service_canary.triggers.waiting import TIMED_OUT, now
from app_service_canary.triggers.watched_approval import WatchedApprovalTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

_OPENED_AT, _DECIDED, _REJECTED = "opened_at", "decided", "rejected"
"""Remembered: a later try of this gate counts what came since it first opened, and does not lose a decision that was on
its way, or a bad verdict."""


AWAY = timedelta(minutes=1)
"""For how long a side has to answer badly, or not at all, while a manager thinks: that may take a day, in which the
triggerer's network may be away, or production restarted, for a moment. A worse canary is found by comparison."""


class ManagerApprovalSensor(AppServiceTask, BaseSensorOperator):
    """Waits for a manager's decision, by whichever door it comes.

    A response under Required Actions, the Variable `canary_approval__<dag_id>__<run_id>`, or marking this task
    success or failed in the grid. Returns who decided what, by which door, with what comment, and when.

    The canary has users meanwhile, and is watched as by the step before; a bad verdict takes them off it at once, and
    there is nothing left to approve.

    Args:
        approval: who may decide, until when, and what silence means.
        preflight_task_id: the task that recorded the versions and steps.
        watch_task_ids: the steps' watches, whose figures are shown, and whose evidence counts on.
        hosts_by_side: host to ask for each side that is watched, by the side's name (`slot`, `visitors`); None: the
            canary is not watched. Templated.
        readiness, watch, analysis: by which it is watched.
        poll_interval: pause between two looks at the Variable.
    """

    template_fields: Sequence[str] = (*AppServiceTask.target_fields, "hosts_by_side")
    ui_color = "#fdf3d0"

    def __init__(
        self,
        *,
        resource_group: str,
        app: str,
        slot: str,
        approval: Approval | None = None,
        preflight_task_id: str = "preflight",
        watch_task_ids: Sequence[str] = (),
        hosts_by_side: dict[str, str] | None = None,
        readiness: Readiness | None = None,
        watch: Watch | None = None,
        analysis: Analysis | None = None,
        poll_interval: timedelta = timedelta(seconds=5),
        azure_app_service_conn_id: str = "azure_app_service",
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._set_target(resource_group, app, slot, azure_app_service_conn_id, deferrable)
        self.approval = approval or Approval()
        self.preflight_task_id, self.watch_task_ids = preflight_task_id, list(watch_task_ids)
        self.hosts_by_side = hosts_by_side
        self.readiness, self.watch = readiness or Readiness(), watch or Watch()
        self.analysis = analysis or Analysis()
        self.poll_interval = poll_interval

    def act(self, context: Context) -> Any:
        if rejected := remembered(context, _REJECTED):
            return self._reject(context, rejected)
        if decided := remembered(context, _DECIDED):
            return self._end(context, decided)
        opened_at = self._opened_at(context)
        deadline = opened_at + self.approval.timeout
        if is_to_be_asked(context, self.deferrable):
            self._ask(context, deadline)
        trigger = self._trigger(context, opened_at, deadline)
        trigger.asks_for_responses = self.deferrable
        # A decision that came while an earlier try of this gate ended is there already.
        if ending := trigger.look_at_variable():
            return self.finish(context, ending)
        self.log.info(
            "Waiting for a manager, until %s UTC. Variable: %s", f"{deadline:%Y-%m-%d %H:%M}", trigger.variable_key
        )
        return self.wait_with(trigger, context)

    def _trigger(self, context: Context, opened_at: datetime, deadline: datetime) -> ApprovalTrigger:
        gate: dict[str, Any] = {
            "variable_key": self._variable(context),
            "ti_id": str(context["ti"].id),
            "approvers": list(self.approval.approvers),
            "poll_interval_seconds": self.poll_interval.total_seconds(),
            "deadline": deadline,
            "in_doubt_since": in_doubt_since(context),
        }
        if not self.hosts_by_side:
            return ApprovalTrigger(**gate)
        evidence = evidence_before(context, self.watch_task_ids, self.retries)
        watching = {
            **look_arguments(self, context, self.hosts_by_side, evidence),
            "failure_limit": max(self.watch.failure_limit, math.ceil(AWAY / self.watch.poll_interval)),
            "began": opened_at,
            "own": own_requests_before(context, self.watch_task_ids),
        }
        return WatchedApprovalTrigger(watching=watching, **gate)

    def _opened_at(self, context: Context) -> datetime:
        """When the gate first opened. A Variable left from before that does not count."""
        if opened := remembered(context, _OPENED_AT):
            return datetime.fromisoformat(str(opened))
        if self._take_variable(context):
            self.log.warning("Variable %s was set before this gate opened; removed.", self._variable(context))
        opened_at = now()
        remember(context, _OPENED_AT, opened_at.isoformat())
        return opened_at

    def _ask(self, context: Context, deadline: datetime) -> None:
        ti = context["ti"]
        plan = ti.xcom_pull(task_ids=self.preflight_task_id)
        steps = [
            StepPassed(step["weight"], ti.xcom_pull(task_ids=task))
            for step, task in zip(plan["steps"], self.watch_task_ids, strict=False)
            if step["weight"] is not None
        ]
        ask(
            context,
            self.approval.approvers,
            options=[APPROVE, REJECT],
            subject=subject(self.app, plan["canary_version"]),
            body=body(
                app=self.app,
                slot=self.slot,
                stable_version=plan["stable_version"],
                canary_version=plan["canary_version"],
                source=plan["source"],
                note=plan["note"],
                steps=steps,
                variable=self._variable(context),
                approvers=self.approval.approvers,
                until=f"{deadline:%Y-%m-%d %H:%M} UTC",
                on_timeout=self.approval.on_timeout.value,
                watched=bool(self.hosts_by_side),
            ),
        )

    def received(self, context: Context, event_received: Any) -> dict[str, Any]:
        """A response under Required Actions comes in Airflow's own shape."""
        return response_event(event_received) or super().received(context, event_received)

    def finish(self, context: Context, event: dict[str, Any]) -> Any:
        if event.get(NOT_ASKED):
            forget_question(context)
            return self.act(context)
        if event.get("outcome") == Outcome.FAIL.value:
            remember(context, _REJECTED, event["message"])
            return self._reject(context, event["message"])
        decision = self._decision(event)
        if decision.approved and (bad := verdict_noted_in(context, self.log)):
            return self.finish(context, bad)
        record = {**decision.to_json(), "at": now().isoformat()}
        remember(context, _DECIDED, record)
        return self._end(context, record)

    def _reject(self, context: Context, sentence: str) -> None:
        self._take_variable(context)
        raise CanaryRejected(f"While a manager was asked: {sentence}")

    def _end(self, context: Context, record: dict[str, Any]) -> dict[str, Any]:
        """Does what was decided, which nothing can undo but a person who clears this task."""
        self._take_variable(context)
        by = f" by {record['by']}" if record["by"] else ""
        said = f" “{record['comment']}”" if record["comment"] else ""
        sentence = f"The release was {record['decision']}{by} ({record['door']}).{said}"
        self.log.info("%s", sentence)
        if record["decision"] == APPROVED:
            return record
        context["ti"].xcom_push("return_value", record)
        raise ApprovalDenied(sentence)

    def _decision(self, event: dict[str, Any]) -> Decision:
        if event["status"] == TIMED_OUT:
            approved = self.approval.on_timeout is OnTimeout.APPROVE
            return Decision(approved, None, "timeout", event["message"])
        given = event["decision"]
        decision = Decision(given["decision"] == APPROVED, given["by"], given["door"], given["comment"])
        if not self.approval.is_approver(decision.by):
            return Decision(
                False, decision.by, decision.door, f"not one of the approvers ({', '.join(self.approval.approvers)})"
            )
        return decision

    def _variable(self, context: Context) -> str:
        ti = context["ti"]
        return variable_key(ti.dag_id, ti.run_id)

    def _take_variable(self, context: Context) -> bool:
        """Removes this run's Variable; whether there was one."""
        from airflow.sdk import Variable

        key = self._variable(context)
        if Variable.get(key, default=None) is None:
            return False
        Variable.delete(key)
        return True
