"""The Makefile: what it lists, which Python it takes, and what a second run skips."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

# Stands for Python: tells what it was asked, and "makes" a virtual environment with itself in it.
PYTHON = """#!/bin/sh
echo "$@" >>"$CALLS"
case "$1 $2" in
  "-c "*) exit "$SUPPORTED" ;;
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
esac
"""


class Checkout:
    """A directory with the Makefile, the requirements, and a Python that only tells what it was asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls = path / "calls"
        for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "constraints.txt"):
            shutil.copy(REPOSITORY / name, path / name)
        self.python = path / "some-python"
        self.python.write_text(PYTHON)
        self.python.chmod(0o755)

    def make(self, *words: str, supported: bool = True) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": os.environ["PATH"], "CALLS": str(self.calls), "SUPPORTED": "0" if supported else "1"}
        self.calls.write_text("")
        return subprocess.run(
            ["make", *words], cwd=self.path, env=environment, capture_output=True, text=True, check=False
        )

    def asked(self) -> list[str]:
        return self.calls.read_text().splitlines()

    def installed(self) -> list[str]:
        return [call.partition("--requirement ")[2] for call in self.asked() if "pip install" in call]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_make_alone_lists_every_target(checkout: Checkout) -> None:
    listed = {line.split()[1] for line in checkout.make().stdout.splitlines() if line.startswith("  make ")}
    phony = next(line for line in (REPOSITORY / "Makefile").read_text().splitlines() if line.startswith(".PHONY"))
    assert set(phony.split()[1:]) <= listed


def test_the_first_run_makes_the_environment_installs_and_goes_on(checkout: Checkout) -> None:
    assert checkout.make("release", f"PYTHON={checkout.python}").returncode == 0
    assert checkout.asked()[-1] == "-m demo release"
    assert checkout.installed() == ["requirements.txt --constraint constraints.txt"]


def test_a_second_run_skips_what_is_done(checkout: Checkout) -> None:
    checkout.make("release", f"PYTHON={checkout.python}")
    checkout.make("release")
    assert checkout.asked() == ["-m demo release"]


@pytest.mark.parametrize("changed", ["requirements.txt", "constraints.txt"])
def test_changed_requirements_are_installed_again(checkout: Checkout, changed: str) -> None:
    checkout.make("release", f"PYTHON={checkout.python}")
    later = checkout.path.joinpath(".venv", ".installed").stat().st_mtime + 1
    os.utime(checkout.path / changed, (later, later))
    checkout.make("release")
    assert checkout.installed() == ["requirements.txt --constraint constraints.txt"]


def test_a_failed_installation_is_tried_again(checkout: Checkout) -> None:
    checkout.make("stop", f"PYTHON={checkout.python}")
    checkout.python.write_text(PYTHON.replace("esac", '  "-m pip") exit 1 ;;\nesac'))
    assert checkout.make("release", f"PYTHON={checkout.python}").returncode != 0
    assert "-m demo release" not in checkout.asked()
    (checkout.path / ".venv" / "bin" / "python").write_text(PYTHON)
    checkout.make("release")
    assert checkout.installed() == ["requirements.txt --constraint constraints.txt"]


@pytest.mark.parametrize("python", ["no-such-python", "some-python"])
def test_a_missing_or_unsupported_python_is_refused_in_a_sentence(checkout: Checkout, python: str) -> None:
    refused = checkout.make("release", f"PYTHON={checkout.path / python}", supported=False)
    assert refused.returncode != 0
    assert "Python 3.10, 3.11, 3.12 or 3.13 is needed" in refused.stderr
    assert python in refused.stderr
    assert not (checkout.path / ".venv").exists()


def test_what_is_chosen_on_the_command_line_reaches_the_program(checkout: Checkout) -> None:
    checkout.make("stop", f"PYTHON={checkout.python}")
    checkout.python.write_text(PYTHON.replace('"$@" >>', '"$@" VERSION=$VERSION APPROVE=$APPROVE >>'))
    checkout.make("release", f"PYTHON={checkout.python}", "VERSION=2.1.0", "APPROVE=auto")
    assert checkout.asked()[-1] == "-m demo release VERSION=2.1.0 APPROVE=auto"


def test_stop_without_an_environment_has_nothing_to_do(checkout: Checkout) -> None:
    assert checkout.make("stop").returncode == 0
    assert checkout.asked() == []


def test_cleaning_leaves_the_environment(checkout: Checkout) -> None:
    checkout.make("release", f"PYTHON={checkout.python}")
    (checkout.path / ".run").mkdir()
    checkout.make("clean")
    assert not (checkout.path / ".run").exists()
    assert (checkout.path / ".venv" / ".installed").exists()


def test_no_index_of_packages_is_named_anywhere() -> None:
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "constraints.txt", ".ci/run"):
        text = (REPOSITORY / name).read_text()
        assert "index-url" not in text
        assert "://" not in text, f"{name} names a host"
