"""Values that people wrote, as sentences show them."""

from __future__ import annotations

from reprlib import Repr

LONGEST_TEXT = 80
"""Characters: one line of a terminal. What somebody pasted into the wrong place need not fill a log."""


def quoted(value: object) -> str:
    """The value as Python writes it, shortened: long text, deep or endless nesting, numbers without end."""
    short = Repr()
    short.maxlevel = 3  # a release file nests no deeper
    short.maxstring = short.maxother = short.maxlong = LONGEST_TEXT
    try:
        text = short.repr(value)
        return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
    except ValueError:  # Python refuses to write out an integer of more than 4300 digits
        return "a number too long to show"
