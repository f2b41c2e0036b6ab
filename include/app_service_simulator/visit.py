"""One request to the HTTPS port, and what becomes known of it on the way: the journal is written from this."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp.web

from app_service_simulator.faults.orders import Order


@dataclass
class Visit:
    """Filled in while the request is routed.

    Attributes:
        operation: Microsoft's operation id.
        principal: who asks; None until a token has been checked.
        app: the app it is about; None for calls about none.
        caller: the process that asks, if that could be found out.
        order: the fault that acts on it.
        action: the permission it needs; None if none.
        before, after: what its app was like around a write.
    """

    request: aiohttp.web.Request
    path: str
    began: datetime
    operation: str = "unknown"
    principal: str | None = None
    app: str | None = None
    caller: int | None = None
    order: Order | None = None
    action: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None

    @property
    def scope(self) -> str:
        """The resource it is about: the path, without the verb of a POST."""
        return self.path.rpartition("/")[0] if self.request.method == "POST" else self.path

    @property
    def authority(self) -> str:
        """`https://host:port`, as the client wrote it."""
        return f"https://{self.request.host}"
