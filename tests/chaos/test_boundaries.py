"""The plugin that kills the scheduler as a task begins or has ended; the scheduler here is a process that sleeps."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.listeners.listener import get_listener_manager
from chaos.airflow_plugin import chaos_boundaries

TASK = SimpleNamespace(dag_id="canary_release.chaos-01", task_id="canary_20.shift")


class Setting:
    def __init__(self, folder: Path) -> None:
        self.orders = folder / "orders"
        self.scheduler = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (folder / "scheduler.pid").write_text(str(self.scheduler.pid))

    def order(self, moment: str) -> Path:
        order = self.orders / TASK.dag_id / moment / TASK.task_id
        order.parent.mkdir(parents=True)
        order.touch()
        return order


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    made = Setting(tmp_path)
    monkeypatch.setenv("CHAOS_ORDERS", str(made.orders))
    monkeypatch.setenv("CHAOS_SCHEDULER", str(tmp_path / "scheduler.pid"))
    yield made
    made.scheduler.kill()
    made.scheduler.wait()


def test_the_scheduler_dies_at_the_moment_that_was_ordered(setting: Setting) -> None:
    order = setting.order("ended")
    chaos_boundaries.on_task_instance_running(None, TASK)
    assert setting.scheduler.poll() is None
    chaos_boundaries.on_task_instance_success(None, TASK)
    assert setting.scheduler.wait(10) == -9
    assert datetime.fromisoformat(order.with_name("canary_20.shift.met").read_text()) <= datetime.now(timezone.utc)


def test_a_task_that_fails_has_ended_too(setting: Setting) -> None:
    setting.order("ended")
    chaos_boundaries.on_task_instance_failed(None, TASK, None)
    assert setting.scheduler.wait(10) == -9


def test_an_order_is_met_once(setting: Setting) -> None:
    order = setting.order("begins")
    chaos_boundaries.on_task_instance_running(None, TASK)
    assert not order.exists()
    assert setting.scheduler.wait(10) == -9
    chaos_boundaries.on_task_instance_running(None, TASK)


def test_without_orders_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAOS_ORDERS", raising=False)
    chaos_boundaries.on_task_instance_running(None, TASK)


def test_airflow_takes_its_functions_for_listeners() -> None:
    manager = get_listener_manager()
    manager.add_listener(chaos_boundaries)
    try:
        called = {
            name: {one.plugin for one in getattr(manager.hook, name).get_hookimpls()}
            for name in ("on_task_instance_running", "on_task_instance_success", "on_task_instance_failed")
        }
    finally:
        manager.pm.unregister(chaos_boundaries)
    assert all(chaos_boundaries in plugins for plugins in called.values())
