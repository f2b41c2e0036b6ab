"""The simulator's README names every switch, control, option and fault there is, and no other."""

import re

import pytest
from tests.simulator import ROOT

from app_service_simulator.__main__ import parse
from app_service_simulator.control import HELP
from app_service_simulator.faults.kinds import KINDS
from app_service_simulator.quirks import Quirks

README = (ROOT / "include" / "app_service_simulator" / "README.md").read_text(encoding="utf-8")


def test_every_switch_is_in_the_table_with_its_default() -> None:
    table = README.split("### Switches", 1)[1].split("\n## ", 1)[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", table, re.MULTILINE))
    assert {name: str(value).lower().removesuffix(".0") for name, value in Quirks().as_dict().items()} == documented


def test_every_control_is_in_the_table() -> None:
    table = README.split("## Controls", 1)[1].split("### ", 1)[0]
    paths = {re.sub(r"[?{].*", "", control.rsplit(" ", 1)[1]).rstrip("/") for control in HELP}
    missing = [path for path in paths if path not in table]
    assert missing == []


def test_every_fault_is_named() -> None:
    assert [name for name in KINDS if f"`{name}`" not in README] == []


def test_every_option_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    options = set(re.findall(r"(?<!\w)--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert [option for option in sorted(options) if f"`{option}" not in README] == []
