"""Cells of the table, with few releases."""

from dataclasses import replace

from benchmarks.judge.cells import ARGO, KAYENTA, KNOWING, OURS, failures_cell, latency_cell
from benchmarks.judge.grid import HEALTHY, SLOWER, WORSE
from benchmarks.judge.table import FAILURE_RULES, shortfalls, table
from benchmarks.judge.worlds import World

WORSE_WORLD = World("60 a minute at 10 %, 10 minutes: 20 %", 60, (10.0,), canary=0.2, minutes=10)


def test_a_worse_version_is_found_and_a_healthy_one_is_not() -> None:
    worse, healthy = failures_cell(WORSE_WORLD, 40), failures_cell(replace(WORSE_WORLD, canary=0.005), 40)
    assert worse[OURS].aborted > 0.9
    assert healthy[OURS].aborted < 0.05
    assert worse[OURS].minutes is not None
    assert 0 < worse[OURS].hurt < 12


def test_the_same_dice_are_thrown_each_time() -> None:
    assert failures_cell(WORSE_WORLD, 10) == failures_cell(WORSE_WORLD, 10)


def test_a_longer_latency_is_found() -> None:
    found = latency_cell(World("slow", 60, (10.0,), minutes=20, slower=0.5, spread=0.4), 5)
    assert found[OURS].aborted == 1.0
    assert KAYENTA in found


def test_where_a_rival_does_better_is_said() -> None:
    cells = {"a": failures_cell(WORSE_WORLD, 10)}
    worst = {**cells["a"], OURS: replace(cells["a"][OURS], aborted=0.1), ARGO: replace(cells["a"][ARGO], aborted=0.9)}
    none = {"a": dict.fromkeys(FAILURE_RULES, 0.0)}
    elsewhere = {"a": {**dict.fromkeys(FAILURE_RULES, ("b", 0.0)), ARGO: ("b", 0.4)}}
    said = " ".join(shortfalls({"a": worst}, none, elsewhere))
    assert "a: Argo finds 0.90 to our 0.10" in said
    assert "The best unbiased: " in said
    assert "The best that knows the rate: " in said
    assert "Of b it takes back 0.40 of the healthy releases, and we 0.00 at most." in said
    crying_wolf = {"a": dict.fromkeys(FAILURE_RULES, 0.2)}
    assert not shortfalls({"a": worst}, crying_wolf, elsewhere)
    assert f"{cells['a'][KNOWING].aborted:.2f}"[:3] in table(cells, FAILURE_RULES, healthy=False)


def test_every_cell_has_a_name_of_its_own() -> None:
    for worlds in (HEALTHY, WORSE, SLOWER):
        assert len({world.name for world in worlds}) == len(worlds)
    assert all(world.healthy for world in HEALTHY)
    assert not any(world.healthy for world in WORSE)
