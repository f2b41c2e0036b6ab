"""The order of things in `make release`: set up, trigger, watch and answer, report, stop."""

import sys
import time
from contextlib import closing
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

from pydantic import JsonValue
from rich.console import Console

from demo.airflow_api import DagRun
from demo.approval import Answering, Gate, choose
from demo.azure import SLOT, Azure
from demo.playground import DAG_ID, Playground, how_to_play, package_url, set_up
from demo.processes import Processes
from demo.progress import APPROVAL, Progress, time_by_kind
from demo.report import Report, StepReport, render
from demo.settings import Settings
from demo.view import make_console, teller, view_for
from demo.watching import Release

PICTURE_EVERY = 1.0  # seconds; what a person can follow, and little beside Airflow's own work


def release(processes: Processes, settings: Settings) -> int:
    """The whole of it; returns the status to exit with."""
    began = datetime.now(timezone.utc)
    console = make_console()
    say = teller(console, began)
    playground = set_up(processes, settings.speed, settings.port, say)
    with closing(playground):
        before = playground.azure.production_version()
        run = _trigger(playground, settings)
        triggered = datetime.now(timezone.utc)
        say(f"production is on {before}; {playground.operator.user.name} has triggered the release")
        watched = Release(playground.operator, DAG_ID, run.dag_run_id, playground.traffic, settings, began)
        _watch(playground, watched, settings, console)
        report = _report(playground.azure, watched, before, triggered)
        console.print(render(report))
        if settings.keep:
            processes.keep()
            console.print(f"{how_to_play(playground)}\nTo end it all: make stop", markup=False, soft_wrap=True)
    return report.exit_status


def _trigger(playground: Playground, settings: Settings) -> DagRun:
    packages = playground.processes.directory.path / "packages"
    conf: dict[str, JsonValue] = {
        "version": settings.version,
        "package_uri": package_url(playground.azure, packages, settings.version, settings.bad),
        "note": "from make release",
    }
    if settings.weights is not None:
        conf["weights"] = list(settings.weights)
    if settings.bake is not None:
        conf["bake"] = settings.bake
    return playground.operator.trigger(DAG_ID, conf, f"Release {settings.version}")


def _watch(playground: Playground, watched: Release, settings: Settings, console: Console) -> None:
    """Show the run until it has ended, and have its approval answered."""
    page = f"{playground.home.url}/dags/{DAG_ID}/runs/{quote(watched.run_id)}/tasks/{APPROVAL}/required_actions"
    gate = Gate(playground.manager, DAG_ID, watched.run_id, page)
    answering = Answering(gate, choose(settings.approval, sys.stdin.isatty() and console.is_terminal), console)

    def waiting() -> bool:
        playground.processes.check()
        return watched.progress().waits_for_manager

    with view_for(console, f"Release {settings.version} of {DAG_ID.partition('.')[2]}") as view:
        while True:
            playground.processes.check()
            ended = watched.run().finished
            picture = watched.picture(answering.who_must_act)
            view.show(picture)
            if ended:
                return
            answering.attend(picture.progress, view, waiting)
            time.sleep(PICTURE_EVERY)


def _report(azure: Azure, watched: Release, before: str, triggered: datetime) -> Report:
    """Ask everybody once more, and put the answers together."""
    run = watched.run()
    progress = watched.progress()
    watched.traffic.read()
    now = datetime.now(timezone.utc)
    return Report(
        dag_id=watched.dag_id,
        run_id=watched.run_id,
        outcome=_outcome(progress, run),
        sentence=progress.sentence,
        promoted=run.state == "success" and progress.promoted,
        version_before=before,
        version_after=azure.production_version(),
        slot_state=f"{SLOT} is {azure.canary_slot().state}",
        steps=[
            StepReport(step, watched.traffic.share(watched.version, step.watched_from, step.watched_until or now))
            for step in progress.steps
            if step.watched_from
        ],
        versions=watched.traffic.versions(),
        kinds=watched.traffic.kinds(),
        times=_times(progress, run, watched.began, triggered, now),
    )


def _outcome(progress: Progress, run: DagRun) -> str:
    said = progress.left_behind.get("outcome", {}).get("outcome")
    return str(said).replace("_", " ") if said else f"the run is {run.state}"


def _times(
    progress: Progress, run: DagRun, began: datetime, triggered: datetime, now: datetime
) -> dict[str, timedelta]:
    """From the command to now, in parts that add up."""
    run_time = (run.end_date or now) - (run.start_date or triggered)
    parts = {"simulator, visitors and Airflow starting": triggered - began, **time_by_kind(progress, run_time, now)}
    parts["noticing and reporting"] = max(now - began - sum(parts.values(), timedelta()), timedelta())
    return parts
