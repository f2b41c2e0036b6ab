"""The release on the screen: redrawn in place on a terminal, one line per change anywhere else.

with view_for(console, title) as view:
    view.show(picture)
    with view.aside():          # the screen is somebody else's for a while
        ask_a_question()
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.airflow_api import TaskInstance
from demo.picture import Picture, VersionTraffic
from demo.progress import detail, duration

REDRAWS_PER_SECOND = 4
PLAIN_WIDTH = 110  # columns where there is no terminal to ask
WIDE = 110  # columns from which tasks and traffic stand side by side
FRAME_HEIGHT = 3  # lines: the panel's two borders, and the cursor's below it
SIDE_HEIGHT = 16  # lines of frame, traffic, shares and what is next, for three versions and a wrapped sentence
TRAFFIC_EVERY = timedelta(seconds=15)  # between two lines about traffic in a log, when nothing else happens

MARKS = {
    "success": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "upstream_failed": ("✗", "red"),
    "skipped": ("–", "dim"),
    "removed": ("–", "dim"),
    "running": ("●", "bold cyan"),
    "deferred": ("●", "cyan"),
    "awaiting_input": ("●", "yellow"),
    "up_for_retry": ("↻", "yellow"),
}
NOT_YET = ("·", "dim")


def make_console() -> Console:
    """The terminal's console; elsewhere a fixed width, so that a log's lines do not depend on who reads it."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=PLAIN_WIDTH)


def teller(console: Console, began: datetime) -> Callable[[str], None]:
    """Prints a line with the time since the command."""

    def say(line: str) -> None:
        elapsed = datetime.now(timezone.utc) - began
        console.print(f"{clock(elapsed)}  {line}", markup=False, soft_wrap=True)

    return say


class View(ABC):
    """Shows pictures, one after the other."""

    @abstractmethod
    def show(self, picture: Picture) -> None: ...

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Lend the screen to something else."""
        yield

    def __enter__(self) -> "View":
        return self

    # Deliberately empty by default: only a redrawn screen has something to put right.
    def __exit__(  # noqa: B027
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None: ...


def view_for(console: Console, title: str) -> View:
    return LiveView(console, title) if console.is_terminal else LineView(console)


class LiveView(View):
    """A screen drawn anew with each picture."""

    def __init__(self, console: Console, title: str) -> None:
        self.console = console
        self.title = title
        self.live: Live | None = None
        self.last: RenderableType = ""

    def __enter__(self) -> "LiveView":
        self._begin()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._end()

    def show(self, picture: Picture) -> None:
        self.last = screen(picture, self.title, self.console.width, self.console.height)
        if self.live:
            self.live.update(self.last)

    @contextmanager
    def aside(self) -> Iterator[None]:
        self._end()
        try:
            yield
        finally:
            self._begin()

    def _begin(self) -> None:
        self.live = Live(self.last, console=self.console, refresh_per_second=REDRAWS_PER_SECOND)
        self.live.start()

    def _end(self) -> None:
        if self.live:
            self.live.stop()
            self.live = None


class LineView(View):
    """A log: a line when a task changes state, when a first request fails, and about the traffic now and then."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.states: dict[str, str | None] = {}
        self.failing = False
        self.who_must_act: str | None = None
        self.traffic_told: datetime | None = None

    def show(self, picture: Picture) -> None:
        for task in picture.progress.tasks:
            if task.state and task.state != self.states.get(task.task_id):
                self.states[task.task_id] = task.state
                self._say(picture, task_line(task, picture))
        failing = totals(picture.versions)[1] > 0
        due = self.traffic_told is None or picture.at - self.traffic_told >= TRAFFIC_EVERY
        if due or (failing and not self.failing):
            self.failing = failing
            self.traffic_told = picture.at
            self._say(picture, traffic_line(picture))
        if picture.who_must_act != self.who_must_act:
            self.who_must_act = picture.who_must_act
            if self.who_must_act:
                self._say(picture, self.who_must_act)

    def _say(self, picture: Picture, line: str) -> None:
        self.console.print(f"{clock(picture.elapsed)}  {line}", markup=False, soft_wrap=True)


def task_line(task: TaskInstance, picture: Picture) -> str:
    """One task's state as a sentence for a log: "deploy: success in 3.2 s"."""
    took = duration(task, picture.at)
    more = detail(task, picture.progress.left_behind.get(task.task_id, {}))
    how_long = f" in {took.total_seconds():.1f} s" if task.finished and took else ""
    return f"{task.task_id}: {task.state}{how_long}" + (f" — {more}" if more else "")


