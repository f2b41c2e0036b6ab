"""Requests of our own, to be taken off where a source counts them among the users'.

App Service's metrics do not tell whose a request was. Ours go to both versions alike, while users are shared out by
the weight: so they are a larger part of what the canary is asked, and where they take longer than the users', or fail
more often, two versions that are alike look different.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from app_service_canary.release.app_state import PRODUCTION
from app_service_canary.release.measurement import MINUTE, Measurement, whole_minute
from app_service_canary.release.observation import Answer, Side

EDGE = timedelta(seconds=2)
"""How far Azure's clock and ours may be apart: a request this near to a minute's edge may be the next one's there."""

KEPT = timedelta(hours=1)
"""For how long they are known. A minute that Azure tells of later than that is left out."""


@dataclass
class _OwnMinute:
    """Of one slot.

    Attributes:
        requests: that were answered.
        seconds: of all of them together, the network's included.
        surely_failed, perhaps_failed: those in the minute's middle, and those near its edges besides.
    """

    requests: int = 0
    seconds: float = 0.0
    surely_failed: int = 0
    perhaps_failed: int = 0


class OwnRequests:
    """What a watch asked, by slot and minute.

    Args:
        slot: the canary's.
        since: from when on all of them are known.
        failing_from: the HTTP status from which on the source counts a request as failed.
    """

    def __init__(self, slot: str, since: datetime, failing_from: int = 500) -> None:
        self._slot, self._since, self._failing_from = slot, since, failing_from
        self._minutes: dict[tuple[str, datetime], _OwnMinute] = {}

    def add(self, answer: Answer, at: datetime) -> None:
        """One more, that ended then. What was not answered may not have reached the app, and is not counted."""
        if answer.status is None:
            return
        on_canary = answer.side is Side.SLOT or answer.routed_to == self._slot
        slot, minute = (self._slot if on_canary else PRODUCTION), whole_minute(at)
        here = self._of(slot, minute)
        here.requests += 1
        here.seconds += answer.seconds if answer.waited is None else answer.waited
        if answer.status < self._failing_from:
            return
        here.perhaps_failed += 1
        if minute + EDGE <= at < minute + MINUTE - EDGE:
            here.surely_failed += 1
        else:
            neighbour = minute - MINUTE if at < minute + EDGE else minute + MINUTE
            self._of(slot, neighbour).perhaps_failed += 1

    def knows(self, minute: datetime) -> bool:
        """Whether all requests of that minute are known."""
        return minute >= self._since

    def taken_off(self, counted: Measurement, slot: str, minute: datetime, *, judged: bool) -> Measurement:
        """What users asked of a slot in a minute, by what its source has counted.

        Every doubt favours the canary: of its failures all are taken off that may be ours, of the stable version's
        those that surely are. The time of ours has a round trip in it, which Azure's has not; that makes the version
        look faster of which ours are the larger part: the canary, as long as it has the fewer users.

        Args:
            counted: by the source.
            slot, minute: of which.
            judged: whether the slot is the one that is judged, not the one it is compared with.
        """
        own = self._minutes.get((slot, minute))
        if own is None:
            return counted
        failed = own.perhaps_failed if judged else own.surely_failed
        failures = max(0, counted.failures - failed)
        requests = max(failures, counted.requests - own.requests)
        seconds = None if counted.seconds is None else max(0.0, counted.seconds - own.seconds)
        # Nobody is as fast as that: more was taken off than was there.
        unknown = not requests or (seconds == 0.0 and not judged)
        return Measurement(requests, failures, seconds=None if unknown else seconds)

    def _of(self, slot: str, minute: datetime) -> _OwnMinute:
        if (slot, minute) not in self._minutes:
            oldest = minute - KEPT
            self._since = max(self._since, oldest)
            self._minutes = {key: own for key, own in self._minutes.items() if key[1] >= oldest}
            self._minutes[slot, minute] = _OwnMinute()
        return self._minutes[slot, minute]

    def to_json(self) -> dict[str, Any]:
        return {
            "since": self._since.isoformat(),
            "minutes": [[slot, minute.isoformat(), asdict(own)] for (slot, minute), own in self._minutes.items()],
        }

    def and_those(self, kept: Mapping[str, Any]) -> None:
        """With those of the watch before, which ended as this one began.

        Raises:
            ValueError: it is none of them.
        """
        try:
            minutes = {
                (str(slot), datetime.fromisoformat(minute)): _OwnMinute(**own) for slot, minute, own in kept["minutes"]
            }
            since = datetime.fromisoformat(kept["since"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"these are no requests of ours: {type(error).__name__}: {error}") from None
        self._minutes, self._since = minutes | self._minutes, min(since, self._since)
