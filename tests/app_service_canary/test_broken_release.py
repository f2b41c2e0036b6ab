"""Release files that cannot be read."""

import re
import shutil
from pathlib import Path

import pytest
import structlog
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.dag_processing.processor import _serialize_dags
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from app_service_canary.broken_release import BrokenRelease
from app_service_canary.dag_factory import release_dags

ROOT = Path(__file__).resolve().parents[2]
GOOD = """
app: storefront
resource_group: storefront-rg
slot: canary
steps:
  - {weight: 50, bake: 1h}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    releases = tmp_path / "include" / "releases"
    releases.mkdir(parents=True)
    return releases


def test_a_bad_file_is_its_own_import_error_and_the_other_apps_still_load(folder: Path) -> None:
    (folder / "good.yaml").write_text(GOOD)
    (folder / "bad.yaml").write_text("app: storefront\nslots: canary\n")
    dags = list(release_dags(folder))
    assert [type(dag) for dag in dags] == [BrokenRelease, DAG]
    assert dags[0].relative_fileloc == "include/releases/bad.yaml"
    with pytest.raises(Exception, match=r"include/releases/bad\.yaml:2: slots: unknown key; allowed here: app, "):
        DagSerialization.to_dict(dags[0])
    DagSerialization.to_dict(dags[1])


def test_a_file_that_is_not_text_is_an_import_error_too(folder: Path) -> None:
    (folder / "bad.yaml").write_bytes(b"\xff\xfe\x00")
    [dag] = release_dags(folder)
    with pytest.raises(Exception, match=r"include/releases/bad\.yaml:1: it cannot be read"):
        DagSerialization.to_dict(dag)


def test_airflow_records_the_error_under_the_release_file_and_loads_the_rest(tmp_path: Path, folder: Path) -> None:
    shutil.copytree(ROOT / "dags", tmp_path / "dags")
    (folder / "good.yaml").write_text(GOOD)
    (folder / "bad.yaml").write_text("app: storefront\n")
    bag = BundleDagBag(dag_folder=tmp_path / "dags", bundle_path=tmp_path / "dags", bundle_name="tests")
    assert bag.import_errors == {}
    dags, errors = _serialize_dags(bag, structlog.get_logger())
    assert {dag.dag_id for dag in dags} == {"canary_release.good", "canary_watchdog"}
    assert list(errors) == ["include/releases/bad.yaml"]
    assert (
        "include/releases/bad.yaml:1: resource_group: this key is required and missing"
        in errors["include/releases/bad.yaml"]
    )


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("two words.yaml", GOOD, "found the name 'two words', which becomes part of a DAG's id"),
        (f"{'x' * 201}.yaml", GOOD, "at most 200 letters"),
        ("storefront.yml", GOOD, "found the ending .yml; allowed: .yaml"),
        ("z-again.yaml", GOOD, "found 'storefront', which include/releases/good.yaml releases already"),
        ("odd.yaml", GOOD.replace("weight: 50", "weight: 50.001"), "allowed: at most two decimals"),
    ],
)
def test_a_file_of_which_no_dag_can_be_made_says_why_and_the_others_load(
    folder: Path, name: str, text: str, problem: str
) -> None:
    (folder / "good.yaml").write_text(GOOD)
    (folder / name).write_text(text)
    dags = list(release_dags(folder))
    assert sorted(type(dag).__name__ for dag in dags) == ["BrokenRelease", "DAG"]
    broken = next(dag for dag in dags if isinstance(dag, BrokenRelease))
    with pytest.raises(Exception, match=re.escape(problem)):
        DagSerialization.to_dict(broken)
