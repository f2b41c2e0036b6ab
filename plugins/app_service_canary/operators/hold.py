"""Asks a manager, under Required Actions: whether to go on without a verdict, or whatever else a task asks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict

from app_service_canary.operators.task import remember, remembered
from app_service_canary.release.decision import GO_ON, ROLL_BACK
from app_service_canary.triggers.waiting import now

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.operators.analysis import CanaryAnalysisOperator


KEPT = (
    "Airflow goes on showing this text when the task is cleared and asks anew; what is asked then is in the task's log."
)

_QUESTION = "question"
"""Remembered: since when this task puts its question, and whether it has done so. A try may end in between, and to put
the question again would make Airflow drop an answer that was given meanwhile."""

_log = logging.getLogger(__name__)


def ask_to_go_on(context: Context, task: CanaryAnalysisOperator, sentence: str, deadline: datetime) -> None:
    """Puts the question under Required Actions, once.

    Args:
        context: of the task that asks.
        task: which knows the app and who may decide.
        sentence: why there is no verdict.
        deadline: until when it can be answered.
    """
    approval = task.approval
    silence = "goes on" if approval.on_timeout.value == "approve" else "is rolled back"
    ask(
        context,
        approval.approvers,
        options=[GO_ON, ROLL_BACK],
        subject=f"Go on with the release of {task.app} without a verdict?",
        body="\n".join(
            [
                f"**{task.app}**, task `{context['ti'].task_id}`: the bake is over, and there is not enough evidence "
                "for a verdict.",
                "",
                f"> {sentence}",
                "",
                "It is still being watched: a bad verdict rolls it back, a good one lets it go on. "
                f"**{GO_ON}** lets it go on now, **{ROLL_BACK}** sends all users to the stable version.",
                "",
                f"Unanswered until {deadline:%Y-%m-%d %H:%M} UTC, the release {silence}.",
            ]
        ),
    )


def is_to_be_asked(context: Context, deferrable: bool) -> bool:
    """Whether this task has to put its question now.

    Where an earlier try ended while it did, only a triggerer can see whether Airflow has the question
    (`in_doubt_since`). A task that waits by itself hears no answer to it, and may put it again.
    """
    kept = remembered(context, _QUESTION)
    return kept is None or not (kept["put"] or deferrable)


def in_doubt_since(context: Context) -> datetime | None:
    """Since when an earlier try put the question, where it ended before it knew that Airflow has it; else None."""
    kept = remembered(context, _QUESTION)
    return datetime.fromisoformat(kept["since"]) if kept and not kept["put"] else None


def forget_question(context: Context) -> None:
    """For a question that Airflow turned out not to have; it is to be put."""
    remember(context, _QUESTION, None)


def ask(context: Context, approvers: Sequence[str], *, options: list[str], subject: str, body: str) -> None:
    """Puts a question under Required Actions, with room for a comment, and into the task's log.

    Args:
        context: of the task that asks.
        approvers: ids of those who may answer; empty: whoever may respond to the DAG's actions.
        options, subject, body: of the question; the body is Markdown.
    """
    from airflow.sdk.execution_time.hitl import upsert_hitl_detail

    since = now()
    remember(context, _QUESTION, {"since": since.isoformat(), "put": False})
    # With null, for else Airflow's page does not let a manager answer without a comment.
    told = f"{body}\n\n_Asked {since:%Y-%m-%d %H:%M} UTC. {KEPT}_"
    _log.info("Asking a manager: %s\n%s", subject, told)
    form = Param("", type=["string", "null"], title="Comment", description="Kept with the run.")
    comment = ParamsDict({"comment": form})
    upsert_hitl_detail(
        ti_id=context["ti"].id,
        options=options,
        subject=subject,
        body=told,
        params={name: comment.get_param(name).serialize() for name in comment},
        assigned_users=[{"id": user, "name": user} for user in approvers],
    )
    remember(context, _QUESTION, {"since": since.isoformat(), "put": True})
