"""An Airflow of its own: home, users, secrets and settings, all by environment and gone with the run.

Everything is loopback, SQLite and the LocalExecutor under `airflow standalone`, which suits a demonstration
and nothing else; `docker-compose.yaml` is the shape for production. The two small log servers of Airflow's
scheduler and triggerer listen on all interfaces, which has no setting; they answer only to signed requests.
"""

import json
import os
import secrets
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.ports import LOOPBACK, free_port

REPOSITORY = Path(__file__).resolve().parents[2]
CONNECTION_VARIABLE = "AIRFLOW_CONN_AZURE_APP_SERVICE"

# Deferred tasks hold no process, so a release keeps one or two busy; each of these is forked at the start.
PARALLEL_TASKS = 4

# Seconds; Airflow's default of 1 would be waited for at each of a release's 40 or so changes of state.
SCHEDULER_IDLE_SLEEP = 0.2

# Seconds a supervisor may take to see that its task's process is gone, when that closed its sockets a moment before
# it went; Airflow's default of 5 would be waited for after every third task on a busy machine.
SUPERVISOR_INTERVAL = 1

# Seconds between looks at an unchanged DAG file; a release lasts minutes, and parsing takes a core from it.
DAG_FILE_INTERVAL = 60


@dataclass(frozen=True)
class User:
    """Someone who signs in; `role` is one of SimpleAuthManager's viewer, user, op, admin."""

    name: str
    role: str
    password: str


@dataclass(frozen=True)
class AirflowHome:
    """Where Airflow lives, on which port, and who may sign in.

    `operator` triggers releases and `manager` decides about them. Both have the role `op`, the least that may
    set the approval's Variable; SimpleAuthManager knows no finer rights.
    """

    path: Path
    port: int
    operator: User
    manager: User

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def users(self) -> tuple[User, ...]:
        return (self.operator, self.manager)


def create_home(path: Path, preferred_port: int) -> AirflowHome:
    """Make the directory with the passwords in it, readable by its owner alone; take a free port."""
    path.mkdir(mode=0o700, parents=True)
    home = AirflowHome(
        path,
        free_port(preferred_port),
        operator=User("operator", "op", secrets.token_urlsafe(9)),
        manager=User("manager", "op", secrets.token_urlsafe(9)),
    )
    (path / "passwords.json").write_text(json.dumps({user.name: user.password for user in home.users}))
    return home


def environment(home: AirflowHome, azure_connection: str, outer: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of `airflow standalone`.

    `azure_connection` is the JSON of the connection that the releases use. From `outer` everything is kept
    but Airflow's own settings and PYTHONPATH: the developer's other Airflow must not leak in, and `dags/` and
    `plugins/` have to work as they will in production, where `include/` is not on the path.
    """
    kept = {
        name: value
        for name, value in outer.items()
        if not name.startswith("AIRFLOW_") and name not in ("PYTHONPATH", "PYTHONHOME")
    }
    # `airflow standalone` starts its components by the bare name.
    programs = str(Path(sys.executable).parent)
    settings: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": REPOSITORY / "dags",
            "plugins_folder": REPOSITORY / "plugins",
            "load_examples": False,
            "dags_are_paused_at_creation": False,
            "executor": "LocalExecutor",
            "parallelism": PARALLEL_TASKS,
            "test_connection": "Enabled",
            # Hides a package's address, with the signature in it, in the audit log of who triggered what.
            "sensitive_var_conn_names": "package_uri",
            "fernet_key": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "simple_auth_manager_users": ",".join(f"{user.name}:{user.role}" for user in home.users),
            "simple_auth_manager_passwords_file": home.path / "passwords.json",
        },
        "api": {
            "host": LOOPBACK,
            "port": home.port,
            "base_url": home.url,
            "secret_key": secrets.token_urlsafe(32),
            "instance_name": "App Service canary",
        },
        "api_auth": {"jwt_secret": secrets.token_urlsafe(64)},
        "workers": {"min_heartbeat_interval": SUPERVISOR_INTERVAL},
        "scheduler": {"scheduler_idle_sleep_time": SCHEDULER_IDLE_SLEEP},
        "dag_processor": {"parsing_processes": 1, "min_file_process_interval": DAG_FILE_INTERVAL},
        "logging": {"worker_log_server_port": free_port(), "trigger_log_server_port": free_port()},
    }
    return {
        **kept,
        "PATH": os.pathsep.join([programs, outer.get("PATH", os.defpath)]),
        "NO_COLOR": "1",
        "AIRFLOW_HOME": str(home.path),
        CONNECTION_VARIABLE: azure_connection,
        **{
            f"AIRFLOW__{section}__{name}".upper(): str(value)
            for section, values in settings.items()
            for name, value in values.items()
        },
    }
