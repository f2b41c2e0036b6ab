"""Watches what the canary does to its users, and what the new version does in production."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import AnalysisInconclusive, CanaryRejected, InvalidReleasePlan
from app_service_canary.operators.hold import ask_to_go_on, forget_question, in_doubt_since, is_to_be_asked
from app_service_canary.operators.looks import evidence_before, look_arguments, own_requests_before
from app_service_canary.operators.task import AppServiceOperator, remember, remembered
from app_service_canary.operators.traffic import is_beyond_the_end
from app_service_canary.patience import settled
from app_service_canary.release.analysis import Analysis
from app_service_canary.release.decision import APPROVED, Decision
from app_service_canary.release.durations import format_duration, parse_bake
from app_service_canary.release.observation import Side
from app_service_canary.release.policy import Approval, OnTimeout, Readiness, Watch
from app_service_canary.release.verdict import Outcome
from app_service_canary.triggers.analysis import CanaryAnalysisTrigger
from app_service_canary.triggers.approval import NOT_ASKED, response_event
from app_service_canary.triggers.verdicts import verdict_noted_in
from app_service_canary.triggers.waiting import now

if TYPE_CHECKING:
    from airflow.sdk import Context


_BAKE, _HELD, _CLOSED, _REJECTED = "bake", "held", "closed", "rejected"
"""Remembered: when a bake began and ends, which is not begun again by the next try; that it ended without a verdict,
since when a manager is asked; that the closing look was taken; and a bad verdict, by a try that may be killed."""

NOTHING_TO_DO = {"outcome": "skipped", "reasons": ["This run has fewer steps than the release file."]}


class CanaryAnalysisOperator(AppServiceOperator):
    """Watches a version while it bakes; a bad verdict takes new users off it at once, from the trigger.

    Without enough evidence for a verdict it goes on watching, at the same weight, for as long as the release file lets
    it; then it asks a manager under Required Actions, and goes on watching until one has decided, or the evidence has
    come in. Mark it success to go on now, failed to roll back; clear it to watch again.

    Args:
        hosts_by_side: host to ask for each side that is watched, by the side's name (`slot`, `visitors`).
            Templated.
        bake: a duration or `manual`, as text; nothing: this run has no such step. Templated.
        weight: percent that the slot must get when the watch begins, or text that renders to it; a watch without
            users has nothing to judge. None: not looked at. Templated.
        readiness: what is asked, and which answers are good.
        watch: how closely.
        analysis: what is measured, and how it is judged.
        approval: who decides when there is not enough evidence, until when, and what silence means.
        look_task_ids: the looks before this one, whose evidence counts on.
        step: the number of the run's step that is watched, from 0, by which the last one is known; None: no step.
        preflight_task_id: the task that recorded the run's steps.
        clear_on_failure: whether a bad verdict clears this slot's traffic rule.
    """

    template_fields: Sequence[str] = (*AppServiceOperator.target_fields, "hosts_by_side", "bake", "weight")

    def __init__(
        self,
        *,
        hosts_by_side: dict[str, str],
        bake: str | None,
        weight: float | str | None = None,
        readiness: Readiness | None = None,
        watch: Watch | None = None,
        analysis: Analysis | None = None,
        approval: Approval | None = None,
        look_task_ids: Sequence[str] = (),
        step: int | None = None,
        preflight_task_id: str = "preflight",
        clear_on_failure: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hosts_by_side, self.bake, self.weight = hosts_by_side, bake, weight
        self.readiness, self.watch = readiness or Readiness(), watch or Watch()
        self.analysis, self.approval = analysis or Analysis(), approval or Approval()
        self.look_task_ids, self.step = list(look_task_ids), step
        self.preflight_task_id = preflight_task_id
        self.clear_on_failure = clear_on_failure

    def act(self, context: Context) -> Any:
        if is_beyond_the_end(self.bake):
            self.log.info("This run has fewer steps than the release file; nothing to do.")
            return NOTHING_TO_DO
        unknown = set(self.hosts_by_side) - {side.value for side in Side}
        if unknown:
            raise InvalidReleasePlan(f"hosts_by_side: found {sorted(unknown)}; allowed: slot, visitors")
        if rejected := remembered(context, _REJECTED):
            return self.finish(context, rejected)
        self.refuse_without_users(context)
        if held := remembered(context, _HELD):
            return self._watch_on(context, held)
        began, until = self._bake(context)
        self.log.info(
            "Watching %s %s.",
            " and ".join(self.hosts_by_side.values()),
            f"until {until:%H:%M:%S} UTC" if until else "until a person marks this task success (go on) or failed",
        )
        hold_until = until and until + self.analysis.extend
        return self.wait_with(self._trigger(context, began, until, hold_until, self.evidence(context)), context)

    def _trigger(
        self,
        context: Context,
        began: datetime,
        until: datetime | None,
        hold_until: datetime | None,
        evidence: dict[str, Any],
        held: dict[str, Any] | None = None,
    ) -> CanaryAnalysisTrigger:
        asked = held is not None
        return CanaryAnalysisTrigger(
            **look_arguments(self, context, self.hosts_by_side, evidence),
            began=began,
            bake_until=until,
            hold_until=hold_until,
            clear_on_failure=self.clear_on_failure,
            before=self.before(context),
            # It ended the watch, without a verdict, before a manager was asked.
            closing=self._is_the_last(context) and not asked and not remembered(context, _CLOSED),
            seen_here=held["verdict"].get("seen_here") if held else None,
            own=None if held else own_requests_before(context, self.look_task_ids),
            asked=asked,
            asked_of=str(context["ti"].id) if asked and self.deferrable else None,
            in_doubt_since=in_doubt_since(context) if asked else None,
        )

    def refuse_without_users(self, context: Context) -> None:
        """Refuses to watch a slot that does not get its users, as after a rollback.

        Raises:
            InvalidReleasePlan: the rule is not there, or says something else.
        """
        if self.weight is None or is_beyond_the_end(self.weight) or context["ti"].try_number == 1:
            return  # the first time, the step's shift has just read its rule back
        weight = float(self.weight)
        rule = self.with_hook(
            lambda hook: settled(lambda: hook.read_rule(self.target), lambda seen: bool(seen and seen.weight == weight))
        )
        if rule is None or rule.weight != weight:
            found = f"{rule.weight:g} %" if rule else "no rule for it"
            raise InvalidReleasePlan(
                f"{self.target.at_start} should get {weight:g} % of the users to be watched, and Azure "
                f"says {found}. Clear the step's shift together with this task."
            )

    def evidence(self, context: Context) -> dict[str, Any]:
        """What this watch goes on from, by source."""
        return evidence_before(context, self.look_task_ids, self.retries)

    def before(self, context: Context) -> dict[str, Any] | None:
        """What the stable version did before the swap, by source; None while both versions have users."""
        return None

    def _is_the_last(self, context: Context) -> bool:
        """After this watch the manager is asked: a run may have fewer steps than the release file."""
        if self.step is None:
            return False
        plan = context["ti"].xcom_pull(task_ids=self.preflight_task_id) or {}
        weights = [step["weight"] for step in plan.get("steps", ()) if step["weight"] is not None]
        return self.step == len(weights) - 1

    def _bake(self, context: Context) -> tuple[datetime, datetime | None]:
        """When the bake began, and when it is over."""
        try:
            bake = parse_bake(self.bake)
        except ValueError as error:
            raise InvalidReleasePlan(f"bake: {error}") from None
        if kept := remembered(context, _BAKE):
            began = datetime.fromisoformat(str(kept["began"]))
            return began, None if kept["until"] is None else datetime.fromisoformat(kept["until"])
        began, until = now(), self._end_of(bake)
        remember(context, _BAKE, {"began": began.isoformat(), "until": until.isoformat() if until else None})
        self.log.info("The bake of %s begins.", format_duration(bake))
        return began, until

    @staticmethod
    def _end_of(bake: timedelta | None) -> datetime | None:
        return None if bake is None else now() + bake

    def received(self, context: Context, event_received: Any) -> dict[str, Any]:
        """A manager's response under Required Actions comes in Airflow's own shape."""
        return response_event(event_received) or super().received(context, event_received)

    def finish(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        if "decision" in event:
            decision = event["decision"]
            if not remembered(context, _HELD) and (decision["decision"] == APPROVED or not self._may_decide(decision)):
                self.log.warning("A manager has answered what was asked before this task was cleared; it watches on.")
                return self.act(context)
            return self._decided(context, decision)
        if event.get(NOT_ASKED):
            forget_question(context)
            return self.act(context)
        if event.get("closing_look"):
            remember(context, _CLOSED, True)
        verdict = {key: value for key, value in event.items() if key not in ("status", "message")}
        if verdict.get("outcome") == Outcome.PASS.value:
            self.log.info("Passed: %s", event["message"])
            self.passed(context)
            return verdict
        context["ti"].xcom_push("return_value", verdict)
        if verdict.get("outcome") == Outcome.FAIL.value:
            remember(context, _REJECTED, event)
            raise CanaryRejected(event["message"])
        if verdict.get("outcome") != Outcome.INCONCLUSIVE.value:
            raise AnalysisInconclusive(event["message"])
        return self._hold(context, verdict, event["message"])

    def _hold(self, context: Context, verdict: dict[str, Any], sentence: str) -> dict[str, Any]:
        """Asks a manager, the first time; then nobody has decided in time."""
        if held := remembered(context, _HELD):
            remember(context, _HELD, {**held, "verdict": verdict, "sentence": sentence})
            silence = Decision(self.approval.on_timeout is OnTimeout.APPROVE, None, "timeout")
            return self._decided(context, silence.to_json())
        deadline = now() + self.approval.timeout
        # Of what is asked from now on nothing is known when a manager's word ends it.
        known = {key: value for key, value in verdict.items() if key != "own"}
        held = {"verdict": known, "sentence": sentence, "until": deadline.isoformat()}
        remember(context, _HELD, held)
        return self._watch_on(context, held)

    def _watch_on(self, context: Context, held: dict[str, Any]) -> Any:
        """Goes on watching while a manager is asked."""
        began, until = self._bake(context)
        deadline = datetime.fromisoformat(held["until"])
        if is_to_be_asked(context, self.deferrable):
            ask_to_go_on(context, self, held["sentence"], deadline)
        self.log.warning("%s A manager is asked, until %s UTC.", held["sentence"], f"{deadline:%Y-%m-%d %H:%M}")
        evidence = held["verdict"].get("evidence") or {}
        trigger = self._trigger(context, began, until, deadline, evidence, held)
        return self.wait_with(trigger, context)

    def _decided(self, context: Context, decision: dict[str, Any]) -> dict[str, Any]:
        held = remembered(context, _HELD) or {"sentence": "This task was cleared when it had asked."}
        by = f" by {decision['by']}" if decision["by"] else ""
        said = f" “{decision['comment']}”" if decision["comment"] else ""
        allowed = self._may_decide(decision)
        if decision["decision"] == APPROVED and allowed:
            self.log.info("To go on without a verdict was decided%s (%s).%s", by, decision["door"], said)
            if bad := verdict_noted_in(context, self.log):
                return self.finish(context, bad)
            self.passed(context)
            return {**held["verdict"], "outcome": Outcome.INCONCLUSIVE.value, "decided": decision}
        why = "nobody decided in time" if decision["door"] == "timeout" else f"to roll back was decided{by}"
        if not allowed:
            why = f"the decision{by} does not count: not one of the approvers ({', '.join(self.approval.approvers)})"
        raise AnalysisInconclusive(f"{held['sentence']} A manager was asked, and {why}.{said}")

    def _may_decide(self, decision: dict[str, Any]) -> bool:
        return decision["door"] == "timeout" or self.approval.is_approver(decision["by"])

    def passed(self, context: Context) -> None:
        """What follows from a good verdict, besides going on."""
