"""The page, from results of every cell there is."""

from pathlib import Path

from benchmarks.judge.cells import ARGO, KNOWING, OURS, Result
from benchmarks.judge.cost import Cost
from benchmarks.judge.grid import HEALTHY, SLOWER, WORSE
from benchmarks.judge.table import FAILURE_RULES, LATENCY_RULES

from benchmarks.judge import page


def test_the_page_has_every_cell_and_says_where_a_rival_does_better(tmp_path: Path) -> None:
    found, nothing = Result(0.5, 30.0, 3.0), Result(0.0, None, 0.0)
    # Nobody knows a rate that changes, so these cells lack that column.
    healthy = {
        world.name: {rule: nothing for rule in FAILURE_RULES if rule != KNOWING or world.drift == 1}
        for world in HEALTHY
    }
    worse = {
        world.name: {rule: found for rule in FAILURE_RULES if rule != KNOWING or world.drift == 1} for world in WORSE
    }
    ahead = WORSE[-1].name
    worse[ahead] = {**worse[ahead], ARGO: Result(0.9, 20.0, 2.0), OURS: Result(0.4, 30.0, 3.0)}
    slower = {world.name: dict.fromkeys(LATENCY_RULES, found) for world in SLOWER}
    page.write(tmp_path, (7, 28), healthy, worse, slower, (0.6, 0.0, 1.0), Cost(0.3, 0.06))
    text = (tmp_path / "judge-benchmark.md").read_text()
    assert all(f"| {world.name} |" in text for world in (*HEALTHY, *WORSE, *SLOWER))
    assert f"* {ahead}: Argo finds 0.90 to our 0.40" in text
    assert text.count("\n* ") == 3 + 4, "three lines about the rules, and one for each rival in that cell"
    assert "| – |" in text
    assert {file.name for file in (tmp_path / "images").iterdir()} == {"judge-false-aborts.png", "judge-power.png"}
