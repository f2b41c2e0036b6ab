"""Which handler answers which call: a table of paths, compared as Resource Manager does, without regard to case."""

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp.web

from app_service_simulator.arm import errors

if TYPE_CHECKING:
    from app_service_simulator.faults.orders import Order
    from app_service_simulator.simulator import Simulator

GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
WEB = f"{GROUP}/providers/Microsoft.Web"
SITE = f"{WEB}/sites/{{site}}"
SLOT = f"{SITE}/slots/{{slot}}"


@dataclass
class Call:
    """One request to be answered: `parameters` are the path's, `body` the JSON (None without one), `order` the fault
    that acts on it."""

    request: aiohttp.web.Request
    path: str
    simulator: "Simulator"
    principal: str
    parameters: dict[str, str] = field(default_factory=dict)
    body: Any = None
    order: "Order | None" = None

    def meets(self, kind: str) -> bool:
        """Whether a fault of this kind acts on the call."""
        return self.order is not None and self.order.fault.do == kind

    @property
    def base(self) -> str:
        """`https://host:port` as the client wrote it, for the addresses in an answer."""
        return f"https://{self.request.host}"

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, names in lower case."""
        return {name.lower(): value for name, value in self.request.query.items()}

    @property
    def properties(self) -> dict[str, Any]:
        """`properties` of the body; 400 if there are none."""
        properties = self.members.get("properties")
        if not isinstance(properties, dict):
            raise errors.bad_request("The parameter properties has an invalid value.", "51021")
        return properties

    @property
    def members(self) -> dict[str, Any]:
        """The body, which has to be an object."""
        if not isinstance(self.body, dict):
            raise errors.invalid_content("a JSON object is expected.")
        return self.body


Handler = Callable[[Call], Awaitable[aiohttp.web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    """One operation, under Microsoft's operation id."""

    method: str
    pattern: re.Pattern[str]
    operation: str
    handler: Handler


class Routes:
    """A table of operations, filled by decorators."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def add(self, method: str, path: str, operation: str) -> Callable[[Handler], Handler]:
        """Registers a handler for `path`, whose `{names}` become parameters."""

        def register(handler: Handler) -> Handler:
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path.replace(".", r"\."))
            self._routes.append(Route(method, re.compile(pattern, re.IGNORECASE), operation, handler))
            return handler

        return register

    def add_for_slots(self, method: str, rest: str, operation: str, prefix: str = "") -> Callable[[Handler], Handler]:
        """Registers a handler for `rest` below an app, and below a slot under the operation id plus `Slot`."""

        def register(handler: Handler) -> Handler:
            self.add(method, prefix + SITE + rest, operation)(handler)
            self.add(method, prefix + SLOT + rest, f"{operation}Slot")(handler)
            return handler

        return register

    def include(self, other: "Routes") -> None:
        """Adds another table's operations."""
        self._routes.extend(other._routes)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The operation and the path's parameters; the error Resource Manager would answer if there is none."""
        known_path = False
        for route in self._routes:
            match = route.pattern.fullmatch(path)
            if match and route.method == method:
                return route, match.groupdict()
            known_path = known_path or bool(match)
        if known_path:
            raise errors.method_not_allowed(method)
        namespace = re.search(r"/providers/([^/]+)", path, re.IGNORECASE)
        if namespace and namespace.group(1).lower() not in ("microsoft.web", "microsoft.insights"):
            raise errors.unknown_namespace(namespace.group(1))
        raise errors.unknown_operation(method, path)
