"""The approval: asked at a real terminal, or answered by the door that was chosen."""

import io
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from rich.console import Console
from tests.demo.releases import progress

from demo.airflow_api import HumanTask, TaskInstance
from demo.airflow_home import User
from demo.approval import Answering, Gate, ask, choose, option
from demo.progress import Progress
from demo.settings import Approval
from demo.view import LineView

QUESTION = HumanTask(
    options=["Approve", "Reject"], subject="Release 2.0.0?", body="**All is well.**", params={"comment": {}}
)


@dataclass
class Airflow:
    """Airflow as far as an approval reaches: it keeps what it was told."""

    user: User = field(default_factory=lambda: User("manager", "op", "pass-word"))
    asks: HumanTask | None = field(default_factory=lambda: QUESTION)
    answered_before: bool = False
    responses: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def human_task(self, _dag_id: str, _run_id: str, _task_id: str) -> HumanTask | None:
        return self.asks

    def respond(self, _dag: str, _run: str, _task: str, option: str, parameters: Mapping[str, str]) -> bool:
        if not self.answered_before:
            self.responses.append((option, parameters))
        return not self.answered_before

    def set_variable(self, key: str, value: str) -> None:
        self.variables[key] = value


@pytest.fixture
def airflow() -> Airflow:
    return Airflow()


@pytest.fixture
def gate(airflow: Airflow) -> Gate:
    return Gate(airflow, "canary_release.contoso-web", "manual__1", "http://airflow/the-page")


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=110)


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal as standard input; what is written to it has been typed."""
    typing, terminal = os.openpty()
    with os.fdopen(terminal) as standard_input:
        monkeypatch.setattr(sys, "stdin", standard_input)
        yield typing
    os.close(typing)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def still_open() -> bool:
    return True


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("y\nlooks good\n", ("Approve", {"comment": "looks good"})),
        ("n\n\n", ("Reject", {})),
        ("YES\n\n", ("Approve", {})),
        ("what?\n\nn\ntoo slow\n", ("Reject", {"comment": "too slow"})),
    ],
)
def test_what_is_typed_is_the_managers_answer(
    typed: str,
    expected: tuple[str, Mapping[str, str]],
    gate: Gate,
    airflow: Airflow,
    console: Console,
    keyboard: int,
) -> None:
    os.write(keyboard, typed.encode())
    assert ask(gate, console, still_open)
    assert airflow.responses == [expected]


def test_an_end_of_input_leaves_the_decision_to_airflows_pages(
    gate: Gate, airflow: Airflow, console: Console, keyboard: int
) -> None:
    os.write(keyboard, b"\x04")
    assert not ask(gate, console, still_open)
    assert airflow.responses == []


def test_a_question_answered_elsewhere_is_withdrawn(
    gate: Gate, airflow: Airflow, console: Console, keyboard: int
) -> None:
    assert ask(gate, console, waiting=lambda: False)
    assert airflow.responses == []
    assert "answered elsewhere" in said(console)


def test_an_answer_that_comes_second_says_so(gate: Gate, airflow: Airflow, console: Console, keyboard: int) -> None:
    airflow.answered_before = True
    os.write(keyboard, b"y\n\n")
    assert ask(gate, console, still_open)
    assert "answered elsewhere" in said(console)


def attend(answering: Answering, waiting: Progress) -> None:
    answering.attend(waiting, LineView(Console(file=io.StringIO())), still_open)


def on_try(number: int) -> Progress:
    waiting = progress("approval", "deferred")
    tasks = [
        TaskInstance(**{**task.model_dump(), "try_number": number if task.task_id == "approval" else 1})
        for task in waiting.tasks
    ]
    return Progress(tasks)


@pytest.mark.parametrize(("door", "value"), [(Approval.AUTO, "approve"), (Approval.REJECT, "reject")])
def test_a_pipeline_sets_the_variable_of_this_run(
    door: Approval, value: str, gate: Gate, airflow: Airflow, console: Console
) -> None:
    attend(Answering(gate, door, console), on_try(1))
    assert airflow.variables == {"canary_approval__canary_release.contoso-web__manual__1": value}
    assert airflow.responses == []


def test_nothing_is_answered_before_the_task_has_asked(gate: Gate, airflow: Airflow, console: Console) -> None:
    answering = Answering(gate, Approval.AUTO, console)
    airflow.asks = None
    attend(answering, on_try(1))
    assert airflow.variables == {}
    airflow.asks = QUESTION
    attend(answering, on_try(1))
    assert len(airflow.variables) == 1


def test_a_try_is_answered_once_and_another_try_again(gate: Gate, airflow: Airflow, console: Console) -> None:
    answering = Answering(gate, Approval.AUTO, console)
    attend(answering, on_try(1))
    airflow.variables.clear()
    attend(answering, on_try(1))
    assert airflow.variables == {}
    attend(answering, on_try(2))
    assert len(airflow.variables) == 1


def test_left_to_airflows_pages_the_link_and_the_user_are_shown_and_nothing_is_answered(
    gate: Gate, airflow: Airflow, console: Console
) -> None:
    answering = Answering(gate, Approval.UI, console)
    attend(answering, on_try(1))
    assert (airflow.responses, airflow.variables) == ([], {})
    for expected in ("Release 2.0.0?", "All is well.", "manager with pass-word", "http://airflow/the-page"):
        assert expected in said(console)


@pytest.mark.parametrize(
    ("door", "expected"),
    [
        (Approval.TERMINAL, "the manager, as asked above"),
        (Approval.UI, "the manager, as asked above"),
        (Approval.AUTO, None),
        (Approval.REJECT, None),
    ],
)
def test_somebody_must_act_only_where_no_pipeline_answers(
    door: Approval, expected: str | None, gate: Gate, console: Console
) -> None:
    answering = Answering(gate, door, console)
    assert answering.who_must_act(on_try(1)) == expected
    assert answering.who_must_act(progress("swap")) is None


@pytest.mark.parametrize(
    ("asked_for", "terminal", "expected"),
    [
        (None, True, Approval.TERMINAL),
        (None, False, Approval.UI),
        (Approval.TERMINAL, False, Approval.UI),
        (Approval.UI, True, Approval.UI),
        (Approval.AUTO, False, Approval.AUTO),
        (Approval.REJECT, True, Approval.REJECT),
    ],
)
def test_nobody_is_asked_at_a_keyboard_that_is_not_there(
    asked_for: Approval | None, terminal: bool, expected: Approval
) -> None:
    assert choose(asked_for, terminal) is expected


def test_the_options_are_told_apart_whatever_their_exact_words() -> None:
    worded = HumanTask(options=["reject it", "APPROVED"], subject="")
    assert (option(worded, approve=True), option(worded, approve=False)) == ("APPROVED", "reject it")
