from dataclasses import replace
from datetime import datetime, timezone

import pytest

from visitors.journal import Entry, Journal, JournalReader, is_ok

ENTRY = Entry(
    at=datetime(2026, 3, 1, 12, 0, 0, 250000, tzinfo=timezone.utc),
    kind="browser",
    visitor="browser-3",
    status=200,
    ok=True,
    version="1.0.0",
    routed="stage",
    seconds=0.004,
)


def test_an_entry_is_one_json_line_with_its_moment_in_iso_8601():
    assert ENTRY.as_line() == (
        '{"at": "2026-03-01T12:00:00.250000+00:00", "kind": "browser", "visitor": "browser-3", "status": 200, '
        '"ok": true, "version": "1.0.0", "routed": "stage", "seconds": 0.004, "error": null}\n'
    )


def test_an_entry_is_read_back_as_it_was_written():
    failed = replace(ENTRY, status=None, ok=False, version=None, error="refused")
    assert [Entry.from_line(entry.as_line()) for entry in (ENTRY, failed)] == [ENTRY, failed]


@pytest.mark.parametrize("line", ["", "{}", "[1]", '{"at": 1}', '{"at": "2026-03-01T12:00:00+00:00"}'])
def test_a_line_that_is_no_entry_is_refused(line):
    with pytest.raises(ValueError):  # noqa: PT011 - the wording is json's in one case and ours in the others
        Entry.from_line(line)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, True), (304, True), (401, True), (429, True), (403, False), (404, False), (500, False), (None, False)],
)
def test_failures_are_5xx_403_404_and_no_answer(status, expected):
    assert is_ok(status) is expected


def test_a_reader_gives_each_entry_once_as_the_journal_grows(tmp_path):
    path = tmp_path / "made" / "journal.jsonl"
    reader = JournalReader(path)
    assert reader.read() == []
    with Journal(path) as journal:
        journal.write(ENTRY)
        journal.write(ENTRY)
        assert reader.read() == [ENTRY, ENTRY]
        assert reader.read() == []
        journal.write(ENTRY)
        assert reader.read() == [ENTRY]


def test_a_line_still_being_written_is_left_for_later(tmp_path):
    path = tmp_path / "journal.jsonl"
    line = ENTRY.as_line()
    path.write_text(line + line[:20])
    reader = JournalReader(path)
    assert reader.read() == [ENTRY]
    with path.open("a") as file:
        file.write(line[20:])
    assert reader.read() == [ENTRY]


def test_a_journal_begun_anew_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text(ENTRY.as_line() * 3)
    reader = JournalReader(path)
    reader.read()
    path.write_text(ENTRY.as_line())
    assert reader.read() == [ENTRY]


def test_a_journal_continues_a_file_that_is_there(tmp_path):
    path = tmp_path / "journal.jsonl"
    for _ in range(2):
        with Journal(path) as journal:
            journal.write(ENTRY)
    assert len(JournalReader(path).read()) == 2
