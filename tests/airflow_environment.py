"""An Airflow of the tests' own: its home, its project folder and its database, apart from the user's."""

import atexit
import base64
import os
import secrets
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def prepare() -> Path:
    """Points this process to an Airflow home of its own; must run before Airflow is first imported.

    The home holds a project with the real DAG file and a folder of release files that tests fill.
    """
    home = Path(tempfile.mkdtemp(prefix="canary-tests-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    project = home / "project"
    (project / "include" / "releases").mkdir(parents=True)
    shutil.copytree(ROOT / "dags", project / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ.update(
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__DAGS_FOLDER=str(project / "dags"),
        AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__FERNET_KEY=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home}/airflow.db",
        AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(home / "logs"),
        AIRFLOW__LOGGING__LOGGING_LEVEL="INFO",
    )
    return home


HOME = prepare()
RELEASES = HOME / "project" / "include" / "releases"
DAGS = HOME / "project" / "dags"
