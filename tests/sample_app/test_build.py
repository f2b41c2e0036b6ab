import json
import zipfile

import pytest

from sample_app.build import build_package, main


def content(package):
    with zipfile.ZipFile(package) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_package_holds_the_app_and_its_settings(tmp_path):
    package = build_package("2.0.0", tmp_path / "new", {"SAMPLE_ERROR_RATE": "0.2"})
    assert package == tmp_path / "new" / "sample-app-2.0.0.zip"
    files = content(package)
    assert set(files) == {"app.py", "page.html", "settings.json"}
    assert json.loads(files["settings.json"]) == {"SAMPLE_VERSION": "2.0.0", "SAMPLE_ERROR_RATE": "0.2"}


def test_the_same_arguments_make_the_same_bytes(tmp_path):
    one, two = (build_package("2.0.0", tmp_path / name, {"A": "1"}) for name in "xy")
    assert one.read_bytes() == two.read_bytes()


def test_another_version_makes_other_bytes(tmp_path):
    one, two = (build_package(version, tmp_path) for version in ("1.0.0", "2.0.0"))
    assert one.read_bytes() != two.read_bytes()


def test_the_version_cannot_be_contradicted_by_a_setting(tmp_path):
    with pytest.raises(ValueError, match="SAMPLE_VERSION is set by the version itself"):
        build_package("2.0.0", tmp_path, {"SAMPLE_VERSION": "3.0.0"})


def test_the_command_line_takes_settings_and_prints_the_path(tmp_path, capsys):
    arguments = ["--version", "2.1.0", "--out", str(tmp_path), "--set", "A=1", "--set", "B=x=y"]
    assert main(arguments) == 0
    package = tmp_path / "sample-app-2.1.0.zip"
    assert capsys.readouterr().out == f"{package}\n"
    settings = json.loads(content(package)["settings.json"])
    assert settings == {"A": "1", "B": "x=y", "SAMPLE_VERSION": "2.1.0"}


@pytest.mark.parametrize("setting", ["A", "=1", "SAMPLE_VERSION=3"])
def test_the_command_line_refuses_a_setting_it_cannot_use(tmp_path, capsys, setting):
    with pytest.raises(SystemExit) as end:
        main(["--version", "1", "--out", str(tmp_path), "--set", setting])
    assert end.value.code == 2
    assert setting.partition("=")[0] in capsys.readouterr().err
