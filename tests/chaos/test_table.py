"""What is printed."""

import io

from chaos.judging import judge
from chaos.table import matrix, problems, summary
from rich.console import Console, RenderableType
from tests.chaos.releases import case, ending

RIGHT = judge(case(), ending())
WRONG = judge(case(moment="before"), ending(failures=("502",) * 3))


def printed(what: RenderableType) -> list[str]:
    output = io.StringIO()
    Console(file=output, width=150).print(what)
    return output.getvalue().splitlines()


def row(lines: list[str], word: str) -> list[str]:
    [line] = [line for line in lines if word in line]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_a_row_tells_how_the_release_ended_and_how_soon_it_went_on() -> None:
    cells = row(printed(matrix([RIGHT])), RIGHT.case.name)
    assert cells == [RIGHT.case.name, "task", "promoted", "1", "2", "200", "0", "7.0 s", "60.0 s", "right"]


def test_a_release_that_ended_wrong_is_marked() -> None:
    assert row(printed(matrix([RIGHT, WRONG])), WRONG.case.name)[-1] == "WRONG"


def test_the_summary_counts_by_what_was_killed() -> None:
    lines = printed(summary([RIGHT, WRONG], seconds=90))
    assert "2 cases in 1.5 min" in lines[0]
    assert row(lines, "task") == ["task", "2", "1", "400", "3", "2", "7.0 s", "7.0 s", "60.0 s"]
    assert row(lines, "all ")[1:3] == ["2", "1"]


def test_each_problem_is_a_line_with_its_case() -> None:
    assert problems([RIGHT, WRONG]) == [f"{WRONG.case.name}: 3 of 200 requests failed, the first: 502"]
