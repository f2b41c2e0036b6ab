"""How long the DAG folder takes to parse, with 1 release file and with 200, and what importing Azure's SDK would add.

Each time is taken in a fresh process, inside it, after Airflow itself was imported: the DAG processor forks the
process that parses a file from one that has imported Airflow.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.table import Table

from benchmarks.figures import Figure, Result, amount
from benchmarks.project import Project
from demo.airflow_home import REPOSITORY

MANY = 200  # release files: more apps than a team has
TIMES = 5  # of which the median is taken; the first run of each is not counted, for it compiles modules
OTHER_DAGS = 1  # canary_watchdog, whatever release files there are
LIMIT = 120.0  # seconds one process may take: two are usual
ONE_BELOW, MANY_BELOW = 1.0, 5.0  # seconds; Airflow parses a file anew twice a minute, so 5 is a sixth of a core

PARSING = """
import json, logging, sys, time
import airflow
from airflow.dag_processing.dagbag import DagBag
logging.disable(logging.CRITICAL)
began = time.perf_counter()
bag = DagBag(dag_folder=sys.argv[1])
took = time.perf_counter() - began
azure = sorted(name for name in sys.modules if name.partition(".")[0] == "azure")
print(json.dumps({"seconds": took, "dags": len(bag.dags), "errors": bag.import_errors, "azure": azure}))
"""

IMPORTING = """
import importlib, json, sys, time
began = time.perf_counter()
for module in sys.argv[1:]:
    importlib.import_module(module)
took = time.perf_counter() - began
azure = sorted(name for name in sys.modules if name.partition(".")[0] == "azure")
print(json.dumps({"seconds": took, "dags": 0, "errors": {}, "azure": azure}))
"""

NOT_PAID = {
    "import azure.mgmt.web, not paid": ["azure.mgmt.web"],
    "import what the hook uses, not paid": ["azure.mgmt.web.aio", "azure.identity.aio"],
}


@dataclass(frozen=True)
class Reading:
    """Repeated processes of one kind: seconds of each, DAGs found, and Azure modules imported."""

    seconds: list[float]
    dags: int
    azure_modules: int

    @property
    def median(self) -> float:
        return median(self.seconds)


class ParsingFailed(Exception):
    """A process did not do what was to be timed; the sentence says what it did instead."""


def reading_of(outputs: list[str], expected_dags: int) -> Reading:
    """What the processes printed, in order.

    Raises:
        ParsingFailed: a DAG could not be imported, or not as many were found as expected.
    """
    answers = [json.loads(output) for output in outputs]
    for answer in answers:
        if answer["errors"] or answer["dags"] != expected_dags:
            raise ParsingFailed(f"found {answer['dags']} DAGs, expected {expected_dags}; errors: {answer['errors']}")
    return Reading(
        [answer["seconds"] for answer in answers], expected_dags, max(len(answer["azure"]) for answer in answers)
    )


def table(readings: dict[str, Reading]) -> Table:
    """One row for each kind of process."""
    result = Table(title=f"Parsing the DAG folder, median of {TIMES} fresh processes")
    for heading in ("what", "median", "fastest", "slowest", "azure modules"):
        result.add_column(heading, justify="left" if heading == "what" else "right")
    for what, reading in readings.items():
        times = (amount(seconds, "s") for seconds in (reading.median, min(reading.seconds), max(reading.seconds)))
        result.add_row(what, *times, str(reading.azure_modules))
    return result


def measure() -> Result:
    """Runs the processes, one after another."""
    with tempfile.TemporaryDirectory(prefix="bench-parse-") as folder:
        base = Path(folder)
        readings = {f"{count} release file{'s' * (count > 1)}": _parse(base / str(count), count) for count in (1, MANY)}
        one, many = readings.values()
        for what, modules in NOT_PAID.items():
            readings[what] = reading_of(_repeat([IMPORTING, *modules], _environment(base)), 0)
    figures = [
        Figure("1 release file", one.median, "s", below=ONE_BELOW),
        Figure(f"{MANY} release files", many.median, "s", below=MANY_BELOW),
        Figure("azure modules imported", max(one.azure_modules, many.azure_modules), below=1),
    ]
    return Result("parse", figures, [table(readings)])


def _parse(path: Path, count: int) -> Reading:
    project = Project(path)
    project.write_releases(count)
    return reading_of(_repeat([PARSING, str(project.dags)], _environment(path)), count + OTHER_DAGS)


def _environment(home: Path) -> dict[str, str]:
    """Without the caller's Airflow settings and without PYTHONPATH, as the DAG processor has it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    return {
        **kept,
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }


def _repeat(code: list[str], environment: dict[str, str]) -> list[str]:
    outputs = []
    for _ in range(1 + TIMES):
        ended = subprocess.run(  # noqa: S603 - this module's own code
            [sys.executable, "-c", *code], env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )
        if ended.returncode:
            raise ParsingFailed(ended.stderr.strip())
        outputs.append(ended.stdout.splitlines()[-1])
    return outputs[1:]
