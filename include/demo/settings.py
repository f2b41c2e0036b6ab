"""What a person may choose about the demonstration: make variables, that is, the environment.

make release VERSION=2.1.0 APPROVE=auto BAD=SAMPLE_FAIL_AFTER_S=30
"""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from demo.errors import DemonstrationError

DEFAULT_VERSION = "2.0.0"  # the simulator's production starts at 1.0.0
DEFAULT_SPEED = 60.0  # a cookie's hour drains in a minute, a swap's minute passes in a second
DEFAULT_PORT = 8080  # Airflow's own default
HIGHEST_PORT = 65535

Value = TypeVar("Value")


class Approval(str, Enum):
    """Who answers the approval.

    `terminal` asks at the keyboard and answers as the manager; `ui` waits for the manager in Airflow's pages;
    `auto` and `reject` set the approval's Variable, as a pipeline would.
    """

    TERMINAL = "terminal"
    UI = "ui"
    AUTO = "auto"
    REJECT = "reject"


@dataclass(frozen=True)
class Settings:
    """One run's choices.

    version    of the sample app that is released
    bad        settings baked into that version to make it misbehave (sample_app/README.md lists them); none by default
    speed      how many times faster than Azure the simulator does Azure's own work; the default is 60
    weights    the steps' weights in percent, in place of the release file's; None keeps the file's
    bake       each step's bake time as the release file writes it, in place of the file's; None keeps the file's
    port       where Airflow's UI should be; another free port is taken when it is in use
    approval   who answers the approval; None means nobody said: the terminal if there is one, else the UI
    keep       leave everything running after the report
    """

    version: str = DEFAULT_VERSION
    bad: Mapping[str, str] = field(default_factory=dict)
    speed: float = DEFAULT_SPEED
    weights: tuple[float, ...] | None = None
    bake: str | None = None
    port: int = DEFAULT_PORT
    approval: Approval | None = None
    keep: bool = False


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from VERSION, BAD, SPEED, WEIGHTS, BAKE, PORT, APPROVE and KEEP; an empty value counts as unset.

    Raises DemonstrationError naming the variable, what it held and what is allowed.
    """

    def read(name: str, parse: Callable[[str], Value], default: Value, allowed: str) -> Value:
        text = environment.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError:
            raise DemonstrationError(f"{name}={text!r} is not understood; use {allowed}.") from None

    return Settings(
        version=read("VERSION", _version, DEFAULT_VERSION, "letters, digits, dots, dashes or plus signs, as 2.0.0"),
        bad=read("BAD", _assignments, {}, "NAME=value pairs, as BAD=SAMPLE_FAIL_AFTER_S=30"),
        speed=read("SPEED", _positive, DEFAULT_SPEED, "a number above 0, as 60"),
        weights=read("WEIGHTS", _weights, None, "rising percentages up to 100, as WEIGHTS=10,25,50"),
        bake=read("BAKE", str, None, "a duration as in the release file"),
        port=read("PORT", _port, DEFAULT_PORT, f"a port from 1 to {HIGHEST_PORT}"),
        approval=read("APPROVE", _approval, None, "one of " + ", ".join(each.value for each in Approval)),
        keep=read("KEEP", _yes_or_no, False, "1 or 0"),
    )


def _version(text: str) -> str:
    if not all(character.isalnum() or character in ".-+" for character in text):
        raise ValueError(text)
    return text


def _assignments(text: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in shlex.split(text)]
    if not all(name.isidentifier() and equals for name, equals, _ in pairs):
        raise ValueError(text)
    return {name: value for name, _, value in pairs}


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def _weights(text: str) -> tuple[float, ...] | None:
    weights = tuple(float(word) for word in text.replace(",", " ").split())
    rising = all(lower < higher for lower, higher in zip((0.0, *weights), weights))  # noqa: B905 - one shorter, meant
    if not weights or not rising or weights[-1] > 100:
        raise ValueError(text)
    return weights


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= HIGHEST_PORT:
        raise ValueError(text)
    return number


def _approval(text: str) -> Approval | None:
    return Approval(text.lower())


def _yes_or_no(text: str) -> bool:
    answers = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}
    if text.lower() not in answers:
        raise ValueError(text)
    return answers[text.lower()]
