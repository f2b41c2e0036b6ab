"""An Airflow plugin of the crash matrix: kills the scheduler at the very moment at which a task begins or has ended.

It is put beside the product's plugins and runs in every task's process. An order is a file
`$CHAOS_ORDERS/<dag id>/<begins|ended>/<task id>`, met once: it is renamed to `<task id>.met`, with the time in it,
before the scheduler dies. `$CHAOS_SCHEDULER` names the file with the scheduler's process number.
"""

import os
import signal
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


def _meet(moment: str, task_instance: Any) -> None:
    orders = os.environ.get("CHAOS_ORDERS")
    if not orders:
        return
    order = Path(orders) / str(task_instance.dag_id) / moment / str(task_instance.task_id)
    met = order.with_name(f"{order.name}.met")
    try:
        order.rename(met)
    except OSError:
        return
    met.write_text(datetime.now(timezone.utc).isoformat())
    os.kill(int(Path(os.environ["CHAOS_SCHEDULER"]).read_text()), signal.SIGKILL)


@hookimpl
def on_task_instance_running(previous_state: Any, task_instance: Any) -> None:
    """The task's process has begun; its code has not."""
    _meet("begins", task_instance)


@hookimpl
def on_task_instance_success(previous_state: Any, task_instance: Any) -> None:
    """Airflow has been told that the task succeeded; nothing has followed from it yet."""
    _meet("ended", task_instance)


@hookimpl
def on_task_instance_failed(previous_state: Any, task_instance: Any, error: Any) -> None:
    """The same for a task that failed."""
    _meet("ended", task_instance)


class ChaosBoundaries(AirflowPlugin):
    """Registers the three above."""

    name = "chaos_boundaries"
    listeners = [sys.modules[__name__]]  # noqa: RUF012 - how Airflow asks for it