def traffic_line(picture: Picture) -> str:
    """The traffic as a sentence for a log."""
    versions = "; ".join(
        f"{each.version}: {each.requests} requests, {each.failures} failed, "
        f"p50 {milliseconds(each.p50)}, p95 {milliseconds(each.p95)}"
        for each in picture.versions
    )
    share = f"{picture.requested:g} % requested, {picture.observed} observed"
    return f"traffic: {share}; {versions or 'no visitor yet'}"


def screen(picture: Picture, title: str, width: int, height: int) -> RenderableType:
    """The whole screen for a terminal of this size; the tasks give way when it is low."""
    side = Group(_traffic(picture), Text(), *_share(picture), Text(), *_next(picture))
    if width >= WIDE:
        both = Table.grid(padding=(0, 3), expand=True)
        both.add_column(ratio=1)
        both.add_column(ratio=1)
        both.add_row(_tasks(picture, room=height - FRAME_HEIGHT), side)
        body: RenderableType = both
    else:
        body = Group(_tasks(picture, room=height - SIDE_HEIGHT), Text(), side)
    return Panel(body, title=f"{title} · {clock(picture.elapsed)}", title_align="left", border_style="blue")


def _tasks(picture: Picture, room: int) -> Table:
    table = Table.grid(padding=(0, 1))
    for task in visible(picture.progress.tasks, max(room, 3)):
        mark, style = MARKS.get(task.state or "", NOT_YET)
        took = duration(task, picture.at)
        seconds = f"{took.total_seconds():.1f} s" if took else ""
        note = detail(task, picture.progress.left_behind.get(task.task_id, {}))
        table.add_row(
            Text(mark, style),
            Text(task.task_id, "" if task.start_date else "dim", no_wrap=True),
            Text(state_in_words(task), style, no_wrap=True),
            Text(seconds, justify="right", no_wrap=True),
            Text(note, "dim", no_wrap=True, overflow="ellipsis"),
        )
    return table


def visible(tasks: Sequence[TaskInstance], room: int) -> Sequence[TaskInstance]:
    """As many tasks as there is room for, around the first that is not finished."""
    if len(tasks) <= room:
        return tasks
    busy = next((number for number, task in enumerate(tasks) if not task.finished), len(tasks) - 1)
    first = min(max(busy - room // 2, 0), len(tasks) - room)
    return tasks[first : first + room]


def state_in_words(task: TaskInstance) -> str:
    """Airflow's state, where "deferred" would mean nothing to a reader: it waits without holding a worker."""
    words = {"deferred": "waiting", "awaiting_input": "waiting", None: "", "upstream_failed": "not run"}
    return words.get(task.state, (task.state or "").replace("_", " "))


def _traffic(picture: Picture) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("version")
    for heading in ("requests", "failures", "p50", "p95"):
        table.add_column(heading, justify="right")
    for each in picture.versions:
        table.add_row(
            each.version,
            f"{each.requests:,}",
            Text(str(each.failures), "bold red" if each.failures else "green"),
            milliseconds(each.p50),
            milliseconds(each.p95),
        )
    return table


def _share(picture: Picture) -> list[Text]:
    return [
        Text.assemble(("requested  ", "dim"), f"{picture.requested:g} % of new users"),
        Text.assemble(("observed   ", "dim"), str(picture.observed)),
    ]


def _next(picture: Picture) -> list[Text]:
    lines = []
    if current := picture.progress.current:
        lines.append(Text.assemble(("now   ", "dim"), picture.progress.does(current.task_id)))
    if upcoming := picture.progress.upcoming:
        lines.append(Text.assemble(("next  ", "dim"), picture.progress.does(upcoming.task_id)))
    acting = picture.who_must_act or "nobody needs to do anything"
    lines.append(Text.assemble(("who   ", "dim"), (acting, "bold yellow" if picture.who_must_act else "dim")))
    return lines


def milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"


def clock(elapsed: timedelta) -> str:
    """Minutes and seconds: 03:07."""
    minutes, seconds = divmod(int(elapsed.total_seconds()), 60)
    return f"{minutes:02}:{seconds:02}"


def totals(versions: Sequence[VersionTraffic]) -> tuple[int, int]:
    """All requests and all failures."""
    return sum(each.requests for each in versions), sum(each.failures for each in versions)
