"""Whether a release ended well: what must hold at its end, whatever happened on the way."""

from __future__ import annotations

from tests.faults.scene import SLOT, Scene
from tests.release_engine.release_run import ReleaseRun

OLD, NEW = "1.0.0", "2.0.0"


def problems(scene: Scene, run: ReleaseRun, *, ends: str | None = None, says: str = "") -> list[str]:
    """What is wrong; nothing for a release that ended promoted exactly once, or with users on the stable version.

    Args:
        ends: the outcome that it must have; None: any in which users are well.
        says: what its sentence must contain.
    """
    outcome = run.outcome
    ended, sentence = outcome.get("outcome"), outcome.get("sentence", "")
    promoted = ended == "promoted"
    facts = {
        f"it ended {ended}, not {ends or 'promoted, refused or rolled back'}: {sentence}": ended == ends
        if ends
        else ended in ("promoted", "refused", "rolled_back"),
        f"the run is {run.state}": run.state == ("success" if promoted else "failed") or _cleaning_failed(run),
        f"its sentence does not say {says!r}: {sentence}": says in sentence,
        f"production serves {scene.version()}": scene.version() == (NEW if promoted else OLD),
        f"it was swapped {scene.swaps()} times": scene.swaps() == 1 if promoted else scene.swaps() % 2 == 0,
        f"rules are left: {scene.rules()}": not any(
            rule["reroutePercentage"] > 0 for rule in scene.rules() if rule["name"] == SLOT
        ),
        f"the slot was to be healed, and serves {scene.slot_version()}": "again, for the users" not in sentence
        or scene.slot_version() == OLD,
        f"visitors saw {scene.failed_visits}": not scene.failed_visits,
    }
    return [problem for problem, holds in facts.items() if not holds]


def _cleaning_failed(run: ReleaseRun) -> bool:
    """A promoted release whose slot could not be stopped is a failed run; its users are well."""
    return run.outcome.get("outcome") == "promoted" and "Afterwards" in run.outcome["sentence"]
