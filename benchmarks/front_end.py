"""What the simulator's front end costs: requests per second, and the latency it adds to a worker's own.

`BENCH=front_end make bench`. The same sample app is asked directly, through the front
end, and through the front end with a routing rule, in turns within one run, so that a busy machine slows all of
them alike. Visitors, front end and app are processes of their own, on loopback only.
"""

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from app_service_simulator.clock import Clock
from app_service_simulator.front_end import FrontEnd, HostView
from app_service_simulator.quirks import Quirks
from app_service_simulator.routing import Rule
from app_service_simulator.traffic import TrafficLog
from app_service_simulator.workers import Launch, Worker
from benchmarks.figures import Figure, Result
from sample_app.build import SOURCE

AT_ONCE = 32  # connections for the throughput: enough to keep every process busy
ROUNDS = 5  # turns each way is asked in
START_TIMEOUT = 30.0  # seconds for the sample app to listen
REQUESTS = 6000  # per way: some five seconds each, and a hundred latencies above the 95th percentile
TIMEOUT = 120.0  # seconds in all; on a quiet machine it takes twenty

WAYS = {
    "the app": "direct",
    "the front end": "plain.azurewebsites.net",
    "the same, with a rule": "ruled.azurewebsites.net",
}


class _OneApp:
    """A directory of one worker under two host names, one of them with a rule."""

    def __init__(self, worker: Worker) -> None:
        half = (Rule("stage", "plain.azurewebsites.net", 50.0),)
        self._views = {
            "plain.azurewebsites.net": HostView(("plain", "production"), True, True, (worker,)),
            "ruled.azurewebsites.net": HostView(("ruled", "production"), True, True, (worker,), half),
        }

    def view(self, host: str) -> HostView | None:
        return self._views.get(host)


async def serve() -> None:
    """The other process: says where the app and the front end are, and serves until its input ends."""
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(SOURCE, {"SAMPLE_VERSION": "1.0.0"}, None, "benchmark")
        worker = await Worker.start(launch, Path(folder) / "app.log")
        await worker.wait_until_listening(START_TIMEOUT)
        front_end = FrontEnd(_OneApp(worker), TrafficLog(), Clock(), Quirks())
        port = await front_end.start(0)
        sys.stdout.write(json.dumps({"app": worker.port, "front_end": port}) + "\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await front_end.stop()
        await worker.stop(grace=1.0)


@dataclass
class Figures:
    """What one way of asking came to; times in seconds."""

    latencies: list[float] = field(default_factory=list)
    answered: int = 0
    took: float = 0.0

    def latency(self, percent: int) -> float:
        """A percentile of the latencies."""
        return sorted(self.latencies)[len(self.latencies) * percent // 100]

    @property
    def per_second(self) -> float:
        """Throughput."""
        return self.answered / self.took


async def ask(port: int, host: str, times: int) -> list[float]:
    """Asks over one connection, one request after another, and returns each one's latency.

    Plain asyncio, because an HTTP client would cost more than what is measured.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET /version HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    latencies = []
    for _ in range(times):
        began = time.perf_counter()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
        latencies.append(time.perf_counter() - began)
        if not head.startswith("http/1.1 200"):
            raise RuntimeError(f"{host} answered {head.splitlines()[0]}")
    writer.close()
    return latencies


async def take_turn(port: int, host: str, figures: Figures, requests: int) -> None:
    """One turn: latencies one at a time, then throughput with AT_ONCE connections."""
    figures.latencies += await ask(port, host, requests)
    began = time.perf_counter()
    each = max(1, requests * 2 // AT_ONCE)
    await asyncio.gather(*(ask(port, host, each) for _ in range(AT_ONCE)))
    figures.took += time.perf_counter() - began
    figures.answered += each * AT_ONCE


async def compare(requests: int) -> dict[str, Figures]:
    """Starts the other process, asks in all ways, and ends it. `requests`: per way, at most."""
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.front_end"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert other.stdin
    assert other.stdout
    try:
        ports = json.loads(await other.stdout.readline())
        all_figures = {way: Figures() for way in WAYS}
        # Three requests in `take_turn` for each one here: one for latency, two for throughput.
        turn = max(1, requests // (3 * ROUNDS))
        for _ in range(ROUNDS):
            for way, host in WAYS.items():
                port = ports["app" if host == "direct" else "front_end"]
                await take_turn(port, host, all_figures[way], turn)
        return all_figures
    finally:
        other.stdin.close()
        await other.wait()


def table(all_figures: dict[str, Figures]) -> Table:
    """The comparison for people: latencies in milliseconds, and what is added to the app's own."""
    result = Table(title="The front end's cost")
    for heading in ("asked", "requests/s", "p50", "p95", "added p50", "added p95"):
        result.add_column(heading, justify="left" if heading == "asked" else "right")
    own = all_figures["the app"]
    for way, figures in all_figures.items():
        cells = [f"{figures.per_second:,.0f}"]
        cells += [f"{1000 * figures.latency(percent):.2f} ms" for percent in (50, 95)]
        if figures is not own:
            cells += [f"{1000 * (figures.latency(percent) - own.latency(percent)):+.2f} ms" for percent in (50, 95)]
        result.add_row(way, *cells)
    return result


def measure() -> Result:
    """The comparison as figures: the throughput, and what the front end adds to the median latency."""
    ways = asyncio.run(asyncio.wait_for(compare(REQUESTS), TIMEOUT))
    own, through = ways["the app"], ways["the same, with a rule"]
    figures = [
        Figure("through it, with a rule", through.per_second, "requests/s"),
        Figure("the app itself", own.per_second, "requests/s"),
        Figure("added at the median", 1000 * (through.latency(50) - own.latency(50)), "ms"),
    ]
    return Result("front_end", figures, [table(ways)])


if __name__ == "__main__":
    asyncio.run(serve())
