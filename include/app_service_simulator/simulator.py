"""All the simulator's parts, put together once."""

import uuid
from pathlib import Path

from app_service_simulator.callers import Callers
from app_service_simulator.certificates import Certificates
from app_service_simulator.clock import Clock
from app_service_simulator.deployments import Deployments
from app_service_simulator.effects import Effects
from app_service_simulator.entra import EntraId
from app_service_simulator.faults.later import Later
from app_service_simulator.faults.orders import Orders
from app_service_simulator.journal import Journal
from app_service_simulator.lifecycle import Lifecycle
from app_service_simulator.operations import Operations
from app_service_simulator.packages import Images, PackageStore
from app_service_simulator.quirks import Quirks
from app_service_simulator.roles import Roles
from app_service_simulator.slot import Slot
from app_service_simulator.swap import Swapper
from app_service_simulator.traffic import TrafficLog
from app_service_simulator.world import Site, World


class Simulator:
    """Every part by name; `directory` holds certificates, contents and logs. `workspace` is the id of the one Log
    Analytics workspace, drawn at random when it is not given."""

    def __init__(
        self,
        clock: Clock,
        directory: Path,
        *,
        tenant: str,
        client_id: str,
        client_secret: str,
        subscription: str,
        workspace: str | None = None,
    ) -> None:
        self.clock = clock
        self.directory = directory
        self.workspace = workspace or str(uuid.uuid4())
        self.quirks = Quirks()
        self.certificates = Certificates(directory / "certificates")
        self.journal = Journal()
        self.callers = Callers()
        self.roles = Roles()
        self.faults = Orders()
        self.traffic = TrafficLog()
        self.packages = PackageStore()
        self.images = Images(directory / "images")
        self.entra = EntraId(clock, tenant, client_id, client_secret)
        self.world = World(clock, directory, subscription, tenant)
        self.operations = Operations(clock)
        self.effects = Effects(clock, self.world, self.operations, self.journal)
        self.later = Later(self.operations)
        self.lifecycle = Lifecycle(clock, self.images, directory / "logs")
        self.swapper = Swapper(clock, self.quirks, self.lifecycle, self.effects)
        self.deployments = Deployments(
            clock,
            self.quirks,
            self.world,
            self.lifecycle,
            self.operations,
            self.effects,
            self.certificates.client_context(),
        )

    async def delete_slot(self, slot: Slot) -> None:
        """Stops the slot's processes and forgets it."""
        slot.running = False
        await self.lifecycle.stop(slot)
        self.world.remove_slot(slot)

    async def delete_site(self, site: Site) -> None:
        """The same for an app and all its slots."""
        for slot in [*site.other_slots, site.production]:
            await self.delete_slot(slot)

    async def close(self) -> None:
        """Ends all that is under way and every process."""
        await self.later.stop()
        await self.operations.stop()
        await self.deployments.stop()
        await self.lifecycle.close(list(self.world.slots()))
