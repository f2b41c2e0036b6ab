"""Waits for a manager's decision."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time.hitl import get_hitl_detail_content_detail
from asgiref.sync import sync_to_async

from app_service_canary.release.decision import APPROVE, GO_ON, Decision, read_decision
from app_service_canary.triggers.waiting import SUCCEEDED, TIMED_OUT, WaitingTrigger, event

NOT_ASKED = "not_asked"
"""The key of an event with which a task is told to put its question: an earlier try ended before it had."""


class ApprovalTrigger(WaitingTrigger):
    """Looks for a decision in the run's Variable, and for a response that came before the task was deferred.

    A response under Required Actions to a deferred task resumes it at once, without this trigger.

    Args:
        variable_key: the Variable of this run.
        ti_id: the task instance whose required action may have been answered already.
        approvers: ids of those who may decide; when there are any, a Variable does not open the gate.
        in_doubt_since: an earlier try began to ask then, and it is not known whether it did; None: it is.
        poll_interval_seconds, deadline, waiter: as everywhere.
    """

    def __init__(
        self,
        *,
        variable_key: str,
        ti_id: str,
        approvers: list[str],
        poll_interval_seconds: float,
        deadline: datetime | None,
        in_doubt_since: datetime | None = None,
        waiter: str = "",
    ) -> None:
        super().__init__(poll_interval_seconds=poll_interval_seconds, deadline=deadline, waiter=waiter)
        self.variable_key, self.ti_id, self.approvers = variable_key, ti_id, approvers
        self.in_doubt_since = in_doubt_since
        self.refused: str | None = None
        self.asks_for_responses = True
        """Only a triggerer can ask Airflow for a response; a task that waits by itself has the Variable alone. And
        only its first look asks: later responses resume the task without this trigger, whose event would come second.
        """

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "app_service_canary.triggers.approval.ApprovalTrigger",
            {
                "variable_key": self.variable_key,
                "ti_id": self.ti_id,
                "approvers": self.approvers,
                "poll_interval_seconds": self.poll_interval_seconds,
                "deadline": self.deadline,
                "in_doubt_since": self.in_doubt_since,
                "waiter": self.waiter,
            },
        )

    async def look(self) -> dict[str, Any] | None:
        # Airflow's own calls block; on the event loop they would hold up every other trigger.
        if self.asks_for_responses:
            if known := await sync_to_async(question_event)(self.ti_id, self.in_doubt_since):
                return known
            self.asks_for_responses = False
        return await sync_to_async(self.look_at_variable)()

    def look_at_variable(self) -> dict[str, Any] | None:
        """One look at the Variable, also for the task itself before it defers."""
        return decision_event(self._read(self._variable()))

    def _variable(self) -> str | None:
        from airflow.sdk import Variable

        value: str | None = Variable.get(self.variable_key, default=None)
        return value

    def _read(self, text: str | None) -> Decision | None:
        if text is None or text == self.refused:
            return None
        try:
            decision = read_decision(text)
        except ValueError as error:
            self._refuse(text, str(error))
            return None
        if self.approvers:
            self._refuse(
                text,
                f"the release file names approvers ({', '.join(self.approvers)}), and a Variable does not tell who "
                "wrote it; one of them has to respond under Required Actions",
            )
            return None
        return decision

    def _refuse(self, text: str, why: str) -> None:
        self.refused = text
        self.log.warning("Variable %s does not open the gate: %s. Still waiting.", self.variable_key, why)

    def expired(self) -> dict[str, Any]:
        return event(TIMED_OUT, "Nobody decided in time.")


def question_event(ti_id: str, in_doubt_since: datetime | None) -> dict[str, Any] | None:
    """The event for what became of a task's question under Required Actions before the task was deferred; None while
    it is open. Only a triggerer can ask Airflow for it.

    Args:
        ti_id: the try of the task that waits.
        in_doubt_since: an earlier try began to put the question then, and it is not known whether it did.
    """
    try:
        answer = get_hitl_detail_content_detail(ti_id=UUID(ti_id))
    except AirflowRuntimeError as error:
        if (error.error.detail or {}).get("status_code") != HTTPStatus.NOT_FOUND or in_doubt_since is None:
            raise
        return event(SUCCEEDED, "An earlier try ended before it had asked.", **{NOT_ASKED: True})
    # `dag.test()` has no answer to this question, so it gives None there.
    if answer is None or not answer.response_received or not answer.chosen_options:
        return None
    if in_doubt_since is not None and answer.responded_at < in_doubt_since:
        # It was given before a person cleared the task.
        return event(SUCCEEDED, "An earlier try ended before it had asked anew.", **{NOT_ASKED: True})
    user = answer.responded_by_user
    return decision_event(
        decision_of_response(list(answer.chosen_options), answer.params_input, user.id if user else None)
    )


def response_event(received: Any) -> dict[str, Any] | None:
    """The event for a response that resumed a task, which comes in Airflow's own shape; None for anything else."""
    if not isinstance(received, dict) or not received.get("chosen_options"):
        return None
    user = received.get("responded_by_user") or {}
    return decision_event(
        decision_of_response(received["chosen_options"], received.get("params_input"), user.get("id"))
    )


def decision_event(decision: Decision | None) -> dict[str, Any] | None:
    """The event for a decision; None without one."""
    if decision is None:
        return None
    return event(SUCCEEDED, f"The release was {decision.word}.", decision=decision.to_json())


def decision_of_response(options: list[str], form: dict[str, Any] | None, user: str | None) -> Decision:
    """A response under Required Actions, as a decision."""
    comment = (form or {}).get("comment") or ""
    return Decision(options in ([APPROVE], [GO_ON]), user, "required action", str(comment))
