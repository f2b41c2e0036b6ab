"""Turns release files into DAGs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, ExceptionRetryPolicy, RetryAction, RetryRule, TaskGroup, chain

from app_service_canary.broken_release import BrokenRelease
from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.operators.analysis import CanaryAnalysisOperator
from app_service_canary.operators.deploy import AppServiceDeployOperator
from app_service_canary.operators.outcome import ReleaseOutcomeOperator
from app_service_canary.operators.preflight import ReleasePreflightOperator
from app_service_canary.operators.promoted_analysis import PromotedAnalysisOperator
from app_service_canary.operators.restore import AppServiceRestoreTrafficOperator
from app_service_canary.operators.slot import AppServiceStartSlotOperator, AppServiceStopSlotOperator
from app_service_canary.operators.swap import AppServiceSwapSlotsOperator
from app_service_canary.operators.traffic import AppServiceSetCanaryWeightOperator
from app_service_canary.release.durations import format_duration
from app_service_canary.release.plan import bakes_as_written
from app_service_canary.release.policy import ReleasePolicy, Step
from app_service_canary.release.release_file import LONGEST_FILE, read_release_file
from app_service_canary.release.timing import time_to_finish, time_to_promote, worst_time_to_roll_back
from app_service_canary.run_form import run_params
from app_service_canary.sensors.approval import ManagerApprovalSensor
from app_service_canary.sensors.drained import PinnedUsersDrainedSensor
from app_service_canary.sensors.slot_ready import SlotReadySensor

DAG_ID_PREFIX = "canary_release."

FILE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
"""What Airflow takes in a DAG's id, which has 250 characters in all."""

SLOT_HOST = "{{ ti.xcom_pull(task_ids='start_slot').slot_host }}"
PRODUCTION_HOST = "{{ ti.xcom_pull(task_ids='preflight').production_host }}"
BOTH_SIDES = {"slot": SLOT_HOST, "visitors": PRODUCTION_HOST}

RETRIES: dict[str, Any] = {
    # Every task reads Azure first and acts only if needed, so each is safe to run again. A task whose process
    # was killed, or that lost a race with the scheduler, gets a few quick tries; an error that another try
    # would meet again ends it at once.
    "retries": 4,
    "retry_delay": timedelta(seconds=5),
    "retry_policy": ExceptionRetryPolicy(
        rules=[RetryRule(exception="app_service_canary.errors.PermanentError", action=RetryAction.FAIL)]
    ),
}


def release_dags(folder: Path, only: str | None = None) -> Iterator[DAG]:
    """The DAG of each release file in a folder; for one that cannot be used, its import error.

    Args:
        folder: where the release files are.
        only: the id of the one DAG that is needed; None: all of them.
    """
    for name, shown, policy in read_releases(folder, only and only.removeprefix(DAG_ID_PREFIX)):
        if isinstance(policy, InvalidReleasePlan):
            yield BrokenRelease.of(name, shown, policy)
            continue
        try:
            yield release_dag(name, policy)
        except Exception as error:
            yield BrokenRelease.of(name, shown, _not_usable(shown, error))


def read_releases(
    folder: Path, only: str | None = None
) -> Iterator[tuple[str, str, ReleasePolicy | InvalidReleasePlan]]:
    """Each release file in a folder: its name without the ending, its path for people, and what it says, or what is
    wrong with it.

    Args:
        folder: where the release files are.
        only: the name of the one that is needed; None: all of them.
    """
    released_by: dict[str, str] = {}
    for file in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        if only not in (None, file.stem):
            continue
        shown = f"{folder.parent.name}/{folder.name}/{file.name}"
        try:
            policy = _policy_of(file, shown)
            _refuse_a_second_file(policy, shown, released_by)
            yield file.stem, shown, policy
        except InvalidReleasePlan as error:
            yield file.stem, shown, error
        except Exception as error:
            yield file.stem, shown, _not_usable(shown, error)


def _not_usable(shown: str, error: Exception) -> InvalidReleasePlan:
    """Whatever one file brings up, the other apps' DAGs load."""
    return InvalidReleasePlan(f"{shown}:1: no DAG can be made of it: {type(error).__name__}: {error}")


