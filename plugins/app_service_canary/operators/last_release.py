"""The release of the app before this one, which may have left its way back to a person."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app_service_canary.operators.swap import ASKED_KEY
from app_service_canary.release.app_state import AppTarget, Before
from app_service_canary.release.ending import PROMOTED_BY
from app_service_canary.release.recovery import Unfinished

if TYPE_CHECKING:
    from airflow.sdk import Asset, Context

_LAST = "last_release"
"""Key in the state store of the app's asset: the run that may have changed the app last, and what it found. Airflow
gives XComs of earlier runs by logical date, and runs that people trigger may have none."""

_RESTORE = "restore"


def note_release(context: Context, asset: Asset, record: dict[str, Any]) -> None:
    """From here on this run is the last one that may have changed the app.

    Args:
        context: of a task that has the asset among its inlets.
        asset: of the app.
        record: what preflight notes for the way back.
    """
    ti = context["ti"]
    context["asset_state_store"][asset].set(_LAST, {**record, "dag_id": ti.dag_id, "run_id": ti.run_id})


def unfinished_release(context: Context, asset: Asset) -> Unfinished | None:
    """The last release, if it asked for a swap, is not promoted, and its way back did not succeed; None otherwise.

    A `restore` that a person marked success is one that succeeded: the person has decided that it may stay so. What
    Airflow has forgotten of a run is not held against the app.
    """
    ti, last = context["ti"], context["asset_state_store"][asset].get(_LAST)
    if not isinstance(last, dict) or (last["dag_id"], last["run_id"]) == (ti.dag_id, ti.run_id):
        return None
    run = {"dag_id": last["dag_id"], "run_id": last["run_id"]}
    found = ti.get_task_states(dag_id=run["dag_id"], task_ids=[*PROMOTED_BY, _RESTORE], run_ids=[run["run_id"]])
    states = found.get(run["run_id"], {})
    if states.get(_RESTORE) == "success" or all(states.get(task) == "success" for task in PROMOTED_BY):
        return None
    asked = ti.xcom_pull(task_ids="swap", key=ASKED_KEY, map_indexes=-1, **run)
    if asked is None:
        return None
    before = Before.from_json(last["before"])
    if before.slot_deployment_id is None:
        started = ti.xcom_pull(task_ids="start_slot", map_indexes=-1, **run) or {}
        before = replace(before, slot_deployment_id=started.get("deployment_id"))
    return Unfinished(
        run_id=run["run_id"],
        state=states.get(_RESTORE),
        target=AppTarget(last["resource_group"], last["app"], last["slot"]),
        before=before,
        asked=asked,
        last_swap=(ti.xcom_pull(task_ids="swap", map_indexes=-1, **run) or {}).get("last_swap"),
    )
