"""A client of the simulator's controls, for tests and for tools that make trouble: `/_simulator/` in Python."""

import ssl
from typing import Any

import httpx

from app_service_simulator.faults.fault import Fault

TIMEOUT = 60.0
"""Seconds; the controls answer at once, but a busy machine may take its time."""


class Controls:
    """Orders faults, sets switches, and reads the journal and the state of one simulator.

    Args:
        resource_manager: the ready line's `resource_manager`.
        ca_bundle: the ready line's `ca_bundle`.
        client: an HTTP client that trusts the simulator, to be used instead of one of its own.
    """

    def __init__(self, resource_manager: str, ca_bundle: str, client: httpx.Client | None = None) -> None:
        self._root = f"{resource_manager}/_simulator"
        tls = ssl.create_default_context(cafile=ca_bundle)
        self._client = client or httpx.Client(verify=tls, timeout=TIMEOUT)

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    # -- faults --

    def set_faults(self, *faults: Fault) -> list[dict[str, Any]]:
        """Orders these faults in place of all there are; they come back with their `id`."""
        return list(self._call("PUT", "faults", json=[fault.as_json() for fault in faults]))

    def add_faults(self, *faults: Fault) -> list[dict[str, Any]]:
        """Orders these faults besides those there are; they come back with their `id`."""
        return list(self._call("POST", "faults", json=[fault.as_json() for fault in faults]))

    def faults(self) -> list[dict[str, Any]]:
        """The faults on order, with `met`, how many calls matched, and `acted`, on how many each has acted."""
        return list(self._call("GET", "faults"))

    def remove_fault(self, number: int) -> None:
        """Takes one fault back; what it keeps from ending, ends."""
        self._call("DELETE", f"faults/{number}")

    def clear_faults(self) -> None:
        """Takes all faults back."""
        self._call("DELETE", "faults")

    # -- roles --

    def assign_roles(self, *roles: dict[str, Any]) -> None:
        """Gives the service principal these custom roles, and no other right; none: no right at all."""
        self._call("PUT", "roles", json=list(roles))

    def clear_roles(self) -> None:
        """Lets the service principal do everything again."""
        self._call("DELETE", "roles")

    # -- looking --

    def journal(self, after: int = 0, app: str | None = None, kind: str | None = None) -> list[dict[str, Any]]:
        """Calls and effects, oldest first, as the README describes them.

        Args:
            after: only entries numbered above it.
            app: only those about this app.
            kind: `call` or `effect`; None: both.
        """
        params = {"after": str(after), "app": app, "kind": kind}
        wanted = {name: value for name, value in params.items() if value is not None}
        return list(self._call("GET", "journal", params=wanted))

    def state(self) -> dict[str, Any]:
        """Every app and slot, as the simulator has them."""
        return dict(self._call("GET", "state"))

    # -- setting up --

    def set_quirks(self, **switches: Any) -> dict[str, Any]:
        """Sets switches; all of them come back."""
        return dict(self._call("PATCH", "quirks", json=switches))

    def put_package(self, name: str, package: bytes) -> str:
        """Keeps a package and returns an address to deploy it from."""
        return str(self._call("PUT", f"packages/{name}", content=package)["url"])

    def put_image(self, image: str, package: bytes) -> None:
        """Registers what a container image runs."""
        self._call("PUT", f"images/{image}", content=package)

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self._client.request(method, f"{self._root}/{path}", **arguments)
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise ValueError(answer.json()["error"])
        return answer.raise_for_status().json()
