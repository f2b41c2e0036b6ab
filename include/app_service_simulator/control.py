"""`/_simulator/`: looking inside and setting things up, for tests and demonstrations; never on an Azure path."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp.web

from app_service_simulator.journal import CALL, EFFECT
from app_service_simulator.packages import PackageUnusable
from app_service_simulator.simulator import Simulator
from app_service_simulator.slot import Slot

HELP = {
    "GET /_simulator/": "this help",
    "GET /_simulator/state": "every app and slot: version of content, state, rules, processes",
    "PUT, GET /_simulator/packages/{name}": "keep a package, and serve it whatever the query",
    "PUT /_simulator/images/{registry/app:tag}": "register what a container image runs (a zip)",
    "GET, PATCH /_simulator/quirks": "the switches for doubtful facts",
    "GET, PUT, POST, DELETE /_simulator/faults": "faults that calls will meet; PUT replaces, POST adds",
    "DELETE /_simulator/faults/{id}": "removes one fault",
    "GET, PUT, DELETE /_simulator/roles": "custom roles that the service principal has; without, it may do everything",
    "GET /_simulator/journal?after=N&app=NAME&kind=call|effect": "calls and effects so far",
}

Answer = Callable[[aiohttp.web.Request, str], Awaitable[aiohttp.web.Response]]


class Control:
    """Answers the controls. They need no token: only this machine can reach the port."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._routes: list[tuple[str, re.Pattern[str], Answer]] = [
            ("GET", re.compile(r"/_simulator"), self._help),
            ("GET", re.compile(r"/_simulator/state"), self._state),
            ("GET", re.compile(r"/_simulator/journal"), self._journal),
            ("GET", re.compile(r"/_simulator/quirks"), self._quirks),
            ("PATCH", re.compile(r"/_simulator/quirks"), self._change_quirks),
            ("GET", re.compile(r"/_simulator/faults"), self._faults),
            ("PUT", re.compile(r"/_simulator/faults"), self._replace_faults),
            ("POST", re.compile(r"/_simulator/faults"), self._add_faults),
            ("DELETE", re.compile(r"/_simulator/faults"), self._clear_faults),
            ("DELETE", re.compile(r"/_simulator/faults/(\d+)"), self._remove_fault),
            ("GET", re.compile(r"/_simulator/roles"), self._roles),
            ("PUT", re.compile(r"/_simulator/roles"), self._assign_roles),
            ("DELETE", re.compile(r"/_simulator/roles"), self._clear_roles),
            ("GET", re.compile(r"/_simulator/packages/(.+)"), self._package),
            ("PUT", re.compile(r"/_simulator/packages/(.+)"), self._put_package),
            ("PUT", re.compile(r"/_simulator/images/(.+)"), self._put_image),
        ]

    async def answer(self, request: aiohttp.web.Request, path: str) -> aiohttp.web.Response:
        """The answer; 404 with the help for what does not exist, 400 with the reason for what is not in order."""
        for method, pattern, answer in self._routes:
            match = pattern.fullmatch(path)
            if match and method == request.method:
                try:
                    return await answer(request, match.group(1) if match.groups() else "")
                except (ValueError, PackageUnusable) as error:
                    return aiohttp.web.json_response({"error": str(error)}, status=400)
        return aiohttp.web.json_response({"error": "no such control", "controls": HELP}, status=404)

    async def _help(self, request: aiohttp.web.Request, _: str) -> aiohttp.web.Response:
        return aiohttp.web.json_response(HELP)

    async def _state(self, request: aiohttp.web.Request, _: str) -> aiohttp.web.Response:
        simulator = self._simulator
        apps = {
            site.name: {name: _slot_state(slot) for name, slot in site.slots.items()}
            for site in simulator.world.sites.values()
        }
        state = {
            "speed": simulator.clock.speed,
            "apps": apps,
            "packages": simulator.packages.names(),
            "images": simulator.images.names(),
        }
        return aiohttp.web.json_response(state)

    async def _journal(self, request: aiohttp.web.Request, _: str) -> aiohttp.web.Response:
        after, app, kind = int(request.query.get("after", "0")), request.query.get("app"), request.query.get("kind")
        if kind not in (None, CALL, EFFECT):
            raise ValueError(f"kind is {kind!r}; {CALL} or {EFFECT} is expected")
        return aiohttp.web.json_response(self._simulator.journal.after(after, app, kind))

    async def _quirks(self, request: aiohttp.web.Request, _: str) -> aiohttp.web.Response:
        return aiohttp.web.json_response(self._simulator.quirks.as_dict())

    async def _change_quirks(self, request: aiohttp.web.Request, _: str) -> aiohttp.web.Response:
        changes = json.loads(await request.text())
        if not isinstance(changes, dict):
            raise ValueError("an object of switches is expected")
        self._simulator.quirks.change(changes)
        return await self._quirks(request, "")

    async def _faults(self, request: aiohttp.web.Request, _: str) -> aiohttp.web.Response:
        return aiohttp.web.json_response(self._simulator.faults.as_json())

    async def _replace_faults(self, request: aiohttp.web.Request, _: str) -> aiohttp.web.Response:
        self._simulator.faults.replace(json.loads(await request.text()))
        return await self._faults(request, "")

    async def _add_faults(self, request: aiohttp.web.Request, _: str) -> aiohttp.web.Response:
        orders = self._simulator.faults.add(json.loads(await request.text()))
        return aiohttp.web.json_response([order.as_json() for order in orders], status=201)

    async def _clear_faults(self, request: aiohttp.web.Request, _: str) -> aiohttp.web.Response:
        self._simulator.faults.clear()
        return await self._faults(request, "")

    async def _remove_fault(self, request: aiohttp.web.Request, number: str) -> aiohttp.web.Response:
        self._simulator.faults.remove(int(number))
        return await self._faults(request, "")

    async def _roles(self, request: aiohttp.web.Request, _: str) -> aiohttp.web.Response:
        return aiohttp.web.json_response(self._simulator.roles.as_json())

    async def _assign_roles(self, request: aiohttp.web.Request, _: str) -> aiohttp.web.Response:
        self._simulator.roles.assign(json.loads(await request.text()))
        return await self._roles(request, "")

    async def _clear_roles(self, request: aiohttp.web.Request, _: str) -> aiohttp.web.Response:
        self._simulator.roles.clear()
        return await self._roles(request, "")

    async def _package(self, request: aiohttp.web.Request, name: str) -> aiohttp.web.Response:
        package = self._simulator.packages.find(name)
        if package is None:
            raise aiohttp.web.HTTPNotFound(text="BlobNotFound: The specified blob does not exist.")
        return aiohttp.web.Response(body=package, content_type="application/zip")

    async def _put_package(self, request: aiohttp.web.Request, name: str) -> aiohttp.web.Response:
        self._simulator.packages.put(name, await request.read())
        url = f"https://{request.host}/_simulator/packages/{name}"
        return aiohttp.web.json_response({"url": url}, status=201)

    async def _put_image(self, request: aiohttp.web.Request, image: str) -> aiohttp.web.Response:
        package = await request.read()
        await asyncio.to_thread(self._simulator.images.register, image, package)
        return aiohttp.web.json_response({"image": image}, status=201)


def _slot_state(slot: Slot) -> dict[str, Any]:
    return {
        "host": slot.host,
        "state": "Running" if slot.running else "Stopped",
        "deployment_id": slot.content.deployment_id,
        "image": slot.image,
        "rules": slot.rules,
        "target_swap_slot": slot.target_swap_slot,
        "prepared_for_swap": slot.preparation is not None,
        "processes": [worker.pid for worker in slot.workers if worker.alive],
    }
