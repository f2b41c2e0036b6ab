"""What can go wrong with the demonstration itself, apart from the release it shows.

DemonstrationError      one sentence for a person, who can act on it; never a traceback
└─ NotReady             something started did not become ready, with the end of its log
"""


class DemonstrationError(Exception):
    """The demonstration cannot go on; the message is one or two sentences for the person at the terminal."""


class NotReady(DemonstrationError):
    """A process ended or stayed silent before it was ready; the message carries the end of its log."""
