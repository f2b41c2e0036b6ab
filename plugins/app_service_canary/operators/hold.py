"""Asks a manager whether to go on without a verdict."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict

from app_service_canary.release.decision import GO_ON, ROLL_BACK

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.operators.analysis import CanaryAnalysisOperator


def ask_to_go_on(context: Context, task: CanaryAnalysisOperator, sentence: str, deadline: datetime) -> None:
    """Puts the question under Required Actions, once.

    Args:
        context: of the task that asks.
        task: which knows the app and who may decide.
        sentence: why there is no verdict.
        deadline: until when it can be answered.
    """
    from airflow.sdk.execution_time.hitl import upsert_hitl_detail

    approval = task.approval
    form = Param("", type=["string", "null"], title="Comment", description="Kept with the run.")
    comment = ParamsDict({"comment": form})
    silence = "goes on" if approval.on_timeout.value == "approve" else "is rolled back"
    upsert_hitl_detail(
        ti_id=context["ti"].id,
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
        params={name: comment.get_param(name).serialize() for name in comment},
        assigned_users=[{"id": user, "name": user} for user in approval.approvers],
    )
