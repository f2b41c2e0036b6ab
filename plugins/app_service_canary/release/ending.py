"""How a release ended, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

PROMOTED_BY = ("swap", "watch_promoted")
"""A release is promoted when the new version was swapped in, and has been watched in production to the end."""


class Ending(str, Enum):
    """The ways in which a release can end."""

    PROMOTED = "promoted"
    REFUSED = "refused"
    """Preflight found it could not start; nothing was changed."""
    ROLLED_BACK = "rolled_back"
    """New users are on the stable version again."""
    NOT_RESTORED = "not_restored"
    """The way back failed as well: somebody has to act."""


@dataclass(frozen=True)
class TaskEnd:
    """How one task ended.

    Attributes:
        state: Airflow's word, such as `success`, `failed`, `skipped`; None when it never came to it.
        failure: the sentence it failed with; empty when a person or a signal ended it.
    """

    state: str | None
    failure: str = ""

    @property
    def failed(self) -> bool:
        return self.state == "failed"


@dataclass(frozen=True)
class Conclusion:
    """An ending and its sentence."""

    ending: Ending
    sentence: str

    @property
    def promoted(self) -> bool:
        return self.ending is Ending.PROMOTED


def conclude(
    *,
    app: str,
    version: str,
    approval: str,
    tasks: Mapping[str, TaskEnd],
    order: Sequence[str],
    restored: str,
    changed: bool,
) -> Conclusion:
    """Says how a release ended.

    Args:
        app: the app's name.
        version: the version that was to be released.
        approval: how it was approved, for the sentence; empty when it was not.
        tasks: how each task ended, by id.
        order: the task ids from first to last, without the tasks of the way back.
        restored: what the way back did, as a sentence.
        changed: preflight let the run through once, so that it may have changed Azure.
    """
    failed = next((task for task in order if tasks.get(task, TaskEnd(None)).failed), None)
    what = f"Version {version} of app '{app}'"
    why = _why(failed, tasks)
    if all(tasks.get(task, TaskEnd(None)).state == "success" for task in PROMOTED_BY):
        approved = f", {approval}" if approval else ""
        rest = f" Afterwards, {why}" if failed else ""
        return Conclusion(Ending.PROMOTED, f"{what} is promoted: it serves all users{approved}.{rest}")
    if failed == "preflight" and not changed:
        return Conclusion(Ending.REFUSED, f"{what} was not released and nothing was changed: {why}")
    restore = tasks.get("restore", TaskEnd(None))
    if restore.state == "success" and not restored:
        left = "restore was marked by a person; see what production serves and where its traffic rules send users."
        return Conclusion(Ending.NOT_RESTORED, f"{what} was not promoted: {why} ACT NOW: {left}")
    if restore.state != "success":
        left = restore.failure or "restore did not run to its end; clear it to run it again."
        return Conclusion(Ending.NOT_RESTORED, f"{what} was not promoted: {why} ACT NOW: {left}")
    return Conclusion(Ending.ROLLED_BACK, f"{what} was not promoted: {why} {restored}")


def _why(failed: str | None, tasks: Mapping[str, TaskEnd]) -> str:
    if failed is None:
        return "the run was ended by a person before it was through."
    sentence = tasks[failed].failure or "it was marked failed by a person, or its process was ended."
    return f"task {failed} failed: {sentence if sentence.endswith(('.', '”')) else f'{sentence}.'}"
