"""The stable version: what production held before a release, and how the slot gets it back after a rollback."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from app_service_canary.release.policy import AfterRollback
from app_service_canary.release.source import signature_end


@dataclass(frozen=True)
class Stable:
    """A version that can be put back.

    Attributes:
        version: what people call it.
        source: its image, or its package's address without what must not be shown.
        secret: the whole address carries a secret, and is kept where Airflow keeps secrets.
        deployment_id: of the deployment that brought it; empty when it is not known.
    """

    version: str
    source: str
    secret: bool = False
    deployment_id: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any] | None) -> Stable | None:
        """What was remembered; None when it was nothing, or is not readable."""
        try:
            return cls(**values) if values else None
        except TypeError:
            return None

    def is_in_production(self, version: str | None, deployment_id: str) -> bool:
        """Whether production still holds what was remembered; somebody may have deployed there since.

        Args:
            version: what production says it runs; None when it does not say.
            deployment_id: of production's last deployment; empty when it is not known.
        """
        if version is not None:
            return version == self.version
        return bool(deployment_id) and deployment_id == self.deployment_id


def signature_has_ended(address: str, now: datetime) -> bool:
    """Whether the address carries a shared access signature whose time is over.

    Without a readable end the address is taken as good for ever.
    """
    end = signature_end(address)
    return end is not None and end <= now


class SlotEnd(str, Enum):
    """What is done with the slot after a rollback."""

    LEAVE = "leave"
    STOP = "stop"
    HEAL = "heal"


def slot_end(wish: AfterRollback, *, running: bool, was_running: bool, users_sent: bool) -> SlotEnd:
    """What is done with the slot once new users are off it.

    Args:
        wish: the release file's `after_rollback`.
        running: the slot runs.
        was_running: it ran before the release.
        users_sent: this release sent users there, who may be pinned to it by their cookie.
    """
    if not running:
        return SlotEnd.LEAVE
    if not users_sent:
        return SlotEnd.LEAVE if was_running else SlotEnd.STOP
    return {
        AfterRollback.KEEP: SlotEnd.LEAVE,
        AfterRollback.STOP: SlotEnd.STOP,
        AfterRollback.HEAL: SlotEnd.HEAL,
    }[wish]
