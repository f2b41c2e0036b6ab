"""Packages: where they are kept, fetched from and unpacked."""

import asyncio
import re
import shutil
import ssl
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import aiohttp

FETCH_LIMIT = 60.0
"""Real seconds a package may take to arrive: these are on this machine or not far."""

LARGEST_SITE = 1024**3
"""Bytes that a package may unpack to: more than any app here, and what one machine can bear."""


class PackageUnusable(Exception):
    """A package that cannot be fetched or unpacked; the sentence says why."""


class PackageStore:
    """Stands in for blob storage: bytes by name."""

    def __init__(self) -> None:
        self._packages: dict[str, bytes] = {}

    def put(self, name: str, package: bytes) -> None:
        self._packages[name] = package

    def find(self, name: str) -> bytes | None:
        return self._packages.get(name)

    def names(self) -> list[str]:
        return sorted(self._packages)


class Images:
    """Stands in for a container registry: what an image `registry/app:tag` runs, unpacked."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def register(self, image: str, package: bytes) -> None:
        """Keeps the zip `package` as what `image` runs; PackageUnusable if it is none."""
        target = self._path(image)
        shutil.rmtree(target, ignore_errors=True)
        unpack(package, target)

    def find(self, image: str) -> Path | None:
        """Where the image's content is, or None if nobody registered it."""
        path = self._path(image.removeprefix("https://"))
        return path if path.is_dir() else None

    def names(self) -> list[str]:
        if not self._directory.is_dir():
            return []
        return sorted(path.name.replace("%2F", "/") for path in self._directory.iterdir())

    def _path(self, image: str) -> Path:
        # One directory per image; a name made of dots alone would lead out of the directory.
        return self._directory / re.sub(r"^\.+$", "_", image.replace("/", "%2F"))


async def fetch(uri: str, tls: ssl.SSLContext) -> bytes:
    """The package at `uri`; PackageUnusable, without the query (it may be a SAS), if it cannot be had."""
    shown = uri.split("?", 1)[0]
    if not uri.lower().startswith(("http://", "https://")):
        raise PackageUnusable(f"Failed to download package from '{shown}': it is no http or https address.")
    timeout = aiohttp.ClientTimeout(total=FETCH_LIMIT)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(uri, ssl=tls) as response:
            if response.status != 200:
                raise PackageUnusable(
                    f"Failed to download package from '{shown}': "
                    f"Response status code does not indicate success: {response.status} ({response.reason})."
                )
            return await response.read()
    except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
        raise PackageUnusable(f"Failed to download package from '{shown}': {type(error).__name__}.") from error


def unpack(package: bytes, target: Path) -> None:
    """Unpacks the zip into `target`, keeping execute permissions; PackageUnusable if it is no sound zip."""
    try:
        with zipfile.ZipFile(BytesIO(package)) as archive:
            # Reading a member stops at the size that it claims.
            if sum(member.file_size for member in archive.infolist()) > LARGEST_SITE:
                raise PackageUnusable("There is not enough space on the disk: the package unpacks to more than 1 GB.")
            target.mkdir(parents=True, exist_ok=True)
            for member in archive.infolist():
                # ZipFile.extract drops "..", drive letters and leading slashes.
                path = Path(archive.extract(member, target))
                mode = member.external_attr >> 16 & 0o777
                if mode and path.is_file():
                    path.chmod(mode | 0o600)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise PackageUnusable(f"The package is not a zip file that can be unpacked: {error!s:.300}") from error
