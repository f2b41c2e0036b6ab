"""What is left of a run: the exit status, the lines that a test runner ends with, and the results for machines."""

import io
import json
from pathlib import Path

import pytest
from chaos.judging import judge
from rich.console import Console
from tests.chaos.releases import case, ending

from chaos import __main__ as program

RIGHT = judge(case(), ending())
WRONG = judge(case(moment="before"), ending(swaps=2))


class Report:
    """Writes into a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.output = folder, io.StringIO()

    def of(self, *results: program.Judged, untried: int = 0) -> int:
        chosen = [result.case for result in results] + [case("failing")] * untried
        return program.report(chosen, results, 60.0, Console(file=self.output, width=150))

    @property
    def lines(self) -> list[str]:
        return self.output.getvalue().splitlines()


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    monkeypatch.setattr(program, "RUN", tmp_path)
    return Report(tmp_path)


def test_the_status_is_0_when_every_case_ended_right(report: Report) -> None:
    assert report.of(RIGHT) == 0
    assert report.lines[-1] == "1 passed, 0 failed"


def test_one_wrong_end_makes_it_1_and_says_where_the_logs_are(report: Report) -> None:
    assert report.of(RIGHT, WRONG) == 1
    assert report.lines[-3:] == [
        f"{WRONG.case.name}: 2 swaps, not 1",
        "1 passed, 1 failed",
        f"The logs are in {report.folder}",
    ]


def test_a_case_that_was_not_tried_is_none_that_passed(report: Report) -> None:
    assert report.of(RIGHT, untried=1) == 1
    assert "1 passed, 1 failed" in report.lines


def test_all_that_is_known_of_an_end_is_kept_for_machines(report: Report) -> None:
    report.of(WRONG)
    [kept] = json.loads((report.folder / "results.json").read_text())
    assert (kept["case"], kept["problems"]) == (WRONG.case.name, ["2 swaps, not 1"])
    assert kept["ending"]["versions"] == ["1.0.0", "2.0.0", "2.0.0"]
    assert kept["ending"]["killed_at"].startswith("2026-11-23 12:00:00")
