"""A project of a benchmark's own: the real DAG file beside release files made for the occasion."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from demo.airflow_home import REPOSITORY

RELEASE = REPOSITORY / "include" / "releases" / "contoso-web.yaml"


class Project:
    """A folder laid out as this repository is: `dags/`, `include/releases/` and, if asked for, `plugins/`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dags = path / "dags"
        self.releases = path / "include" / "releases"
        self.releases.mkdir(parents=True)
        _copy(REPOSITORY / "dags", self.dags)

    def write_releases(self, count: int) -> None:
        """As many release files as asked for, each of an app of its own, otherwise the repository's."""
        text = RELEASE.read_text(encoding="utf-8")
        app = f"app: {RELEASE.stem}\n"
        if app not in text:
            raise ValueError(f"{RELEASE} has no line {app.strip()!r}; the benchmark names its apps by that line")
        for number in range(1, count + 1):
            name = f"{RELEASE.stem}-{number:03}"
            (self.releases / f"{name}.yaml").write_text(text.replace(app, f"app: {name}\n"), encoding="utf-8")

    def write_release(self, policy: Mapping[str, Any]) -> None:
        """One release file, under the repository's name for it."""
        (self.releases / RELEASE.name).write_text(yaml.safe_dump(dict(policy)), encoding="utf-8")

    def plugins_without(self, file_name: str) -> Path:
        """A copy of the plugins folder that lacks one file; FileNotFoundError when the original lacks it too."""
        plugins = self.path / "plugins"
        _copy(REPOSITORY / "plugins", plugins)
        (plugins / file_name).unlink()
        return plugins


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
