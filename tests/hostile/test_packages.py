"""Packages of any content, unpacked as the simulator does: inside their folder, or refused with a sentence."""

import stat
import struct
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app_service_simulator import packages
from app_service_simulator.packages import PackageUnusable, unpack

MEGABYTE = 1024 * 1024


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with these members, whatever they are called."""
    package = BytesIO()
    with zipfile.ZipFile(package, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return package.getvalue()


def link_to(target: str) -> bytes:
    """A zip whose first member is a symbolic link, and whose second would be written through it."""
    link = zipfile.ZipInfo("out")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped((link, target.encode()), ("out/escaped.txt", b"x"))


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def said_of(package: bytes, target: Path) -> str:
    """Why it could not be unpacked; empty when it was."""
    try:
        unpack(package, target)
    except PackageUnusable as refused:
        return str(refused)
    return ""


NAMES = [
    "../escaped.txt",
    "../../escaped.txt",
    "/escaped.txt",
    "a/../../escaped.txt",
    "\\..\\escaped.txt",
    "C:\\escaped.txt",
]


@pytest.mark.parametrize(
    "name", [*NAMES, "....//escaped.txt", "./../escaped.txt", "//host/escaped.txt", "~/escaped.txt"]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    target = tmp_path / "site"
    said_of(zipped((name, b"x")), target)
    assert {path for path in files_in(tmp_path) if not path.startswith("site")} == set()


@pytest.mark.parametrize("target", ["..", "/tmp", "/"])  # noqa: S108 - it must not be written to; that is the test
def test_a_symbolic_link_is_not_followed_out_of_the_folder(tmp_path: Path, target: str) -> None:
    said_of(link_to(target), tmp_path / "site")
    assert "escaped.txt" not in files_in(tmp_path)
    assert not Path("/tmp/escaped.txt").exists()  # noqa: S108
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


UNUSABLE = {
    "empty": b"",
    "a beginning": b"PK",
    "a page": b"<html>404</html>",
    "cut off": zipped(("a.txt", b"x"))[:-10],
    "without its start": zipped(("a.txt", b"x" * 1000))[40:],
    "a long name": zipped(("x" * 5000, b"x")),
    "a file as a folder": zipped(("a", b"x"), ("a/b", b"x")),
    "an unknown method": zipped(("a", b"x")).replace(struct.pack("<H", zipfile.ZIP_DEFLATED), struct.pack("<H", 99)),
}


@pytest.mark.parametrize("package", UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_unpacked_is_refused_with_a_sentence(tmp_path: Path, package: bytes) -> None:
    said = said_of(package, tmp_path / "site")
    assert said.startswith("The package is not a zip file that can be unpacked: ")
    assert len(said) < 400


def broken(package: bytes) -> st.SearchStrategy[bytes]:
    """The package with some bytes replaced."""
    change = st.tuples(st.integers(0, len(package) - 1), st.integers(0, 255))

    def replaced(changes: list[tuple[int, int]]) -> bytes:
        content = bytearray(package)
        for place, byte in changes:
            content[place] = byte
        return bytes(content)

    return st.lists(change, min_size=1, max_size=6).map(replaced)


GOOD = zipped(("app.py", b"print(1)\n" * 20), ("folder/", b""), ("folder/page.html", b"<h1>"))


@settings(max_examples=100)
@given(broken(GOOD) | st.binary(max_size=200))
@example(GOOD)
def test_a_package_with_wrong_bytes_is_unpacked_or_refused(
    tmp_path_factory: pytest.TempPathFactory, package: bytes
) -> None:
    folder = tmp_path_factory.mktemp("package")
    said_of(package, folder / "site")
    assert {path for path in files_in(folder) if not path.startswith("site")} == set()


def test_a_package_that_unpacks_to_more_than_a_site_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "LARGEST_SITE", 3 * MEGABYTE)
    assert said_of(zipped(("a", bytes(MEGABYTE)), ("b", bytes(2 * MEGABYTE))), tmp_path / "fits") == ""
    bomb = zipped(("a", bytes(MEGABYTE)), ("b", bytes(2 * MEGABYTE)), ("c", b"x"))
    assert len(bomb) < 10_000
    assert said_of(bomb, tmp_path / "site").startswith("There is not enough space on the disk")
    assert not (tmp_path / "site").exists()


def test_a_member_unpacks_to_no_more_than_it_claims(tmp_path: Path) -> None:
    claimed, real = struct.pack("<I", 5), struct.pack("<I", 5_000_000)
    liar = zipped(("a", bytes(5_000_000))).replace(real, claimed)
    assert "CRC" in said_of(liar, tmp_path / "site")
    assert (tmp_path / "site" / "a").stat().st_size <= 5
