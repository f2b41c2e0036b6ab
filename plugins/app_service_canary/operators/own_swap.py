"""What the way back knows of the swap that its run asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app_service_canary.operators.swap import ASKED_KEY, OPERATION_KEY
from app_service_canary.operators.task import remember, remembered
from app_service_canary.patience import READ_BACK
from app_service_canary.triggers.waiting import now

if TYPE_CHECKING:
    from airflow.sdk import Context

    from app_service_canary.release.app_state import Before, SlotState

_SETTLED, _OURS = "settled_at_swap", "our_swap"
"""State keys: for which request of a swap all was undone, with the last swap Azure knew of then; and how Azure tells of
the swap that a request brought about."""

_PROMOTED = "promoted"
"""In place of that last swap: what this request brought about is not to be undone, whatever is swapped later."""

_UNDER_WAY, _WAITED, _BACK = "swap_was_under_way", "waited_for_swap", "swap_backs"
"""Remembered: the last swap that Azure knew of while another was under way; that ours was waited for; and how often it
was swapped back."""

_DOUBTED = "swap_doubted_since"
"""Remembered: since when it has been looked for, over all tries: each may be killed before that time is over."""


class OwnSwap:
    """The swap that a run asked for, last.

    Args:
        context: of the task that goes back.
        task_id: the task that swaps.

    Attributes:
        request: what that task noted before it asked; None when it did not.
    """

    def __init__(self, context: Context, task_id: str) -> None:
        self._context, self._task_id = context, task_id
        self._ti, self._store = context["ti"], context["task_state_store"]
        self.request: dict[str, Any] | None = self._ti.xcom_pull(task_ids=task_id, key=ASKED_KEY)

    # -- how it went -----------------------------------------------------------------------------------

    @property
    def url_to_wait_for(self) -> str | None:
        """Where to ask how it goes; None when Azure refused it, its answer was not heard, or it was waited for."""
        return None if remembered(self._context, _WAITED) else self._url or None

    def was_waited_for(self, *, given_up: bool) -> None:
        """The wait for it, or for the swap back, is over; unless App Service said that it gave it up, it may have taken
        place."""
        if given_up:
            remember(self._context, _UNDER_WAY, None)
            remember(self._context, _DOUBTED, None)
        elif self.request:
            self.is_under_way(self.request["before"])
        remember(self._context, _WAITED, True)

    @property
    def _url(self) -> str | None:
        """Empty: Azure refused it; None: its answer was not heard."""
        url: str | None = self._ti.xcom_pull(task_ids=self._task_id, key=OPERATION_KEY)
        return url

    # -- readings of the time before it --------------------------------------------------------------

    def is_under_way(self, last_swap: str) -> None:
        """From now on a reading that still tells of this last swap may be of the time before ours."""
        if remembered(self._context, _UNDER_WAY) is None:
            remember(self._context, _UNDER_WAY, last_swap)
        remember(self._context, _DOUBTED, None)

    @property
    def last_swap_before(self) -> str | None:
        """Which was Azure's last swap before one whose effect has not been seen; None: there is no such swap."""
        if (known := remembered(self._context, _UNDER_WAY)) is not None:
            return str(known)
        unheard = self._url is None and not remembered(self._context, _WAITED)
        return self.request["before"] if self.request and unheard else None

    @property
    def in_doubt_for(self) -> timedelta | None:
        """For how long yet Azure may tell of the time before it; None: no longer."""
        if self.last_swap_before is None:
            return None
        since = remembered(self._context, _DOUBTED)
        if since is None:
            since = now().isoformat()
            remember(self._context, _DOUBTED, since)
        return max(datetime.fromisoformat(since) + READ_BACK - now(), timedelta(0))

    def was_looked_for(self) -> None:
        """Long enough: what Azure says now is so."""
        if self.last_swap_before is not None:
            remember(self._context, _UNDER_WAY, None)
            remember(self._context, _DOUBTED, None)
            remember(self._context, _WAITED, True)

    # -- swapping it back ------------------------------------------------------------------------------

    @property
    def backs(self) -> int:
        """How often it was swapped back by this try or those before it."""
        return int(remembered(self._context, _BACK) or 0)

    def is_to_be_swapped_back(self, last_swap: str) -> None:
        """Once more; noted before it is asked for, with Azure's last swap, because the answer may be lost."""
        self.is_under_way(last_swap)
        remember(self._context, _BACK, self.backs + 1)

    # -- whose what is in production is ---------------------------------------------------------------

    def settle(self, last_swap: str) -> None:
        """All is undone; what is swapped later is somebody else's."""
        if not self.was_promoted:
            self._store.set(_SETTLED, [self.request, last_swap])

    def settle_promoted(self) -> None:
        """There is nothing to undo, ever."""
        self._store.set(_SETTLED, [self.request, _PROMOTED])

    @property
    def was_promoted(self) -> bool:
        return self._settled_at == _PROMOTED

    @property
    def is_settled(self) -> bool:
        """The way back from it was through before, or there is none."""
        return self._settled_at is not None

    @property
    def _settled_at(self) -> str | None:
        """The last swap when the way back from this request was through; None when it was not yet."""
        request, last_swap = self._store.get(_SETTLED) or (None, None)
        return last_swap if request is not None and request == self.request else None

    def is_to_undo(self, before: Before, production: SlotState) -> bool:
        """Whether what is in production may have come there by this swap, or by the way back from it. It has not when
        the task that goes back is cleared after a person has swapped back by hand, and a later release was promoted
        through the same slot.
        """
        if self.request is None:
            return False
        if self._settled_at is not None:
            return self._settled_at == production.last_swap
        if self.backs or not before.swapped_in(production):
            return True
        of, ours = self._store.get(_OURS) or (None, None)
        if of != self.request:
            ours = (self._ti.xcom_pull(task_ids=self._task_id) or {}).get("last_swap") or production.last_swap
            if ours == self.request["before"]:
                return True  # Azure does not tell of it yet
            self._store.set(_OURS, [self.request, ours])
        return bool(ours == production.last_swap)