def _policy_of(file: Path, shown: str) -> ReleasePolicy:
    if file.suffix == ".yml":
        raise InvalidReleasePlan(f"{shown}:1: found the ending .yml; allowed: .yaml. Rename the file.")
    if not FILE_NAME.fullmatch(file.stem):
        raise InvalidReleasePlan(
            f"{shown}:1: found the name {file.stem!r}, which becomes part of a DAG's id; allowed: at most 200 letters, "
            "digits, dashes, dots and underscores. Rename the file."
        )
    try:
        with file.open(encoding="utf-8") as text:
            return read_release_file(text.read(LONGEST_FILE + 1), shown)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidReleasePlan(f"{shown}:1: it cannot be read: {error}") from None


def _refuse_a_second_file(policy: ReleasePolicy, shown: str, released_by: dict[str, str]) -> None:
    """Two DAGs for one app could release it at the same time; one DAG is the app's lock."""
    key = f"{policy.resource_group}/{policy.app}".lower()
    if first := released_by.get(key):
        raise InvalidReleasePlan(
            f"{shown}:1: app: found '{policy.app}', which {first} releases already; allowed: one release file for "
            "each app."
        )
    released_by[key] = shown


def release_dag(name: str, policy: ReleasePolicy) -> DAG:
    """The DAG that releases one app.

    Args:
        name: the release file's name without its ending.
        policy: what it says.
    """
    dag = DAG(
        dag_id=f"{DAG_ID_PREFIX}{name}",
        description=f"Canary release of {policy.app} through slot {policy.slot}",
        doc_md=_documentation(policy),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        # A failure ends the run there and then: what is running is failed, what is left is skipped, and the
        # way back starts without passing through every task in between.
        fail_fast=True,
        params=run_params(policy),
        default_args=RETRIES,
        tags=["canary-release", policy.app],
    )
    with dag:
        _tasks(policy)
    return dag


def _tasks(policy: ReleasePolicy) -> None:
    target: dict[str, Any] = {
        "resource_group": policy.resource_group,
        "app": policy.app,
        "slot": policy.slot,
        "azure_app_service_conn_id": policy.connection,
    }
    preflight = ReleasePreflightOperator(task_id="preflight", policy=policy, **target)
    with TaskGroup("staging", prefix_group_id=False, tooltip="The new version in its slot, with ever more users"):
        staging, shifts, watches = _staging(policy, target)
    approval = ManagerApprovalSensor(
        task_id="approval",
        approval=policy.approval,
        watch_task_ids=watches,
        hosts_by_side=BOTH_SIDES,
        **_looks_by(policy),
        **target,
    )
    with TaskGroup("production", prefix_group_id=False, tooltip="The new version for everybody"):
        production = _production(policy, target, watches, shifts)
    forward = [preflight, *staging, approval, *production]
    restore = AppServiceRestoreTrafficOperator(
        task_id="restore",
        shift_task_ids=shifts,
        after_rollback=policy.after_rollback,
        artifact=policy.artifact,
        timeout=policy.restore_timeout,
        **target,
    )
    outcome = ReleaseOutcomeOperator(
        task_id="outcome", app=policy.app, version="{{ params.version }}", order=[task.task_id for task in forward]
    )
    # Two teardowns: the first puts users back, the second decides the run. A single one that did both would hide
    # either the failure or the way back.
    chain(*forward, restore.as_teardown(), outcome.as_teardown(on_failure_fail_dagrun=True))


def _source(policy: ReleasePolicy) -> str:
    return "{{ params.image }}" if policy.artifact.is_container else "{{ params.package_uri }}"


