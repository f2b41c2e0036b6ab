"""Makes packages of the sample app: `python -m sample_app.build --version 2.0.0 --out DIR [--set NAME=VALUE …]`."""

import argparse
import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("web")

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first date a zip can hold; fixed, so that equal content makes equal packages."""


def build_package(version: str, out: Path, settings: Mapping[str, str] | None = None) -> Path:
    """Writes `sample-app-<version>.zip` into the folder `out`, made if missing, and returns its path.

    `settings` travel in the package (settings.json), so that a *version* can be bad in whatever slot it runs.
    The same arguments make the same bytes. Raises ValueError when `settings` try to set the version.
    """
    if "SAMPLE_VERSION" in (settings or {}):
        raise ValueError("SAMPLE_VERSION is set by the version itself")
    out.mkdir(parents=True, exist_ok=True)
    package = out / f"sample-app-{version}.zip"
    content = {file.name: file.read_bytes() for file in SOURCE.iterdir() if file.is_file()}
    packaged = {**(settings or {}), "SAMPLE_VERSION": version}
    content["settings.json"] = json.dumps(packaged, indent=2, sort_keys=True).encode()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(content.items()):
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return package


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: prints the package's path."""
    parser = argparse.ArgumentParser(prog="python -m sample_app.build", description=__doc__.split(":")[0])
    parser.add_argument("--version", required=True, help="what the app will say it is, such as 2.0.0")
    parser.add_argument("--out", required=True, type=Path, help="the folder to write to")
    parser.add_argument(
        "--set",
        dest="settings",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting to put into the package, such as SAMPLE_ERROR_RATE=0.2; may be repeated",
    )
    options = parser.parse_args(arguments)
    try:
        package = build_package(options.version, options.out, dict(options.settings))
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(f"{package}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
