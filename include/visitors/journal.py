"""The journal: one JSON line per request, written by the visitors, read by whoever watches them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

CLIENT = "client"
"""The kind of visitor that keeps no cookies, such as a program that calls an API."""

BROWSER = "browser"
"""The kind of visitor that keeps cookies until they expire."""


@dataclass(frozen=True)
class Entry:
    """One request.

    `at`: when it was sent, aware.
    `kind`, `visitor`: CLIENT or BROWSER, and a name such as "browser-3".
    `status`: None when no answer came.
    `ok`: not a failure, by `is_ok`.
    `version`: what the app said it is (X-App-Version); None when it was not the app that answered.
    `routed`: the visitor's routing cookie after the answer: "self", a rule's name, or None.
    `seconds`: from sending to the last byte of the answer, or to giving up.
    `error`: the transport error, if there was one.
    """

    at: datetime
    kind: str
    visitor: str
    status: int | None
    ok: bool
    version: str | None
    routed: str | None
    seconds: float
    error: str | None = None

    def as_line(self) -> str:
        """The entry as a line of the journal."""
        return json.dumps({**asdict(self), "at": self.at.isoformat()}) + "\n"

    @classmethod
    def from_line(cls, line: str | bytes) -> "Entry":
        """Reads a line of the journal. ValueError if it is not one."""
        try:
            fields: Mapping[str, Any] = json.loads(line)
            return cls(**{**fields, "at": datetime.fromisoformat(fields["at"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"{line!r} is no journal entry: {error}") from error


def is_ok(status: int | None) -> bool:
    """Whether an answer served its visitor. Failures are 5xx, no answer, and 403 and 404, which App Service
    gives where an app is stopped or a routing rule leads nowhere."""
    return status is not None and status < 500 and status not in (403, 404)


class Journal:
    """Appends entries to a file, each readable by others as soon as it is written. A context manager."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, entry: Entry) -> None:
        """Appends one entry."""
        self._file.write(entry.as_line())

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class JournalReader:
    """Reads a journal while it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> list[Entry]:
        """The entries written since the last call; none while the file is missing.

        A line still being written is left for the next call. A file shorter than what was read already has
        been begun anew, and is read from its beginning.
        """
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._offset:
                    self._offset = 0
                file.seek(self._offset)
                written = file.read()
        except FileNotFoundError:
            return []
        complete = written[: written.rfind(b"\n") + 1]
        self._offset += len(complete)
        return [Entry.from_line(line) for line in complete.splitlines()]
