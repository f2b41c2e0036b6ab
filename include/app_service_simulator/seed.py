"""What the simulator starts with: a YAML file, checked, and put into the world."""

import secrets
import shutil
import uuid
from pathlib import Path

import pydantic
import yaml

from app_service_simulator.arm.errors import AzureError
from app_service_simulator.slot import Slot
from app_service_simulator.world import Plan, Site, World

SEEDS = Path(__file__).parent / "seeds"
DEFAULT = SEEDS / "contoso-web.yaml"


class Part(pydantic.BaseModel):
    """Unknown keys are refused everywhere."""

    model_config = pydantic.ConfigDict(extra="forbid")


class ContentSeed(Part):
    """What is deployed: a copy of `directory` (relative to the seed file), with `files` written over it."""

    directory: Path
    files: dict[str, str] = {}


class SlotSeed(Part):
    """A slot, or production. Without `content` nothing is deployed to it yet."""

    running: bool = True
    content: ContentSeed | None = None
    app_settings: dict[str, str] = {}


class AppSeed(SlotSeed):
    """An app. `sticky_settings` are the names of app settings that stay with their slot."""

    name: str = pydantic.Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,58}[A-Za-z0-9]$")
    linux_fx_version: str = "PYTHON|3.13"
    startup_command: str = ""
    sticky_settings: list[str] = []
    slots: dict[str, SlotSeed] = {}


class PlanSeed(Part):
    """An App Service plan; `size` decides whether slots are allowed and how many."""

    name: str
    size: str = "S1"
    linux: bool = True


def client_secret() -> str:
    """One that begins with no dash, as Entra ID's do: `az login -p` would take that for an option."""
    return secrets.token_hex(2) + secrets.token_urlsafe(24)


class Seed(Part):
    """The whole file. The identifiers are drawn at random when they are not given."""

    tenant: str = pydantic.Field(default_factory=lambda: str(uuid.uuid4()))
    client_id: str = pydantic.Field(default_factory=lambda: str(uuid.uuid4()))
    client_secret: str = pydantic.Field(default_factory=client_secret)
    subscription: str = pydantic.Field(default_factory=lambda: str(uuid.uuid4()))
    workspace: str = pydantic.Field(default_factory=lambda: str(uuid.uuid4()))
    resource_group: str
    location: str = "West Europe"
    plan: PlanSeed
    apps: list[AppSeed] = []


class InvalidSeed(Exception):
    """The file cannot be used; the sentence names it and says why."""


def read(path: Path) -> Seed:
    """The seed in the file; InvalidSeed if it cannot be read or is not in order."""
    try:
        return Seed.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, pydantic.ValidationError) as error:
        raise InvalidSeed(f"{path}: {error}") from error


def plant(seed: Seed, world: World, base: Path) -> None:
    """Creates what the seed describes, relative directories being under `base`; no process is started yet.

    InvalidSeed for what App Service would refuse, such as more slots than the plan allows.
    """
    group = world.add_group(seed.resource_group, seed.location)
    plan = world.add_plan(group, seed.plan.name, location=seed.location, size=seed.plan.size, linux=seed.plan.linux)
    for app in seed.apps:
        try:
            _plant_app(app, world, plan, base)
        except AzureError as error:
            raise InvalidSeed(f"app {app.name}: {error}") from error


def _plant_app(app: AppSeed, world: World, plan: Plan, base: Path) -> Site:
    kind = "app,linux" if plan.linux else "app"
    site = world.add_site(plan.group, app.name, plan, kind, plan.location)
    site.sticky_settings = list(app.sticky_settings)
    site.sticky_names_written = bool(app.sticky_settings)
    for name, part in {"production": app, **app.slots}.items():
        slot = site.production if name == "production" else world.add_slot(site, name)
        slot.config["linuxFxVersion"] = app.linux_fx_version
        slot.config["appCommandLine"] = app.startup_command
        slot.running = part.running
        slot.app_settings = dict(part.app_settings)
        if part.content:
            _put(part.content, slot, base)
    return site


def _put(content: ContentSeed, slot: Slot, base: Path) -> None:
    directory = base / content.directory
    if not directory.is_dir():
        raise InvalidSeed(f"{directory} is no directory; {slot.label_for_people} was to be made of it")
    wwwroot = slot.content.wwwroot
    shutil.copytree(directory, wwwroot, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in content.files.items():
        target = wwwroot / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
