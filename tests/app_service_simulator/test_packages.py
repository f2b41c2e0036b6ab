"""Unpacking packages, and the images' directory."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from app_service_simulator.packages import Images, PackageUnusable, unpack


def package(**files: str) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def test_a_package_cannot_write_outside_its_directory(tmp_path: Path) -> None:
    target = tmp_path / "wwwroot"
    unpack(package(**{"../outside.txt": "x", "/absolute.txt": "y"}), target)
    assert not (tmp_path / "outside.txt").exists()
    assert sorted(path.name for path in target.iterdir()) == ["absolute.txt", "outside.txt"]


def test_an_executable_file_stays_executable(tmp_path: Path) -> None:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        member = zipfile.ZipInfo("run.sh")
        member.external_attr = 0o755 << 16
        archive.writestr(member, "#!/bin/sh\n")
    unpack(content.getvalue(), tmp_path)
    assert (tmp_path / "run.sh").stat().st_mode & 0o100


@pytest.mark.parametrize(
    "content", [b"", b"no zip", package(a="b" * 1000)[:-30]], ids=["empty", "something else", "cut off"]
)
def test_what_is_no_sound_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(PackageUnusable, match="not a zip"):
        unpack(content, tmp_path)


def test_an_image_is_found_by_its_whole_name_and_replaced(tmp_path: Path) -> None:
    images = Images(tmp_path / "images")
    assert images.find("contoso.azurecr.io/web:1") is None
    images.register("contoso.azurecr.io/web:1", package(a="old", b="old"))
    images.register("contoso.azurecr.io/web:1", package(a="new"))
    found = images.find("contoso.azurecr.io/web:1")
    assert found is not None
    assert [path.read_text() for path in found.iterdir()] == ["new"]
    assert images.names() == ["contoso.azurecr.io/web:1"]


def test_an_image_called_dots_stays_in_the_directory(tmp_path: Path) -> None:
    images = Images(tmp_path / "images")
    images.register("..", package(a="x"))
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
