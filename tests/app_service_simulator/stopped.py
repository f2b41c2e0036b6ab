"""A simulator whose clock stands, so that what is asked of it can be told to the second; its apps do not run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import aiohttp

from app_service_simulator import seed
from app_service_simulator.clock import Clock
from app_service_simulator.server import Server
from app_service_simulator.simulator import Simulator

NOW = datetime(2026, 1, 15, 12, 30, 30, tzinfo=timezone.utc)

WORKSPACE = "11111111-2222-3333-4444-555555555555"
GROUP = "/subscriptions/sub/resourceGroups/contoso-rg"
PRODUCTION_ID = f"{GROUP}/providers/Microsoft.Web/sites/contoso-web"
STAGE_ID = f"{PRODUCTION_ID}/slots/stage"


class StoppedClock(Clock):
    """Stands at NOW."""

    def now(self) -> datetime:
        return NOW


@dataclass
class Stopped:
    """The simulator, and a client of its HTTPS port."""

    simulator: Simulator
    session: aiohttp.ClientSession
    base: str

    @classmethod
    @asynccontextmanager
    async def at(cls, directory: Path) -> AsyncIterator["Stopped"]:
        """One with the default seed, until the end of the context."""
        simulator = Simulator(
            StoppedClock(),
            directory,
            tenant="t",
            client_id="c",
            client_secret="s",
            subscription="sub",
            workspace=WORKSPACE,
        )
        seed.plant(seed.read(seed.DEFAULT), simulator.world, seed.SEEDS)
        server = Server(simulator)
        port = await server.start(0)
        tls = aiohttp.TCPConnector(ssl=simulator.certificates.client_context())
        async with aiohttp.ClientSession(connector=tls) as session:
            yield cls(simulator, session, f"https://127.0.0.1:{port}")
        await server.stop()
        await simulator.close()

    def authorization(self, resource: str) -> dict[str, str]:
        """The header with a token for the resource."""
        entra = self.simulator.entra
        form = {
            "grant_type": "client_credentials",
            "client_id": entra.client_id,
            "client_secret": entra.client_secret,
            "scope": f"{resource}/.default",
        }
        token = entra.issue(self.base, entra.tenant, form)["access_token"]
        return {"Authorization": f"Bearer {token}"}

    def served(self, seconds_ago: float, *statuses: int, slot: str = "stage", **request: Any) -> None:
        """Counts requests that ended so long ago; `request` says more about them than that they took 0.25 s."""
        for status in statuses:
            details = {"seconds": 0.25, "host": "contoso-web.azurewebsites.net", "role": "contoso-web", **request}
            self.simulator.traffic.record(
                ("contoso-web", slot),
                when=NOW - timedelta(seconds=seconds_ago),
                status=status,
                bytes_received=10,
                bytes_sent=100,
                **details,
            )
