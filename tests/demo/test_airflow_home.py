"""Airflow's home: its users, and an environment into which nothing else leaks."""

import json
import stat
import sys
from pathlib import Path

import pytest
import yaml

from demo.airflow_home import CONNECTION_VARIABLE, AirflowHome, create_home, environment

OUTER = {
    "PATH": "/usr/bin",
    "LANG": "C.UTF-8",
    "PYTHONPATH": "/somewhere",
    "AIRFLOW_HOME": "/home/me/airflow",
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW_CONN_OTHER": "http://other",
}


@pytest.fixture
def home(tmp_path: Path) -> AirflowHome:
    return create_home(tmp_path / "airflow", preferred_port=0)


@pytest.fixture
def given(home: AirflowHome) -> dict[str, str]:
    return environment(home, '{"conn_type": "azure"}', OUTER)


def test_another_airflows_settings_and_pythonpath_do_not_leak_in(given: dict[str, str], home: AirflowHome) -> None:
    assert given["AIRFLOW_HOME"] == str(home.path)
    assert given["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW_CONN_OTHER" not in given
    assert "PYTHONPATH" not in given


def test_everything_else_of_the_outer_environment_is_kept(given: dict[str, str]) -> None:
    assert given["LANG"] == "C.UTF-8"


def test_airflows_programs_come_first_on_the_path(given: dict[str, str]) -> None:
    assert given["PATH"].split(":") == [str(Path(sys.executable).parent), "/usr/bin"]


def test_the_connection_is_in_its_own_variable_and_nowhere_else(given: dict[str, str]) -> None:
    assert [name for name, value in given.items() if "azure" in value and "{" in value] == [CONNECTION_VARIABLE]


def test_dags_and_plugins_are_the_repositorys(given: dict[str, str]) -> None:
    repository = Path(__file__).parents[2]
    assert given["AIRFLOW__CORE__DAGS_FOLDER"] == str(repository / "dags")
    assert given["AIRFLOW__CORE__PLUGINS_FOLDER"] == str(repository / "plugins")


def test_everything_listens_on_the_loopback_interface(given: dict[str, str], home: AirflowHome) -> None:
    assert given["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert given["AIRFLOW__API__BASE_URL"] == home.url == f"http://127.0.0.1:{home.port}"


def test_the_log_servers_get_ports_of_their_own(given: dict[str, str], home: AirflowHome) -> None:
    ports = {given[f"AIRFLOW__LOGGING__{who}_LOG_SERVER_PORT"] for who in ("WORKER", "TRIGGER")}
    assert len(ports - {str(home.port)}) == 2


def test_both_users_have_a_password_of_their_own_in_the_file_airflow_reads(
    given: dict[str, str], home: AirflowHome
) -> None:
    passwords = json.loads(Path(given["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]).read_text())
    assert passwords == {"operator": home.operator.password, "manager": home.manager.password}
    assert home.operator.password != home.manager.password
    assert given["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "operator:op,manager:op"


def test_only_its_owner_may_look_into_the_home(home: AirflowHome) -> None:
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_secrets_differ_from_run_to_run(home: AirflowHome) -> None:
    names = ["AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"]
    first, second = environment(home, "{}", OUTER), environment(home, "{}", OUTER)
    assert not any(first[name] == second[name] for name in names)


def test_the_settings_that_the_compose_file_shares_with_it_are_the_same(given: dict[str, str]) -> None:
    compose = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yaml").read_text())["x-environment"]
    shared = ["CORE__SENSITIVE_VAR_CONN_NAMES", "WORKERS__MIN_HEARTBEAT_INTERVAL"]
    assert [given.get(f"AIRFLOW__{name}") for name in shared] == [compose[f"AIRFLOW__{name}"] for name in shared]
