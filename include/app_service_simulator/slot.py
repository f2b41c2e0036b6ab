"""A slot: one running place of an app, production included, and the content that a swap moves between them."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app_service_simulator import site_config
from app_service_simulator.deployment_record import DeploymentRecord
from app_service_simulator.workers import Worker

if TYPE_CHECKING:
    from app_service_simulator.world import Site

PRODUCTION = "production"
"""The name of the slot that every app has, in requests and in metrics."""


@dataclass
class Content:
    """What has been deployed: it travels with a swap, its history too."""

    deployment_id: str
    wwwroot: Path
    deployments: list[DeploymentRecord] = field(default_factory=list)
    latest_finished: DeploymentRecord | None = None


@dataclass
class Preparation:
    """What a slot was before another slot's sticky settings were applied to it for a swap."""

    target: str
    app_settings: dict[str, str]
    connection_strings: dict[str, dict[str, str]]


@dataclass(eq=False)
class Slot:
    """One slot and all that Azure knows about it; `name` is PRODUCTION for the app itself."""

    site: "Site"
    name: str
    label: str
    """First label of its host name."""
    content: Content
    created: datetime
    last_modified: datetime
    running: bool = True
    config: dict[str, Any] = field(default_factory=site_config.defaults)
    rules: list[dict[str, Any]] = field(default_factory=list)
    app_settings: dict[str, str] = field(default_factory=dict)
    connection_strings: dict[str, dict[str, str]] = field(default_factory=dict)
    tags: dict[str, str] | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    """Writable site properties, such as httpsOnly, that have no effect on how the slot runs."""
    scm_site_also_stopped: bool = False
    basic_publishing_allowed: dict[str, bool] = field(default_factory=lambda: {"scm": False, "ftp": False})
    publishing_password: str = field(default_factory=lambda: secrets.token_hex(30))
    target_swap_slot: str | None = None
    swap_status: dict[str, str] | None = None
    preparation: Preparation | None = None
    workers: tuple[Worker, ...] = ()

    @property
    def is_production(self) -> bool:
        return self.name == PRODUCTION

    @property
    def host(self) -> str:
        return f"{self.label}.azurewebsites.net"

    @property
    def scm_host(self) -> str:
        return f"{self.label}.scm.azurewebsites.net"

    @property
    def id(self) -> str:
        return self.site.id if self.is_production else f"{self.site.id}/slots/{self.name}"

    @property
    def resource_name(self) -> str:
        """`app`, or `app/slot`."""
        return self.site.name if self.is_production else f"{self.site.name}/{self.name}"

    @property
    def resource_type(self) -> str:
        return "Microsoft.Web/sites" if self.is_production else "Microsoft.Web/sites/slots"

    @property
    def label_for_people(self) -> str:
        """`app`, or `app(slot)`, as App Service writes it."""
        return self.site.name if self.is_production else f"{self.site.name}({self.name})"

    @property
    def publishing_user(self) -> str:
        return f"${self.site.name}" if self.is_production else f"${self.site.name}__{self.name}"

    @property
    def image(self) -> str | None:
        """The container image, `registry/app:tag`, or None for an app deployed as a package."""
        for version in (self.config["linuxFxVersion"], self.config["windowsFxVersion"]):
            if version and version.upper().startswith("DOCKER|"):
                return str(version.split("|", 1)[1])
        return None

    @property
    def stack(self) -> str:
        """The language stack in capitals, `PYTHON`, `TOMCAT`, …; empty if none is set."""
        return str(self.config["linuxFxVersion"] or "").split("|", 1)[0].upper()

    def settings_under(self, target: "Slot") -> dict[str, str]:
        """This slot's app settings as they are in `target`: its own, with the sticky ones of `target`."""
        return _merged(self.app_settings, target.app_settings, self.site.is_sticky)

    def connection_strings_under(self, target: "Slot") -> dict[str, dict[str, str]]:
        """The same for connection strings."""
        sticky = self.site.sticky_connection_strings
        return _merged(self.connection_strings, target.connection_strings, sticky.__contains__)


def _merged(own: dict[str, Any], target: dict[str, Any], is_sticky: Callable[[str], bool]) -> dict[str, Any]:
    kept = {name: value for name, value in own.items() if not is_sticky(name)}
    return kept | {name: value for name, value in target.items() if is_sticky(name)}
