"""The visitors' journal, read as it grows, in the terms of the view and the report."""

from datetime import datetime
from pathlib import Path

from demo.picture import KindTraffic, Share, VersionTraffic
from visitors.journal import BROWSER, CLIENT, JournalReader
from visitors.tally import Tally

KINDS = {CLIENT: "clients without cookies", BROWSER: "browsers that keep cookies"}
NO_VERSION = "none"  # where no version answered: a page of the front end, or no answer at all


class Traffic:
    """All visits so far; `read` takes in the new ones, everything else asks about those taken in."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self._reader = JournalReader(journal)
        self._tally = Tally()

    def read(self) -> None:
        self._tally.add(self._reader.read())

    def versions(self) -> list[VersionTraffic]:
        """Each version that has answered; requests that none answered come last, if there are any."""
        rows = []
        everything = self._tally.figures()
        requests, failures = everything.requests, everything.failures
        for version in self._tally.versions:
            figures = self._tally.figures(version=version)
            requests -= figures.requests
            failures -= figures.failures
            row = VersionTraffic(
                version, figures.requests, figures.failures, _milliseconds(figures.p50), _milliseconds(figures.p95)
            )
            rows.append(row)
        if requests:
            rows.append(VersionTraffic(NO_VERSION, requests, failures, None, None))
        return rows

    def kinds(self) -> list[KindTraffic]:
        figures = {words: self._tally.figures(kind) for kind, words in KINDS.items()}
        return [KindTraffic(words, sums.requests, sums.failures) for words, sums in figures.items()]

    def share(self, version: str, since: datetime, until: datetime) -> Share:
        """The version's share of the cookie-less clients' requests sent in the window."""
        share = self._tally.share(version, since, until)
        if share.percent is None:
            return Share(0)
        low, high = share.interval()
        return Share(share.requests, share.percent, low, high)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
