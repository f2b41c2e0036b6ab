"""`python -m app_service_canary replay RECORD`: what is done at a terminal, without Airflow."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from app_service_canary.release.comparison_sentences import one_in, percent
from app_service_canary.release.measurement import Measurement
from app_service_canary.release.record import Record
from app_service_canary.release.replay import Moment, changed, replay

MOST_ROWS = 40
"""Lines of the table: a screen. Of more moments, evenly spaced ones are shown, and the last."""


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 when the record passes, 1 when it is rejected or there is no verdict, 2 for a mistake."""
    parser = argparse.ArgumentParser(prog="canary", description="Canary releases for Azure App Service.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("replay", help="judge the record of a watch again, with other settings")
    command.add_argument("record", type=Path, help="the record's file")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="such as metrics.failures.worse_by=0"
    )
    given = parser.parse_args(arguments)
    try:
        record = Record.from_text(given.record.read_text(encoding="utf-8"))
        rules = changed(record.analysis, given.set)
        moments = list(replay(record, rules))
    except (OSError, ValueError) as error:
        print(f"{given.record}: {error}", file=sys.stderr)  # noqa: T201 - a command speaks
        return 2
    for line in _told(record, moments):
        print(line)  # noqa: T201 - a command speaks
    verdict = moments[-1].verdict if moments else None
    return 0 if verdict is not None and verdict.outcome.value == "pass" else 1


def _told(record: Record, moments: list[Moment]) -> list[str]:
    about = ", ".join(f"{name} {value}" for name, value in record.about.items())
    was = record.verdict or {"outcome": "none", "reasons": []}
    lines = [about, f"then  {was['outcome']}: {' '.join(was['reasons'])}", ""]
    if not moments:
        return [*lines, "now   nothing was measured"]
    lines.append(f"{'read at':10} {'canary failed':>22} {'stable failed':>22}   no worse, and shows as much")
    step = max(1, -(-len(moments) // MOST_ROWS))
    for moment in [*moments[: len(moments) - 1 : step], moments[-1]]:
        canary, stable = Measurement(), Measurement()
        for kept in moment.comparison.evidence.values():
            canary, stable = canary.and_those(kept.canary), stable.and_those(kept.baseline)
        chance = "often" if moment.comparison.log_wealth <= 0 else one_in(moment.comparison.log_wealth)
        lines.append(f"{moment.at:%H:%M:%S}   {_counted(canary):>22} {_counted(stable):>22}   {chance}")
    verdict = moments[-1].verdict
    said = f"{verdict.outcome.value}: {verdict.sentence}" if verdict else "no verdict"
    return [*lines, "", f"now   {said}"]


def _counted(measured: Measurement) -> str:
    share = percent(measured.failures / measured.requests) if measured.requests else "–"
    return f"{measured.failures:,} of {measured.requests:,} ({share})"


if __name__ == "__main__":
    sys.exit(main())
