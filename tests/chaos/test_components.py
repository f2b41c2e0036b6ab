"""The project that the components run, and the orders that a task's process finds there."""

from pathlib import Path

from airflow.cli import cli_parser
from chaos.components import COMPONENTS, Components, Project
from chaos.metadata import Metadata
from tests.simulator import ROOT

from demo.airflow_home import create_home


def test_the_project_has_the_products_dag_and_plugins_and_one_plugin_more(tmp_path: Path) -> None:
    project = Project.make(tmp_path)
    assert [file.name for file in (project.path / "dags").iterdir()] == ["canary_release.py"]
    plugins = {part.name: part.resolve() for part in (project.path / "plugins").iterdir()}
    assert plugins.pop("chaos_boundaries.py").parent == tmp_path / "plugins"
    assert set(plugins.values()) == {part for part in (ROOT / "plugins").iterdir() if part.name != "__pycache__"}
    assert project.releases.is_dir()


def test_airflow_knows_every_component() -> None:
    for name in COMPONENTS:
        cli_parser.get_parser().parse_args([name])


def test_an_order_is_a_file_for_the_task_and_its_moment(tmp_path: Path) -> None:
    components = Components(create_home(tmp_path / "home", 0), tmp_path, {}, Metadata("sqlite://"))
    met = components.order("canary_release.chaos-01", "begins", "canary_20.shift")
    assert (tmp_path / "orders" / "canary_release.chaos-01" / "begins" / "canary_20.shift").is_file()
    assert met.name == "canary_20.shift.met"
    assert not met.exists()
    components.close()


def test_to_kill_what_is_dead_already_is_told(tmp_path: Path) -> None:
    components = Components(create_home(tmp_path / "home", 0), tmp_path, {}, Metadata("sqlite://"))
    (tmp_path / "triggerer.pid").write_text("4194304")  # above the kernel's highest number, so nobody's
    assert components.kill("triggerer") is False
    assert components.processes_of("triggerer") == set()
    components.close()
