"""Values that people wrote, as sentences show them."""

from __future__ import annotations

from reprlib import Repr

from app_service_canary.release.masking import without_signatures

LONGEST_TEXT = 80
"""Characters: one line of a terminal. What somebody pasted into the wrong place need not fill a log."""


class _Short(Repr):
    def repr_str(self, text: str, level: int) -> str:
        # Before it is shortened, which might leave a signature without the name by which it is known.
        return super().repr_str(without_signatures(text), level)


def quoted(value: object) -> str:
    """The value as Python writes it, without signatures, shortened: long text, endless nesting, numbers without end."""
    short = _Short()
    short.maxlevel = 3  # a release file nests no deeper
    short.maxstring = short.maxother = short.maxlong = LONGEST_TEXT
    try:
        text = short.repr(value)
        return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
    except ValueError:  # Python refuses to write out an integer of more than 4300 digits
        return "a number too long to show"


def storable(text: str) -> str:
    """What people wrote at length, as it may be kept: without signatures, and without the characters that databases
    refuse (PostgreSQL NUL, and everybody half a surrogate pair), which would lose the rest with them.
    """
    return without_signatures(text).replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
