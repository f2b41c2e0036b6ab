"""A manager's decision, read from what the manager wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app_service_canary.release.quoting import quoted, storable

APPROVE, REJECT = "Approve", "Reject"
"""The options under Required Actions."""

GO_ON, ROLL_BACK = "Go on", "Roll back"
"""The options when the evidence does not suffice for a verdict."""

APPROVED, REJECTED = "approved", "rejected"
"""The two decisions, as they are kept."""

_WORDS = {"approve": True, "approved": True, "reject": False, "rejected": False}

ALLOWED = (
    "approve, approved, reject or rejected in any case, or JSON such as "
    '{"decision": "approve", "by": "maria", "comment": "checked the dashboards"}'
)


@dataclass(frozen=True)
class Decision:
    """What was decided, by whom and how.

    Attributes:
        approved: go on, or not.
        by: who; for a Variable what its writer says, None when it does not say.
        door: `required action`, `variable` or `timeout`.
        comment: in the manager's words.
    """

    approved: bool
    by: str | None
    door: str
    comment: str = ""

    @property
    def word(self) -> str:
        return APPROVED if self.approved else REJECTED

    def to_json(self) -> dict[str, Any]:
        """As it is kept with the run."""
        by = storable(self.by) if self.by is not None else None
        return {"decision": self.word, "by": by, "door": self.door, "comment": storable(self.comment)}


def variable_key(dag_id: str, run_id: str) -> str:
    """The Variable that opens the gate of this run, and of no other."""
    return f"canary_approval__{dag_id}__{run_id}"


def read_decision(text: str) -> Decision:
    """Reads the value of an approval Variable.

    Raises:
        ValueError: it is not a decision; the sentence names what was found and what is allowed.
    """
    word, by, comment = text.strip(), None, ""
    if word.startswith(("{", '"')):
        try:
            value = json.loads(word)
        except (ValueError, RecursionError):
            raise _refused(text) from None
        if isinstance(value, str):
            word = value
        else:
            if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
                raise _refused(text)
            if unknown := sorted(set(value) - {"decision", "by", "comment"}):
                raise ValueError(f"found the unknown key {quoted(unknown[0])}; allowed: {ALLOWED}")
            word, by, comment = value.get("decision", ""), value.get("by"), value.get("comment", "")
    approved = _WORDS.get(word.strip().lower())
    if approved is None:
        raise _refused(text)
    return Decision(approved, by or None, "variable", comment)


def _refused(text: str) -> ValueError:
    return ValueError(f"found {quoted(text)}; allowed: {ALLOWED}")
