"""What runs a task or a trigger, and where it can die: at each call to Azure and at each message to Airflow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

BEFORE, AFTER = "before", "after"

AZURE, AIRFLOW = "azure", "airflow"


class Killed(BaseException):
    """SIGKILL. Nothing of the plugin may catch it, and nothing that its code does afterwards counts."""


@dataclass(frozen=True)
class Point:
    """One moment in the life of a process.

    Attributes:
        side: whom it calls, `azure` or `airflow`.
        call: what it asks: `POST …/slots/stage/slotsswap`, without the app's part, or the kind of message.
        when: `before` the call leaves, or `after` its answer has come.
        nth: which call of this kind it is in the life of the run, from 1.
        process: what runs: the task's id, with `trigger of` before it in the triggerer.
    """

    side: str
    call: str
    when: str
    nth: int
    process: str

    def __str__(self) -> str:
        return f"{self.when} {self.call} #{self.nth} in {self.process}"


class Process:
    """One process. It tells `watch` of each point that it reaches, which may kill it there.

    Args:
        name: as in `Point`.
        counts: how often each kind of call was made, by all processes of the run.
        watch: called at each point; raises Killed to end the process there.
    """

    def __init__(self, name: str, counts: dict[str, int], watch: Callable[[Point], None]) -> None:
        self.name, self.counts, self.watch = name, counts, watch
        self.dead = False

    @contextmanager
    def calling(self, side: str, call: str) -> Iterator[None]:
        """Around one call; its answer is not heard by a process that is killed after it."""
        self.counts[call] = nth = self.counts.get(call, 0) + 1
        self._reach(Point(side, call, BEFORE, nth, self.name))
        try:
            yield
        finally:
            self._reach(Point(side, call, AFTER, nth, self.name))

    def _reach(self, point: Point) -> None:
        if not self.dead:
            try:
                self.watch(point)
            except Killed:
                self.dead = True
        if self.dead:
            raise Killed


CURRENT: ContextVar[Process | None] = ContextVar("process", default=None)
"""The process whose code runs. A context variable, for Airflow and asgiref change threads on the way."""


@contextmanager
def calls_to_azure_are_points() -> Iterator[None]:
    """Lets processes die at their calls to Azure, which all pass through azure-core's asynchronous transport."""
    from azure.core.pipeline.transport import AioHttpTransport

    original = AioHttpTransport.send

    async def send(self: Any, request: Any, **options: Any) -> Any:
        process = CURRENT.get()
        if process is None:
            return await original(self, request, **options)
        with process.calling(AZURE, f"{request.method} {_without_app(request.url)}"):
            return await original(self, request, **options)

    AioHttpTransport.send = send
    try:
        yield
    finally:
        AioHttpTransport.send = original


def _without_app(url: str) -> str:
    """The part of an address that is the same for every app: what comes after the app's name, without ids."""
    path = urlsplit(url).path
    _, sites, rest = path.partition("/sites/")
    if not sites:
        return "(token)" if path.endswith(("/token", "/openid-configuration")) else path
    tail = rest.partition("/")[2]
    return f"…/{tail.partition('operationresults/')[0]}operationresults" if "operationresults/" in tail else f"…/{tail}"
