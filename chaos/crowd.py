"""`python -m chaos.crowd --url URL --journals DIR HOST …`: a few visitors for each of many apps, in one process."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from visitors.crowd import Crowd
from visitors.journal import Journal

CLIENTS_PER_SECOND = 1.5
"""Without cookies, each a new roll of the front end's dice. With the browsers, every second of a release is seen."""

BROWSERS, BROWSER_PAUSE = 2, 1.0
"""Those that keep their cookies, so that some are pinned to the slot; seconds between two pages of one."""


async def receive(url: str, hosts: list[str], journals: Path, clients_per_second: float) -> None:
    """Lets them come until SIGTERM."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    with ExitStack() as stack:
        coming: list[asyncio.Task[object]] = []
        for host in hosts:
            crowd = Crowd(url, host, stack.enter_context(Journal(journals / f"{host}.jsonl")))
            coming.append(asyncio.create_task(crowd.clients(clients_per_second)))
            coming.append(asyncio.create_task(crowd.browsers(BROWSERS, BROWSER_PAUSE)))
        waiting: asyncio.Task[object] = asyncio.create_task(ended.wait())
        # They never finish by themselves: if one of these ends, it has failed, and awaiting it says how.
        done, _ = await asyncio.wait([waiting, *coming], return_when=asyncio.FIRST_COMPLETED)
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
        for task in done:
            task.result()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m chaos.crowd", description="Visits many apps at once.")
    parser.add_argument("--url", required=True, help="where the simulator's front end is")
    parser.add_argument("--journals", type=Path, required=True, help="the folder for one journal of each host")
    parser.add_argument("--clients", type=float, default=CLIENTS_PER_SECOND, help="a second, for each host")
    parser.add_argument("hosts", nargs="+")
    options = parser.parse_args()
    asyncio.run(receive(options.url, options.hosts, options.journals, options.clients))
    return 0


if __name__ == "__main__":
    sys.exit(main())
