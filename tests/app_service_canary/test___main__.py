"""The command at a terminal."""

import json
from pathlib import Path

import pytest
from tests.app_service_canary.release.test_replay import record

from app_service_canary.__main__ import MOST_ROWS, main


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    of = record(3)
    of.verdict = {"outcome": "pass", "reasons": ["It was thought to be well."]}
    path = tmp_path / "watch.1.json"
    path.write_text(of.to_text(), encoding="utf-8")
    return path


def test_a_record_is_judged_again_and_the_table_shows_how_it_came(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(kept)]) == 1
    told = capsys.readouterr().out
    assert "then  pass: It was thought to be well." in told
    assert "now   fail: By azure_monitor, the canary failed" in told
    assert "3 of 50 (6.0 %)" in told


def test_other_settings_may_let_it_pass(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(kept), "--set", "metrics.failures.worse_by=1000"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("now   pass")
    assert len(lines) < MOST_ROWS + 10


@pytest.mark.parametrize("text", ["", "{}"])
def test_what_is_no_record_is_refused_by_its_name(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    assert main(["replay", str(path)]) == 2
    assert str(path) in capsys.readouterr().err
    assert main(["replay", str(tmp_path / "missing.json")]) == 2


def test_a_record_whose_evidence_is_none_is_refused(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(kept.read_text())
    kept.write_text(json.dumps({**content, "evidence": {"azure_monitor": {"canary": 3}}}))
    assert main(["replay", str(kept)]) == 2
    assert "this is no evidence" in capsys.readouterr().err


def test_a_setting_that_cannot_be_followed_is_refused(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(kept), "--set", "metrics.failures.worse_by=much"]) == 2
    assert "metrics.failures.worse_by" in capsys.readouterr().err
