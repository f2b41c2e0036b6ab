"""How long a release takes, and how long a bad version keeps its users: formulas a reader can redo."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app_service_canary.release.policy import ReleasePolicy, Step, Watch

# Azure's own durations, as recorded and published; see each line.
DEPLOYMENT = timedelta(seconds=30)
"""A small package by OneDeploy: 16 to 24 s were recorded, the slot's start comes on top."""
WEIGHT_CHANGE = timedelta(seconds=32)
"""The longest recorded answer to a change of traffic rules; 4 s was the shortest."""
SWAP = timedelta(seconds=110)
"""The longest recorded ordinary swap; about 62 s is usual."""
TASK = timedelta(seconds=3)
"""Airflow, from one task's end to the next one's work, a deferral included."""


def time_to_promote(policy: ReleasePolicy, steps: Sequence[Step] | None = None) -> timedelta | None:
    """From the trigger to the new version serving everybody, watched; without the manager's thinking.

    deployment + steps x (weight change + bake) + weight change + swap + promoted bake + (steps + 1) x first look
    + tasks x 3 s

    Args:
        policy: the release file.
        steps: those of a run; None: those of the file.

    Returns:
        The time; None when a step bakes until a person goes on.
    """
    steps = policy.steps if steps is None else steps
    bakes = [step.bake for step in steps]
    if None in bakes:
        return None
    tasks = 7 + 2 * len(steps)
    return (
        DEPLOYMENT
        + sum((bake for bake in bakes if bake is not None), timedelta(0))
        + (len(steps) + 1) * WEIGHT_CHANGE
        + SWAP
        + policy.watch.promoted_bake
        + (len(steps) + 1) * (policy.analysis.first_look or timedelta(0))
        + tasks * TASK
    )


def time_to_finish(policy: ReleasePolicy, steps: Sequence[Step] | None = None) -> timedelta | None:
    """As `time_to_promote`, until the slot is stopped: the drain runs from the moment the rule is cleared.

    time to promote + (drain - swap - promoted bake, if positive)
    """
    promoted = time_to_promote(policy, steps)
    if promoted is None:
        return None
    return promoted + max(timedelta(0), policy.drain - SWAP - policy.watch.promoted_bake)


def worst_time_to_roll_back(watch: Watch) -> timedelta:
    """From the first bad answer to the moment no new user is sent to the slot.

    failure limit x (poll interval + answer timeout) + weight change

    An app that fails quickly is caught faster: without the answer timeout.
    """
    return watch.failure_limit * (watch.poll_interval + watch.timeout) + WEIGHT_CHANGE
