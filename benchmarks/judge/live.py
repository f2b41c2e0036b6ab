"""`python -m benchmarks.judge.live`: how long a bad version keeps its users, on a real Airflow.

Each release is of an app of its own, with visitors, and brings a version that fails a tenth of its requests: from the
start, or from its first user on. Measured is the time until Azure has no rule any more that sends anybody to it: from
the moment at which the rule was there, and from the first visitor who met a failure of the canary, where one did; and
how many visitors were hurt. Once with our own requests as the source, once with Azure Monitor's metrics, whose minutes
come in a minute after each is over.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from chaos.cloud import RESOURCE_GROUP, SLOT, SPEED, Cloud, host
from chaos.components import Components, Project
from chaos.database import database

from benchmarks.setting import RUN
from demo.airflow_home import REPOSITORY
from demo.playground import own_environment
from demo.processes import Processes
from demo.run_directory import RunDirectory
from sample_app.build import build_package
from visitors.journal import JournalReader

FAILING: dict[str, dict[str, str]] = {
    "at_once": {"SAMPLE_ERROR_RATE": "0.1"},
    "with_users": {"SAMPLE_ERROR_RATE": "0.1", "SAMPLE_FAIL_WITH_USERS": "1"},
}
"""The sample app's settings for a version that fails a tenth of its requests, `/health` excepted, by since when."""

SOURCES: dict[str, dict[str, Any]] = {
    "probe": {"probe": {"rate": 50, "paths": ["/version"]}},
    "azure_monitor": {"azure_monitor": {}},
}

METRICS_DELAY = 60
"""Seconds after a minute's end at which its metrics are there: the least that is usual on Azure."""

RULE_CHANGE = "WebApps_UpdateConfiguration"
"""What the simulator's journal calls a change of the traffic rules."""

VISITORS = 1.5
"""Clients a second of each app, of whom a quarter are sent to the canary."""

LIMIT = 480.0
"""Seconds that a release may take: twice what one with metrics does."""


@dataclass(frozen=True)
class Hurt:
    """One release.

    Attributes:
        exposed: seconds from the rule to no rule; None: there never was one.
        noticed: seconds from the first visitor who met a failure of the canary to no rule; None: nobody did.
        failures, requests: of visitors, while the rule was there.
    """

    exposed: float | None
    noticed: float | None
    failures: int
    requests: int