def _staging(policy: ReleasePolicy, target: dict[str, Any]) -> tuple[list[Any], list[str], list[str]]:
    tasks: list[Any] = [
        AppServiceStartSlotOperator(task_id="start_slot", create_slot=policy.create_slot, **target),
        AppServiceDeployOperator(task_id="deploy", source=_source(policy), artifact=policy.artifact, **target),
        SlotReadySensor(
            task_id="slot_ready",
            slot_host=SLOT_HOST,
            version="{{ params.version }}",
            readiness=policy.readiness,
            answer_timeout=policy.watch.timeout,
            **target,
        ),
    ]
    shifts: list[str] = []
    watches: list[str] = []
    looks: list[str] = []
    for index, step in enumerate(policy.steps):
        plan = f"ti.xcom_pull(task_ids='preflight').steps[{index}]"
        with TaskGroup(_group_id(step), tooltip=f"{step.weight:g} % for {format_duration(step.bake)}"):
            shift = AppServiceSetCanaryWeightOperator(
                task_id="shift",
                weight=f"{{{{ {plan}.weight }}}}",
                slot_host=SLOT_HOST,
                previous_task_ids=shifts,
                production_host=PRODUCTION_HOST,
                look_task_ids=list(looks),
                **_looks_by(policy),
                **target,
            )
            if policy.analysis.first_look:
                looks.append(shift.task_id)
            watch = CanaryAnalysisOperator(
                task_id="watch",
                hosts_by_side=BOTH_SIDES,
                bake=f"{{{{ {plan}.bake }}}}",
                weight=f"{{{{ {plan}.weight }}}}",
                look_task_ids=list(looks),
                step=index,
                approval=policy.approval,
                **_looks_by(policy),
                **target,
            )
            looks.append(watch.task_id)
        tasks += [shift, watch]
        shifts.append(shift.task_id)
        watches.append(watch.task_id)
    return tasks, shifts, watches


def _production(policy: ReleasePolicy, target: dict[str, Any], watches: list[str], shifts: list[str]) -> list[Any]:
    return [
        AppServiceSwapSlotsOperator(
            task_id="swap",
            shift_task_ids=shifts,
            image_os=policy.artifact.image_os,
            readiness=policy.readiness,
            answer_timeout=policy.watch.timeout,
            **target,
        ),
        PromotedAnalysisOperator(
            task_id="watch_promoted",
            source=_source(policy),
            version="{{ params.version }}",
            hosts_by_side={"visitors": PRODUCTION_HOST},
            bake=format_duration(policy.watch.promoted_bake),
            look_task_ids=watches,
            approval=policy.approval,
            **_looks_by(policy),
            **target,
        ),
        PinnedUsersDrainedSensor(task_id="drain", watch_task_ids=watches, at_most=policy.drain),
        AppServiceStopSlotOperator(task_id="stop_slot", **target),
    ]


def _looks_by(policy: ReleasePolicy) -> dict[str, Any]:
    """What every look at a version goes by."""
    return {"readiness": policy.readiness, "watch": policy.watch, "analysis": policy.analysis}


def _group_id(step: Step) -> str:
    """`canary_10`; Airflow allows no dot in a group's id, so 2.5 % is `canary_2_5`."""
    return f"canary_{step.weight:g}".replace(".", "_")


def _documentation(policy: ReleasePolicy) -> str:
    steps = " → ".join(f"{step.weight:g} %" for step in policy.steps)
    approvers = ", ".join(policy.approval.approvers) or "whoever may respond to this DAG's required actions"
    return "\n".join(
        [
            f"Releases **{policy.app}** (resource group `{policy.resource_group}`) through slot `{policy.slot}`.",
            "",
            f"* Steps: {steps}, baked for {bakes_as_written(policy.steps)}",
            f"* Decides before the swap: {approvers}; silence for {format_duration(policy.approval.timeout)} means "
            f"{policy.approval.on_timeout.value}",
            f"* Takes {_about(time_to_promote(policy))} to promote, and {_about(time_to_finish(policy))} until the "
            "slot is stopped, the approval aside; a version that fails loses its new users within "
            f"{format_duration(worst_time_to_roll_back(policy.watch))}",
            "",
            "Mark a `watch` success: go on now. Mark it failed: roll back. Clear it: watch again. "
            "Mark the run failed: abort.",
        ]
    )


def _about(duration: timedelta | None) -> str:
    return "as long as people let it bake" if duration is None else f"about {format_duration(duration)}"
