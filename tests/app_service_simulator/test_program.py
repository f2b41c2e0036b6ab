"""The simulator as a program: starting, ending, seeds, and what becomes of its processes."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from tests.simulator import ROOT, START_LIMIT, RunningSimulator

from app_service_simulator.seed import DEFAULT, InvalidSeed, client_secret, read

ENVIRONMENT = {"PYTHONPATH": str(ROOT / "include"), "PATH": os.environ["PATH"]}


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "app_service_simulator", *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=START_LIMIT, check=False)


def is_alive(pid: int) -> bool:
    """Whether the process runs: a zombie has ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def processes(simulator: RunningSimulator) -> list[int]:
    apps = simulator.state()["apps"].values()
    return [pid for app in apps for slot in app.values() for pid in slot["processes"]]


@pytest.fixture
def own() -> RunningSimulator:
    """A simulator with the seed it has by default, which the test ends."""
    return RunningSimulator.start(speed=1000, seed=DEFAULT)


def test_by_default_version_1_is_live_and_the_slot_is_stopped(own: RunningSimulator) -> None:
    assert own.version("contoso-web") == "1.0.0"
    assert own.visit("contoso-web", slot="stage").status_code == 403
    assert set(own.fields) == {
        "resource_manager",
        "authority",
        "front_end",
        "ca_bundle",
        "tenant_id",
        "client_id",
        "client_secret",
        "subscription_id",
        "workspace_id",
        "prometheus",
    }
    assert own.workspace_id == read(DEFAULT).workspace
    assert own.prometheus == f"{own.resource_manager}/prometheus"
    workers = processes(own)
    assert own.stop() == 0
    assert not any(is_alive(pid) for pid in workers)
    assert not Path(own.ca_bundle).exists(), "the temporary directory is removed"


def test_a_killed_simulator_leaves_no_process(own: RunningSimulator) -> None:
    workers = processes(own)
    assert len(workers) == 1
    own.process.kill()
    own.process.wait(START_LIMIT)
    own.wait_until(lambda: not any(is_alive(pid) for pid in workers))
    own.stop()


def test_an_app_that_crashes_is_put_up_again(own: RunningSimulator) -> None:
    [before] = processes(own)
    os.kill(before, signal.SIGKILL)
    own.wait_until(lambda: processes(own) not in ([], [before]))
    assert own.version("contoso-web") == "1.0.0"
    own.stop()


def test_the_certificate_is_trusted_by_strict_clients(own: RunningSimulator) -> None:
    context = ssl.create_default_context(cafile=own.ca_bundle)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    port = int(own.resource_manager.rsplit(":", 1)[1])
    for name in ("127.0.0.1", "localhost"):
        with socket.create_connection(("127.0.0.1", port)) as plain:
            context.wrap_socket(plain, server_hostname=name).close()
    own.stop()


def test_a_seed_with_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text("resource_group: a\nplan: {name: b}\ncolour: blue\n")
    ended = run("--seed", str(path))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert str(path) in ended.stderr
    assert "colour" in ended.stderr


def test_a_seed_with_more_slots_than_its_plan_allows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text("resource_group: a\nplan: {name: b, size: B1}\napps: [{name: contoso, slots: {stage: {}}}]\n")
    ended = run("--seed", str(path))
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "app contoso: Cannot complete the operation" in ended.stderr


@pytest.mark.parametrize(
    "text", ["", "- a list", "plan: {name: b}", "resource_group: [", "{resource_group: a, plan: b}"]
)
def test_a_seed_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text(text)
    with pytest.raises(InvalidSeed, match=str(path)):
        read(path)


def test_a_port_in_use_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run("--port", str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert "The simulator cannot start" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("speed", ["0", "-1", "fast"])
def test_a_speed_that_is_none_is_refused(speed: str) -> None:
    ended = run("--speed", speed)
    assert ended.returncode == 2
    assert "--speed" in ended.stderr


def test_a_client_secret_that_was_drawn_can_be_handed_to_az_as_an_argument() -> None:
    drawn = {client_secret() for _ in range(1000)}
    assert len(drawn) == 1000
    assert not [secret for secret in drawn if secret.startswith("-")]
