"""docker-compose.yaml without Docker: against the checkout, .env.example, Airflow's command line and our programs."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.cli import cli_parser
from pydantic import BaseModel, ConfigDict, Field

from app_service_simulator import seed
from app_service_simulator.__main__ import parse as simulator_options
from demo.airflow_home import create_home, environment
from demo.azure import APP
from visitors.__main__ import _parser as visitors_parser

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
IMAGE_HOME = "/opt/airflow"

VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")
ASSIGNMENT = re.compile(r"^(?P<name>\w+)=(?P<value>.*)$", re.MULTILINE)


class Closed(BaseModel):
    """Unknown keys are refused: what this file does not know of, it does not check."""

    model_config = ConfigDict(extra="forbid")


class HealthCheck(Closed):
    test: list[str] = Field(min_length=2)
    interval: str
    timeout: str
    retries: int
    start_period: str


class Dependency(Closed):
    condition: str


class Service(Closed):
    image: str
    build: str | None = None
    pull_policy: str | None = None
    profiles: list[str] = []
    command: list[str] = []
    entrypoint: list[str] = []
    init: bool = False
    environment: dict[str, str] = {}
    volumes: list[str] = []
    ports: list[str] = []
    labels: dict[str, str] = {}
    network_mode: str | None = None
    depends_on: dict[str, Dependency] = {}
    healthcheck: HealthCheck | None = None
    logging: dict[str, Any] = {}
    restart: str


class Compose(BaseModel):
    """Keys that start with x- are anchors; what they hold is checked where it is used."""

    name: str
    services: dict[str, Service]
    volumes: dict[str, None]


FILE = Compose.model_validate(yaml.safe_load(COMPOSE))
SERVICES = FILE.services
AIRFLOW = {name: service for name, service in SERVICES.items() if "AIRFLOW__CORE__EXECUTOR" in service.environment}
LASTING = {name: service for name, service in SERVICES.items() if service.restart == "unless-stopped"}
ONE_OFF = {"init", "packages"}


def active(profile: str) -> set[str]:
    """The services that a profile starts."""
    return {name for name, service in SERVICES.items() if not service.profiles or profile in service.profiles}


def airflow_words(service: Service) -> list[str]:
    """The words after `airflow` that a service runs, directly or at the end of its shell command."""
    if service.command[0] == "bash":
        return service.command[-1].rpartition("exec airflow ")[2].split()
    return service.command


def test_azure_has_the_components_of_airflow_and_its_database_and_nothing_else() -> None:
    assert active("azure") == {"postgres", "init", "api-server", "scheduler", "dag-processor", "triggerer"}


def test_demo_replaces_what_runs_release_code_and_adds_simulator_visitors_and_packages() -> None:
    added = {"demo-scheduler", "demo-triggerer", "simulator", "visitors", "packages"}
    assert active("demo") == active("azure") - {"scheduler", "triggerer"} | added


def test_nothing_starts_without_a_profile_because_nothing_would_schedule_a_task() -> None:
    assert any("${COMPOSE_PROFILES:?" in label for label in SERVICES["init"].labels.values())
    assert SERVICES["init"].profiles == []


@pytest.mark.parametrize("name", AIRFLOW)
def test_airflow_knows_the_command_of_each_of_its_services(name: str) -> None:
    words = airflow_words(AIRFLOW[name])
    assert words
    cli_parser.get_parser().parse_args(words)


@pytest.mark.parametrize("name", ["dag-processor", "triggerer", "demo-triggerer"])
def test_airflow_knows_the_health_checks_that_it_runs_itself(name: str) -> None:
    health = SERVICES[name].healthcheck
    assert health
    assert health.test[:2] == ["CMD", "airflow"]
    asked = cli_parser.get_parser().parse_args(health.test[2:])
    assert (asked.job_type, asked.local) == ("TriggererJob" if "triggerer" in name else "DagProcessorJob", True)


def test_the_api_servers_health_is_asked_where_airflow_answers() -> None:
    from airflow.api_fastapi.core_api.routes.public.monitor import monitor_router

    health = SERVICES["api-server"].healthcheck
    assert health
    # What Airflow mounts its public routes under, before the router's own prefix.
    address = f"http://localhost:8080/api/v2{monitor_router.routes[0].path}"
    assert health.test[-1] == address


@pytest.mark.parametrize("name", ["scheduler", "demo-scheduler"])
def test_the_scheduler_serves_the_health_that_is_asked(name: str) -> None:
    from airflow.sdk.configuration import conf

    port = conf.getint("scheduler", "scheduler_health_check_server_port")
    health = SERVICES[name].healthcheck
    assert health
    assert health.test[-1] == f"http://localhost:{port}/health"
    assert SERVICES[name].environment["AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"] == "True"


def test_everything_that_lasts_starts_again_and_says_how_it_is() -> None:
    assert set(SERVICES) - ONE_OFF == set(LASTING)
    # Visitors that cannot go on end; they have nothing that could be asked.
    assert [name for name, service in LASTING.items() if service.healthcheck is None] == ["visitors"]


def test_airflow_waits_for_a_migrated_database() -> None:
    for name, service in AIRFLOW.items():
        needed = {"postgres": "service_healthy"} if name == "init" else {"init": "service_completed_successfully"}
        assert needed.items() <= {other: wait.condition for other, wait in service.depends_on.items()}.items()


def test_dependencies_are_services_of_the_same_profile() -> None:
    for profile in ("azure", "demo"):
        for name in active(profile):
            assert set(SERVICES[name].depends_on) <= active(profile), name


def test_only_named_volumes_and_what_is_in_the_checkout_is_mounted() -> None:
    for service in SERVICES.values():
        for mount in service.volumes:
            source, target, *mode = mount.split(":")
            if source.startswith("."):
                assert (ROOT / source).is_dir(), source
                assert mode == ["ro"], f"{source} can be written to"
            else:
                assert source in FILE.volumes
            assert target.startswith("/")


def test_every_airflow_service_finds_the_release_files_next_to_the_dags() -> None:
    # dags/canary_release.py looks in ../include/releases.
    for service in AIRFLOW.values():
        assert f"./include/releases:{IMAGE_HOME}/include/releases:ro" in service.volumes
        assert service.environment["AIRFLOW__CORE__DAGS_FOLDER"] == f"{IMAGE_HOME}/dags"
        assert service.environment["AIRFLOW__CORE__PLUGINS_FOLDER"] == f"{IMAGE_HOME}/plugins"
        assert "PYTHONPATH" not in service.environment


def test_images_are_pinned_and_ours_has_airflows_version() -> None:
    required = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    version = re.search(r"^apache-airflow==([\d.]+)", required, re.MULTILINE)
    assert version
    for service in SERVICES.values():
        tag = service.image.partition(":")[2]
        assert re.match(r"\d+\.\d+", tag), service.image
        assert service.build is None or tag.startswith(version[1])
    assert f"FROM apache/airflow:slim-{version[1]}-python3.12\n" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_is_made_of_what_the_build_context_lets_through() -> None:
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    copied: set[str] = set()
    for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY "):
            copied.update(word for word in line.split()[1:-1] if not word.startswith("--"))
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_every_variable_is_explained_in_the_example_and_every_example_is_used() -> None:
    used = {match["name"] for match in VARIABLE.finditer(COMPOSE)}
    documented = {match["name"] for match in ASSIGNMENT.finditer(EXAMPLE)}
    assert used == documented


def test_secrets_come_from_env_alone_and_a_missing_one_is_named() -> None:
    secret = re.compile(r"PASSWORD|SECRET|KEY|CONN|TOKEN", re.IGNORECASE)
    # Not secrets: where a file is, an address that only holds one, and what fields with one are called.
    elsewhere = ("_FILE", "SQL_ALCHEMY_CONN", "SENSITIVE_VAR_CONN_NAMES")
    for name, service in SERVICES.items():
        for variable, value in service.environment.items():
            if secret.search(variable) and not variable.endswith(elsewhere):
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), f"{name}: {variable}"
    database = SERVICES["api-server"].environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert re.fullmatch(r"postgresql\+psycopg2://airflow:\$\{POSTGRES_PASSWORD:\?[^}]+\}@postgres/airflow", database)


def test_the_example_holds_no_secret() -> None:
    given = {match["name"]: match["value"] for match in ASSIGNMENT.finditer(EXAMPLE)}
    required = {match["name"] for match in VARIABLE.finditer(COMPOSE) if match["rest"].startswith(":?")}
    assert {name for name in required if given[name]} == {"COMPOSE_PROFILES", "AIRFLOW_USERS"}


def test_only_what_runs_release_code_knows_the_azure_connection() -> None:
    knowing = {name for name, service in SERVICES.items() if "AIRFLOW_CONN_AZURE_APP_SERVICE" in service.environment}
    assert knowing == {"scheduler", "triggerer", "demo-scheduler", "demo-triggerer"}


def test_airflow_is_set_as_in_the_demonstration(tmp_path: Path) -> None:
    demonstration = environment(create_home(tmp_path / "home", 0), "{}", {})
    # Of one machine or one run: paths, addresses, secrets, users; and what makes a demonstration quick.
    own = re.compile(
        r"AIRFLOW__(CORE__(DAGS_FOLDER|PLUGINS_FOLDER|FERNET_KEY|SIMPLE_AUTH.*|PARALLELISM|TEST_CONNECTION)"
        r"|API__.*|API_AUTH__.*|SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME|DAG_PROCESSOR__.*|LOGGING__.*)"
    )
    shared = {name: value for name, value in demonstration.items() if "__" in name and not own.fullmatch(name)}
    assert shared
    assert shared.items() <= SERVICES["scheduler"].environment.items()


def test_airflow_is_published_on_the_loopback_interface_alone() -> None:
    published = {name: service.ports for name, service in SERVICES.items() if service.ports}
    assert published == {"api-server": ["127.0.0.1:${AIRFLOW_PORT:-8080}:8080"]}


def test_who_talks_to_the_simulator_shares_its_network_namespace() -> None:
    sharing = {name for name, service in SERVICES.items() if service.network_mode == "service:simulator"}
    assert sharing == {"demo-scheduler", "demo-triggerer", "visitors", "packages"}
    assert all(SERVICES[name].network_mode is None for name in active("azure"))


def test_the_demo_connection_leads_to_the_simulator_as_the_compose_file_starts_it() -> None:
    written = re.search(r"'(\{[^']*resource_manager[^']*\})'", EXAMPLE)
    assert written
    connection = json.loads(written[1])
    started = simulator_options(SERVICES["simulator"].command[1:])
    planted = seed.read(started.seed)
    extra = connection["extra"]
    assert (connection["login"], connection["password"]) == (planted.client_id, planted.client_secret)
    assert (extra["tenantId"], extra["subscriptionId"]) == (planted.tenant, planted.subscription)
    assert extra["authority"] == extra["resource_manager"] == f"https://127.0.0.1:{started.port}"
    assert extra["connect_to"] == f"http://127.0.0.1:{started.front_port}"
    assert extra["ca_bundle"] == str(started.state / "certificates" / "ca.pem")


def test_the_simulator_tells_its_health_where_its_controls_answer() -> None:
    health = SERVICES["simulator"].healthcheck
    assert health
    port = simulator_options(SERVICES["simulator"].command[1:]).port
    assert health.test[-1] == f"https://127.0.0.1:{port}/_simulator/"


def test_the_visitors_come_to_the_app_of_the_seed() -> None:
    options = visitors_parser().parse_args(SERVICES["visitors"].command[1:])
    simulator = simulator_options(SERVICES["simulator"].command[1:])
    assert options.url == f"http://127.0.0.1:{simulator.front_port}"
    assert options.host == f"{APP}.azurewebsites.net"


def test_the_demos_programs_are_on_its_path() -> None:
    for name in ("simulator", "visitors"):
        service = SERVICES[name]
        assert service.entrypoint == ["python", "-m"]
        assert "./include:/opt/airflow/include:ro" in service.volumes
        assert service.environment["PYTHONPATH"] == "/opt/airflow/include"
        assert (ROOT / "include" / service.command[0] / "__main__.py").is_file()


def test_packages_are_built_and_put_where_the_simulator_takes_them() -> None:
    script = SERVICES["packages"].command[0]
    built = [line.split() for line in script.splitlines() if line.startswith("python -m sample_app.build ")]
    folders = {words[words.index("--out") + 1] for words in built}
    assert [f"{folder}/*.zip" in script for folder in folders] == [True]
    port = simulator_options(SERVICES["simulator"].command[1:]).port
    assert f"https://127.0.0.1:{port}/_simulator/packages/" in script


@pytest.mark.parametrize("name", ["api-server", "packages"])
def test_shell_commands_are_sound(name: str) -> None:
    script = SERVICES[name].command[-1].replace("$$", "$")
    subprocess.run(["bash", "-n", "-c", script], check=True)
