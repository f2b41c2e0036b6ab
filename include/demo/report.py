"""The report at the end. Pure: from numbers to what is printed and the status to exit with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from demo.picture import KindTraffic, Share, VersionTraffic
from demo.progress import Step
from demo.view import clock, milliseconds, totals


@dataclass(frozen=True)
class StepReport:
    """One step, and the share that cookie-less clients really saw while it was watched."""

    step: Step
    observed: Share


@dataclass(frozen=True)
class Report:
    """Everything there is to say. `times` adds up to the whole time from the command to the report.

    version_before and version_after are production's own answers; slot_state is ARM's word.
    """

    dag_id: str
    run_id: str
    outcome: str
    sentence: str | None
    promoted: bool
    version_before: str
    version_after: str
    slot_state: str
    steps: Sequence[StepReport]
    versions: Sequence[VersionTraffic]
    kinds: Sequence[KindTraffic]
    times: Mapping[str, timedelta]

    @property
    def failures(self) -> int:
        return totals(self.versions)[1]

    @property
    def exit_status(self) -> int:
        """0 only when the version was promoted and no visitor's request failed."""
        return 0 if self.promoted and self.failures == 0 else 1

    @property
    def verdict(self) -> str:
        """One sentence for the last line."""
        if not self.promoted:
            return self.sentence or f"The release was not promoted: {self.outcome}."
        requests, failures = totals(self.versions)
        if failures:
            return (
                f"The release was promoted, but {failures:,} of {requests:,} requests failed; it should have been none."
            )
        return f"Version {self.version_after} was promoted; none of {requests:,} requests failed."


def render(report: Report) -> RenderableType:
    """The report as tables, followed by its verdict."""
    good = report.exit_status == 0
    return Group(
        Text(),
        Text("Report", "bold underline"),
        _facts(report),
        Text(),
        _steps(report),
        Text(),
        _traffic(report),
        Text(),
        _times(report),
        Text(),
        Text.assemble(("✓ " if good else "✗ ", "bold green" if good else "bold red"), report.verdict),
    )


def _facts(report: Report) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("run", f"{report.dag_id} {report.run_id}"),
        ("outcome", report.outcome),
        ("production before", report.version_before),
        ("production after", report.version_after),
        ("slot", report.slot_state),
    ):
        table.add_row(Text(name, "dim"), value)
    return table


def _steps(report: Report) -> RenderableType:
    if not report.steps:
        return Text("No user was moved.", "dim")
    table = _table("step", "requested", "observed (95 %)", "requests")
    for each in report.steps:
        requested = "–" if each.step.requested is None else f"{each.step.requested:g} %"
        table.add_row(each.step.name, requested, str(each.observed), f"{each.observed.requests:,}")
    return table


def _traffic(report: Report) -> RenderableType:
    table = _table("visitors", "requests", "failures", "p50", "p95")
    for kind in report.kinds:
        table.add_row(kind.kind, f"{kind.requests:,}", str(kind.failures), "", "")
    for version in report.versions:
        table.add_row(
            f"seen by version {version.version}",
            f"{version.requests:,}",
            str(version.failures),
            milliseconds(version.p50),
            milliseconds(version.p95),
        )
    return table


def _times(report: Report) -> Table:
    table = _table("where the time went", "")
    for what, took in report.times.items():
        table.add_row(what, f"{took.total_seconds():.1f} s")
    table.add_section()
    table.add_row("from the command to the report", clock(sum(report.times.values(), timedelta())))
    return table


def _table(first: str, *headings: str) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column(first)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table
