"""The project that a benchmark works on."""

from pathlib import Path

import pytest
import yaml
from benchmarks.overhead import BAKE, WEIGHTS, release_file
from benchmarks.project import Project

from app_service_canary.release.policy import ReleasePolicy
from app_service_canary.release.release_file import read_release_file


def test_every_release_file_is_of_another_app_and_can_be_used(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.write_releases(3)
    files = sorted(project.releases.iterdir())
    apps = [read_release_file(file.read_text(encoding="utf-8"), file.name).app for file in files]
    assert apps == ["contoso-web-001", "contoso-web-002", "contoso-web-003"]
    assert [file.stem for file in files] == apps


def test_the_dag_file_is_the_repositorys(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    original = Path(__file__).resolve().parents[2] / "dags" / "canary_release.py"
    assert (project.dags / "canary_release.py").read_text() == original.read_text()


def test_the_plugins_folder_lacks_the_file_that_is_compared_and_no_other(tmp_path: Path) -> None:
    plugins = Project(tmp_path / "project").plugins_without("airflow_local_settings.py")
    assert not (plugins / "airflow_local_settings.py").exists()
    assert (plugins / "app_service_canary" / "hooks" / "app_service.py").exists()


def test_a_file_that_is_not_there_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Project(tmp_path / "project").plugins_without("no_such_file.py")


def test_the_overheads_release_file_can_be_used_and_has_its_bakes() -> None:
    policy: ReleasePolicy = read_release_file(yaml.safe_dump(release_file()), "contoso-web.yaml")
    assert [step.weight for step in policy.steps] == list(WEIGHTS)
    assert {step.bake.total_seconds() for step in policy.steps if step.bake} == {BAKE}
