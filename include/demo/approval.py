"""Answering the release's approval, by the door that was chosen (see settings.Approval)."""

import os
import select
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TextIO

from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel

from demo.airflow_api import HumanTask
from demo.airflow_home import User
from demo.progress import APPROVAL, Progress
from demo.settings import Approval
from demo.view import View

ANSWER_POLL = 1.0  # seconds between looks at whether somebody else has answered meanwhile
LONGEST_LINE = 4096  # bytes; what a terminal buffers
COMMENT = "comment"
ANSWERS = {"y": True, "yes": True, "approve": True, "n": False, "no": False, "reject": False}


class Airflow(Protocol):
    """As much of the manager's AirflowApi as an approval needs."""

    @property
    def user(self) -> User: ...

    def human_task(self, dag_id: str, run_id: str, task_id: str, /) -> HumanTask | None: ...

    def respond(
        self, dag_id: str, run_id: str, task_id: str, option: str, parameters: Mapping[str, str], /
    ) -> bool: ...

    def set_variable(self, key: str, value: str, /) -> None: ...


@dataclass(frozen=True)
class Gate:
    """One run's approval: where it is, and the page on which a manager finds it."""

    api: Airflow
    dag_id: str
    run_id: str
    page: str

    @property
    def variable(self) -> str:
        return f"canary_approval__{self.dag_id}__{self.run_id}"

    def asked(self) -> HumanTask | None:
        return self.api.human_task(self.dag_id, self.run_id, APPROVAL)

    def respond(self, approve: bool, comment: str) -> bool:
        """Answer as the signed-in manager; False when somebody was faster."""
        human_task = self.asked()
        if human_task is None:
            return False
        parameters = {COMMENT: comment} if comment and COMMENT in human_task.params else {}
        return self.api.respond(self.dag_id, self.run_id, APPROVAL, option(human_task, approve), parameters)


def option(human_task: HumanTask, approve: bool) -> str:
    """The offered option that means yes or no; they are told apart by their beginning."""
    beginning = "appr" if approve else "rej"
    return next(each for each in human_task.options if each.lower().startswith(beginning))


def choose(asked_for: Approval | None, terminal: bool) -> Approval:
    """Who answers: what was asked for, but nobody can be asked at a keyboard that is not there."""
    if asked_for in (None, Approval.TERMINAL):
        return Approval.TERMINAL if terminal else Approval.UI
    assert asked_for is not None
    return asked_for


class Answering:
    """Answers one run's approval by the chosen door, once per try of the task."""

    def __init__(self, gate: Gate, door: Approval, console: Console) -> None:
        self.gate = gate
        self.door = door
        self.console = console
        self._attended_try = 0

    def who_must_act(self, progress: Progress) -> str | None:
        """Whom the release waits for; None while it waits for nobody, or only for us."""
        if not progress.waits_for_manager or self.door in (Approval.AUTO, Approval.REJECT):
            return None
        return "the manager, as asked above"

    def attend(self, progress: Progress, view: View, waiting: Callable[[], bool]) -> None:
        """Answer if the release waits for an answer now; `waiting` says whether it still does."""
        approval = progress.task(APPROVAL)
        if not progress.waits_for_manager or approval is None or approval.try_number <= self._attended_try:
            return
        human_task = self.gate.asked()
        if human_task is None:
            return
        self._attended_try = approval.try_number
        if self.door in (Approval.AUTO, Approval.REJECT):
            answer = "approve" if self.door is Approval.AUTO else "reject"
            self.gate.api.set_variable(self.gate.variable, answer)
            return
        with view.aside():
            self._show(human_task)
            if self.door is Approval.TERMINAL and not ask(self.gate, self.console, waiting):
                self.door = Approval.UI

    def _show(self, human_task: HumanTask) -> None:
        user = self.gate.api.user
        self.console.print(Panel(Markdown(human_task.body or ""), title=human_task.subject, border_style="yellow"))
        self.console.print(
            f"To answer in Airflow, sign in as {user.name} with {user.password} and open\n{self.gate.page}",
            markup=False,
            soft_wrap=True,
        )


def ask(gate: Gate, console: Console, waiting: Callable[[], bool]) -> bool:
    """Ask at the keyboard and answer as the manager; return whether the question is settled.

    `waiting` says whether the approval is still open; when it was answered elsewhere the question is withdrawn.
    An end of input (Ctrl-D) leaves the decision to the UI and returns False.
    """
    approve = None
    while approve is None:
        console.print("[bold]Promote it? \\[y/n][/] ", end="")
        line = _line(sys.stdin, waiting)
        if line is None:
            console.print("\nIt has been answered elsewhere.")
            return True
        if line == "":
            console.print("\nNo answer here, so it is left to Airflow's pages.")
            return False
        approve = ANSWERS.get(line.strip().lower())
    console.print("Comment (Enter for none): ", end="")
    comment = _line(sys.stdin, waiting)
    if comment is None or not gate.respond(approve, comment.strip()):
        console.print("\nIt has been answered elsewhere.")
    return True


def _line(source: TextIO, waiting: Callable[[], bool]) -> str | None:
    """The next line with its end, "" at the end of input, or None once nobody is `waiting` for it."""
    while True:
        readable, _, _ = select.select([source], [], [], ANSWER_POLL)
        if readable:
            # Not readline(): a second line typed ahead would hide in its buffer, where select sees nothing.
            # A terminal hands over one line at a time.
            return os.read(source.fileno(), LONGEST_LINE).decode(errors="replace")
        if not waiting():
            return None
