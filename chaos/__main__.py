"""`python -m chaos`: the crash matrix. Its choices are environment variables, as `make chaos` passes them on.

    CASES=12               that many, spread over what is killed and when; default: all
    SEED=3                 another such sample
    CASE='swap POST after' the case of this name, or those in whose name all these words are
    DATABASE=postgresql    in place of SQLite
    ABREAST=12             so many releases at once

Exit status: 0 every case ended right, 1 one did not, 2 it could not be carried out, 130 interrupted.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.console import Console

from chaos.campaign import Campaign
from chaos.cases import Case, discover, in_running_order, named, sample
from chaos.cloud import Cloud, host
from chaos.components import Components, Project
from chaos.database import DATABASES, SQLITE, database
from chaos.judging import Judged
from chaos.lane import Lane, app_name, write_release_file
from chaos.table import matrix, problems, summary
from demo.airflow_home import REPOSITORY
from demo.errors import DemonstrationError
from demo.playground import own_environment
from demo.processes import Processes
from demo.run_directory import RunDirectory

RUN = REPOSITORY / ".run" / "chaos"

INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
WIDTH = 150  # columns where the output is no terminal: what the table needs

SPARE_LANES = 6
"""Lanes beyond those that run at once: each release that ends wrong takes one away."""


class Choices(BaseModel):
    """The environment variables, checked."""

    model_config = ConfigDict(extra="ignore")

    cases: int | None = Field(default=None, ge=1, alias="CASES")
    seed: int = Field(default=1, alias="SEED")
    case: str = Field(default="", alias="CASE")
    database: str = Field(default=SQLITE, alias="DATABASE", pattern="|".join(f"^{kind}$" for kind in DATABASES))
    abreast: int = Field(default=12, ge=1, le=40, alias="ABREAST")

    @classmethod
    def of(cls, environment: dict[str, str]) -> Choices:
        """Empty ones count as not given, as they come from make.

        Raises:
            DemonstrationError: one of them cannot be used.
        """
        try:
            return cls.model_validate({name: value for name, value in environment.items() if value})
        except ValidationError as error:
            wrong = "; ".join(f"{problem['loc'][0]}={problem['input']}: {problem['msg']}" for problem in error.errors())
            raise DemonstrationError(wrong) from None

    def of_all(self, cases: Sequence[Case]) -> list[Case]:
        """Those that were chosen.

        Raises:
            DemonstrationError: no case has this name.
        """
        chosen = named(cases, self.case) if self.case else list(cases)
        if not chosen:
            known = "\n".join(case.name for case in cases)
            raise DemonstrationError(f"No case is called {self.case!r}. There are:\n{known}")
        return sample(chosen, self.cases, self.seed) if self.cases else in_running_order(chosen)


def run(choices: Choices, console: Console, results: list[Judged]) -> list[Case]:
    """Sets everything up, records, tries every chosen case, and takes everything down.

    Args:
        choices: what was asked for.
        console: where it is told how it goes.
        results: gets what came of each case, so that an interrupted run can be reported too.

    Returns:
        What was chosen.
    """

    def say(what: str) -> None:
        console.print(f"{time.strftime('%H:%M:%S')} {what}", markup=False)

    with ExitStack() as stack:
        directory = RunDirectory(RUN)
        stack.enter_context(directory.held())
        processes = stack.enter_context(Processes(directory))
        numbers = range(1, choices.abreast + SPARE_LANES + 1)
        apps = [app_name(number) for number in numbers]
        say(f"starting the simulator with {len(apps)} apps")
        cloud = stack.enter_context(closing(Cloud.start(processes, apps)))
        project = Project.make(directory.path / "project")
        for number in numbers:
            write_release_file(project.releases, number)
        say(f"starting Airflow on {choices.database}")
        metadata = stack.enter_context(database(choices.database, processes))
        airflow = stack.enter_context(
            closing(Components.start(processes, project, cloud.address.connection(), metadata))
        )
        journals = directory.path / "visitors"
        journals.mkdir()
        _receive_visitors(processes, cloud, apps, journals)
        airflow.ready(processes)
        processes.wait_for(
            airflow.programs["dag-processor"],
            "all DAGs",
            lambda: all(airflow.operator.has_dag(f"canary_release.{app}") for app in apps) or None,
            timeout=120,
        )
        lanes = [Lane(number, cloud, airflow, journals) for number in numbers]
        campaign = Campaign(processes, airflow, lanes, choices.abreast, say)
        say("recording releases without a kill")
        promoted, *others = campaign.record().values()
        found = discover(promoted, others)
        (directory.path / "cases.txt").write_text("".join(f"{case.name}\n" for case in found), encoding="utf-8")
        chosen = choices.of_all(found)
        say(f"{len(found)} cases found; trying {len(chosen)}, {choices.abreast} at once")
        campaign.try_out(chosen, results)
        return chosen


def _receive_visitors(processes: Processes, cloud: Cloud, apps: Sequence[str], journals: Path) -> None:
    command = [sys.executable, "-m", "chaos.crowd", "--url", cloud.address.front_end, "--journals", str(journals)]
    path = os.pathsep.join([str(REPOSITORY / "include"), str(REPOSITORY)])
    processes.start("visitors", [*command, *map(host, apps)], {**own_environment(), "PYTHONPATH": path})


def show(results: Sequence[Judged], seconds: float, console: Console) -> None:
    """Prints the table and its summary."""
    console.print(matrix(results), summary(results, seconds))


def report(chosen: Sequence[Case], results: Sequence[Judged], seconds: float, console: Console) -> int:
    """Prints the table; the exit status."""
    show(results, seconds, console)
    lines = [
        {
            "case": result.case.name,
            "killed": result.case.victim,
            "problems": list(result.problems),
            "ending": asdict(result.ending),
        }
        for result in results
    ]
    (RUN / "results.json").write_text(json.dumps(lines, indent=2, default=str) + "\n", encoding="utf-8")
    tried = {result.case for result in results}
    untried = [f"{case.name}: not tried, for no app was left" for case in chosen if case not in tried]
    wrong = [*problems(results), *untried]
    for line in wrong:
        console.print(line, style="red", markup=False)
    right = sum(result.right for result in results)
    console.print(f"{right} passed, {len(chosen) - right} failed", markup=False)
    if wrong:
        console.print(f"The logs are in {RUN}", markup=False)
    return 1 if wrong else 0


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    began = time.monotonic()
    results: list[Judged] = []
    try:
        chosen = run(Choices.of(dict(os.environ)), console, results)
    except KeyboardInterrupt:
        show(results, time.monotonic() - began, console)
        raise
    except DemonstrationError as error:
        Console(stderr=True, highlight=False).print(str(error), style="red", markup=False)
        return 2
    return report(chosen, results, time.monotonic() - began, console)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; everything that was started is ended.\n")
        sys.exit(INTERRUPTED)