@contextmanager
def scene(apps: Sequence[str], sources: dict[str, Any], visitors: float) -> Iterator[tuple[Cloud, Components, Path]]:
    """The simulated Azure with these apps, so many visitors a second on each, and an Airflow that releases them."""
    with ExitStack() as stack:
        directory = RunDirectory(RUN)
        stack.enter_context(directory.held())
        processes = stack.enter_context(Processes(directory))
        cloud = stack.enter_context(closing(Cloud.start(processes, list(apps))))
        cloud.controls.set_quirks(metrics_delay=METRICS_DELAY * SPEED)
        project = Project.make(directory.path / "project")
        for app in apps:
            policy = {
                "app": app,
                "resource_group": RESOURCE_GROUP,
                "slot": SLOT,
                "readiness": {"path": "/health", "version_path": "/version", "consecutive": 1},
                "steps": [{"weight": 25, "bake": "10m"}],
                "analysis": {"sources": sources, "metrics": {"latency": {"mode": "advisory"}}},
                "after_rollback": "keep",
            }
            (project.releases / f"{app}.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
        metadata = stack.enter_context(database("sqlite", processes))
        connection = cloud.address.connection()
        airflow = stack.enter_context(closing(Components.start(processes, project, connection, metadata)))
        journals = directory.path / "visitors"
        journals.mkdir()
        command = [sys.executable, "-m", "chaos.crowd", "--url", cloud.address.front_end, "--journals", str(journals)]
        command += ["--clients", str(visitors)]
        path = os.pathsep.join([str(REPOSITORY / "include"), str(REPOSITORY)])
        processes.start("visitors", [*command, *map(host, apps)], {**own_environment(), "PYTHONPATH": path})
        airflow.ready(processes)
        processes.wait_for(
            airflow.programs["dag-processor"],
            "all DAGs",
            lambda: all(airflow.operator.has_dag(f"canary_release.{app}") for app in apps) or None,
            timeout=120,
        )
        yield cloud, airflow, journals


def hurt(
    cloud: Cloud, airflow: Components, journals: Path, apps: Sequence[str], version: str, failing: dict[str, str]
) -> list[Hurt]:
    """Releases a bad version of each app at once, and waits until it has been rolled back."""
    package = build_package(version, cloud.packages, failing)
    address = cloud.controls.put_package(package.name, package.read_bytes())
    visits = {app: JournalReader(journals / f"{host(app)}.jsonl") for app in apps}
    for reader in visits.values():
        reader.read()
    mark = cloud.read_journal()
    for app in apps:
        run = f"live__{version}"
        conf = {"version": version, "package_uri": address}
        airflow.operator.trigger(f"canary_release.{app}", conf, "a live benchmark", run)
    deadline = time.monotonic() + LIMIT
    while airflow.metadata.active_runs():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all of {', '.join(apps)} had their users back in {LIMIT:.0f} s")
        time.sleep(0.5)
    results = []
    for app in apps:
        changes = _changes(cloud, app, mark)
        if not changes:
            results.append(Hurt(None, None, 0, 0))
            continue
        began, ended = changes[:2]
        met = [visit for visit in visits[app].read() if began <= visit.at <= ended]
        # A failure of the canary: the stable version never fails here.
        failed = [visit for visit in met if not visit.ok]
        noticed = (ended - failed[0].at).total_seconds() if failed else None
        results.append(Hurt((ended - began).total_seconds(), noticed, len(failed), len(met)))
    return results


def _changes(cloud: Cloud, app: str, mark: int) -> list[Any]:
    """When the app's traffic rules were changed, oldest first."""
    entries = cloud.entries(app, mark)
    return [entry.ended for entry in entries if entry.kind == "call" and entry.operation == RULE_CHANGE]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge.live")
    parser.add_argument("--runs", type=int, default=20, help="releases with each source")
    parser.add_argument("--abreast", type=int, default=5, help="releases at once")
    parser.add_argument("--visitors", type=float, default=VISITORS, help="clients a second of each app")
    parser.add_argument("--source", choices=list(SOURCES), action="append", help="one of them; both when left out")
    parser.add_argument("--failing", choices=list(FAILING), default="with_users", help="since when the version fails")
    parser.add_argument("--json", type=Path, help="a file for the figures, for machines")
    given = parser.parse_args()
    apps = [f"live-{number:02}" for number in range(1, given.abreast + 1)]
    found: dict[str, list[Hurt]] = {}
    for source in given.source or SOURCES:
        found[source] = []
        with scene(apps, SOURCES[source], given.visitors) as (cloud, airflow, journals):
            for number in range(-(-given.runs // given.abreast)):
                found[source] += hurt(cloud, airflow, journals, apps, f"{number + 2}.0.0", FAILING[given.failing])
                print(f"{source}: {len(found[source])} releases", flush=True)  # noqa: T201
        print(summary(source, found[source]), flush=True)  # noqa: T201
    if given.json:
        given.json.write_text(json.dumps({name: [asdict(each) for each in all_] for name, all_ in found.items()}))
    return 0


def summary(source: str, releases: Sequence[Hurt]) -> str:
    """One line: medians, 95th percentiles, and how many were hurt."""
    exposed = sorted(each.exposed for each in releases if each.exposed is not None)
    noticed = sorted(each.noticed for each in releases if each.noticed is not None)
    failures, requests = sum(each.failures for each in releases), sum(each.requests for each in releases)
    return (
        f"{source}: {len(exposed)} of {len(releases)} releases sent users; "
        f"rule to no rule {_quantiles(exposed)}; first visitor hurt to no rule {_quantiles(noticed)} "
        f"({len(noticed)} of {len(releases)} releases hurt one); {failures} of {requests} visitors' requests failed"
    )


def _quantiles(seconds: Sequence[float]) -> str:
    if not seconds:
        return "–"
    p95 = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    return f"median {statistics.median(seconds):.1f} s, p95 {p95:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
