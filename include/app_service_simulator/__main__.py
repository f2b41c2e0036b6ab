"""Runs the simulator: `PYTHONPATH=include python -m app_service_simulator`."""

import argparse
import asyncio
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from app_service_simulator import seed as seeds
from app_service_simulator.clock import Clock
from app_service_simulator.front_end import FrontEnd
from app_service_simulator.server import Server
from app_service_simulator.simulator import Simulator

PARENT_WATCH_INTERVAL = 1.0
"""Real seconds between looks whether the parent process is still there, with --stop-with-parent."""


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        prog="python -m app_service_simulator",
        description="A stand-in for Azure App Service on 127.0.0.1. Prints one JSON line when it is ready.",
    )
    parser.add_argument("--port", type=int, default=0, help="HTTPS port of Resource Manager; 0: any free one")
    parser.add_argument("--front-port", type=int, default=0, help="HTTP port of the apps; 0: any free one")
    parser.add_argument("--seed", type=Path, default=seeds.DEFAULT, help="what exists at the start (YAML)")
    parser.add_argument("--speed", type=_speed, default=1.0, help="divides the time Azure itself takes")
    parser.add_argument("--state", type=Path, help="directory for contents, logs and certificates, kept at exit")
    parser.add_argument("--log-level", default="WARNING", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    parser.add_argument("--stop-with-parent", action="store_true", help="end when the starting process has ended")
    return parser.parse_args(arguments)


def _speed(text: str) -> float:
    speed = float(text)
    if not speed > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return speed


async def run(options: argparse.Namespace, directory: Path) -> None:
    """Starts everything, prints the ready line, and stops everything on SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)

    seed = seeds.read(options.seed)
    simulator = Simulator(
        Clock(options.speed),
        directory,
        tenant=seed.tenant,
        client_id=seed.client_id,
        client_secret=seed.client_secret,
        subscription=seed.subscription,
        workspace=seed.workspace,
    )
    seeds.plant(seed, simulator.world, options.seed.resolve().parent)
    server = Server(simulator)
    front_end = FrontEnd(simulator.world, simulator.traffic, simulator.clock, simulator.quirks)
    for slot in simulator.world.slots():
        simulator.lifecycle.restart_in_background(slot)
    watches = [asyncio.create_task(simulator.lifecycle.look_after(simulator.world.slots))]
    if options.stop_with_parent:
        watches.append(asyncio.create_task(_watch_parent(stopped)))
    try:
        port = await server.start(options.port)
        front_port = await front_end.start(options.front_port)
        await asyncio.gather(*(simulator.lifecycle.settled(slot) for slot in simulator.world.slots()))
        base = f"https://127.0.0.1:{port}"
        ready = {
            "resource_manager": base,
            "authority": base,
            "front_end": f"http://127.0.0.1:{front_port}",
            "ca_bundle": str(simulator.certificates.ca_bundle.resolve()),
            "tenant_id": seed.tenant,
            "client_id": seed.client_id,
            "client_secret": seed.client_secret,
            "subscription_id": seed.subscription,
            "workspace_id": seed.workspace,
            "prometheus": f"{base}/prometheus",
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stopped.wait()
    finally:
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        await server.stop()
        await simulator.close()
        await front_end.stop()


async def _watch_parent(stopped: asyncio.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - no event tells of a parent's death
        await asyncio.sleep(PARENT_WATCH_INTERVAL)
    stopped.set()


def main() -> int:
    """The program."""
    options = parse(sys.argv[1:])
    logging.basicConfig(level=options.log_level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    directory = options.state or Path(tempfile.mkdtemp(prefix="app-service-simulator-"))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        asyncio.run(run(options, directory))
    except seeds.InvalidSeed as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"The simulator cannot start: {error}\n")
        return 1
    finally:
        if options.state is None:
            shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
