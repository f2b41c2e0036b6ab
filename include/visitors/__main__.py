"""`python -m visitors`: sends visitors until it is told to end by SIGTERM or SIGINT."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from yarl import URL

from visitors.crowd import Crowd
from visitors.journal import Journal


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m visitors",
        description="Sends steady visitors to a web app and keeps a journal of what they met.",
    )
    parser.add_argument("--url", required=True, help="where the front end is, such as http://127.0.0.1:8080")
    parser.add_argument("--host", required=True, help="the app's host name")
    parser.add_argument("--journal", required=True, type=Path, help="the file to append to")
    # 20 a second make a share of 10 % visible to within ±2 % after a minute.
    parser.add_argument("--clients-per-second", type=float, default=20.0, help="default: %(default)s")
    parser.add_argument("--browsers", type=int, default=6, help="how many; default: %(default)s")
    parser.add_argument("--browser-pause", type=float, default=1.0, help="seconds; default: %(default)s")
    parser.add_argument("--allow-remote", action="store_true", help="send visitors to another machine than this one")
    return parser


def _is_loopback(url: str) -> bool:
    host = URL(url).host or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refusal(options: argparse.Namespace) -> str | None:
    if not (options.allow_remote or _is_loopback(options.url)):
        return f"--url is {options.url}, which is not this machine; say --allow-remote if that is meant"
    if options.clients_per_second < 0 or options.browsers < 0 or options.browser_pause < 0:
        return "--clients-per-second, --browsers and --browser-pause must not be negative"
    return None


async def _receive(crowd: Crowd, options: argparse.Namespace) -> None:
    """Lets the visitors come until a signal arrives."""
    tasks = []
    if options.clients_per_second:
        tasks.append(asyncio.create_task(crowd.clients(options.clients_per_second)))
    if options.browsers:
        tasks.append(asyncio.create_task(crowd.browsers(options.browsers, options.browser_pause)))
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    waiting = asyncio.create_task(ended.wait())
    # The visitors never finish by themselves: if one of these ends, it has failed, and awaiting it says how.
    await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, *tasks):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    refusal = _refusal(options)
    if refusal:
        parser.error(refusal)
    with Journal(options.journal) as journal:
        try:
            crowd = Crowd(options.url, options.host, journal)
        except ValueError as error:
            parser.error(str(error))
        asyncio.run(_receive(crowd, options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
