"""The simulator's README names every switch, control, option and fault there is, and no other."""

import re
from dataclasses import fields

import pytest
from tests.simulator import ROOT

from app_service_simulator.__main__ import parse
from app_service_simulator.control import HELP
from app_service_simulator.effects import DEPLOYMENT_ENDED, LANDED, SWAP_CUT_OVER, SWAP_ENDED
from app_service_simulator.faults.fault import ENDINGS, Fault
from app_service_simulator.faults.kinds import KINDS
from app_service_simulator.journal import Entry
from app_service_simulator.kql.aggregates import AGGREGATES
from app_service_simulator.kql.functions import FUNCTIONS
from app_service_simulator.kql.parser import MATCHES
from app_service_simulator.log_analytics.service import routes
from app_service_simulator.log_analytics.tables import TABLES
from app_service_simulator.prometheus.series import DURATION, REQUESTS
from app_service_simulator.prometheus.service import OPERATION
from app_service_simulator.quirks import Quirks
from app_service_simulator.request_log import MOST_REQUESTS

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


def test_every_option_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    options = set(re.findall(r"(?<!\w)--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert [option for option in sorted(options) if f"`{option}" not in README] == []


def test_every_fault_is_in_the_table_with_its_options_and_moments() -> None:
    table = README.split("<!-- kinds -->", 1)[1].split("<!-- end of kinds -->", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")][1:]
    documented = {
        name.strip("`"): (meaning, set(re.findall(r"`(\w+)`", options)), moments)
        for name, meaning, options, moments in rows
    }
    assert documented == {
        name: (kind.meaning, set(kind.options), ", ".join(kind.moments)) for name, kind in KINDS.items()
    }


@pytest.mark.parametrize(
    ("section", "members"),
    [
        ("Faults", {*Fault.model_fields, *ENDINGS} - {"seconds", "retry_after"}),
        ("Journal", {"n", *(member.name for member in fields(Entry))}),
    ],
)
def test_every_member_is_explained(section: str, members: set[str]) -> None:
    text = README.split(f"### {section}", 1)[1].split("\n### ", 1)[0]
    assert [member for member in sorted(members) if f"`{member}`" not in text] == []


def test_every_effect_is_named() -> None:
    assert [
        effect for effect in (SWAP_CUT_OVER, SWAP_ENDED, DEPLOYMENT_ENDED, LANDED) if f"`{effect}`" not in README
    ] == []


def test_every_part_of_kql_and_every_column_and_metric_is_named() -> None:
    text = README.split("## Logs and Prometheus", 1)[1].split("\n## ", 1)[0]
    names = {*FUNCTIONS, *AGGREGATES, *MATCHES, *TABLES, OPERATION, DURATION, REQUESTS}
    names |= {column for table in TABLES.values() for column, _ in table.columns}
    names |= {route.operation for route in routes}
    assert [name for name in sorted(names) if not re.search(rf"(?<!\w){name}(?![a-z])", text)] == []


def test_the_number_of_requests_that_are_kept_is_named() -> None:
    assert f"The latest {MOST_REQUESTS:,} requests are kept" in README
