"""Which process is at the other end of a connection, as Linux tells it.

psutil can tell too, but by looking at every connection and at every file of every process each time: on a busy machine
that takes a tenth of a second.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from weakref import WeakKeyDictionary

import aiohttp.web

PROC = Path("/proc")

SOCK_DIAG, REQUEST, DIAG_BY_FAMILY, ANY_STATE, NO_COOKIE = 4, 1, 20, 0xFFFFFFFF, b"\xff" * 8
"""Numbers of sock_diag(7) and of linux/inet_diag.h."""

DIAGNOSIS = struct.Struct("=IHHII BBBBI")
"""nlmsghdr, and inet_diag_req_v2 up to the addresses, which are 48 bytes."""

INODE_AT = 84
"""Where a sock_diag answer has the inode, behind nlmsghdr (16), states (4), addresses (48), and four numbers (16)."""


class Callers:
    """Process ids by connection, looked up once for each. None where the kernel does not tell."""

    def __init__(self) -> None:
        self._by_connection: WeakKeyDictionary[asyncio.Transport, int | None] = WeakKeyDictionary()
        self._seen: list[int] = []

    def pid(self, request: aiohttp.web.Request) -> int | None:
        """The process that sent the request; None if it has gone, or is not one that this user may look at."""
        transport = request.transport
        if transport is None:
            return None
        if transport not in self._by_connection:
            there, here = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
            self._by_connection[transport] = self._owner(there, here)
        return self._by_connection[transport]

    def _owner(self, there: tuple[str, int], here: tuple[str, int]) -> int | None:
        inode = _inode(there, here)
        if inode is None:
            return None
        # Those that called before call again; of the others, the youngest is likeliest.
        pid = next((pid for pid in (*reversed(self._seen), *_processes()) if _holds(pid, inode)), None)
        while pid and (parent := _parent(pid)) and _holds(parent, inode):
            pid = parent  # a forked child has its parent's sockets too; it is the parent that opened this one
        if pid and pid not in self._seen:
            self._seen = [seen for seen in self._seen if (PROC / str(seen)).exists()] + [pid]
        return pid


def _inode(there: tuple[str, int], here: tuple[str, int]) -> int | None:
    """The inode of the socket whose own address is `there`; None if the kernel knows no such socket."""
    addresses = struct.pack("!HH", there[1], here[1])
    addresses += b"".join(socket.inet_aton(address).ljust(16, b"\0") for address, _ in (there, here))
    addresses += bytes(4) + NO_COOKIE
    question = DIAGNOSIS.pack(
        DIAGNOSIS.size + len(addresses), DIAG_BY_FAMILY, REQUEST, 0, 0,
        socket.AF_INET, socket.IPPROTO_TCP, 0, 0, ANY_STATE,
    )  # fmt: skip
    # AttributeError: only Linux has netlink.
    with suppress(OSError, AttributeError), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as kernel:
        kernel.send(question + addresses)
        answer = kernel.recv(4096)
        if struct.unpack_from("=H", answer, 4)[0] == DIAG_BY_FAMILY:
            return int(struct.unpack_from("=I", answer, INODE_AT)[0])
    return None


def _processes() -> Iterator[int]:
    with suppress(OSError):
        yield from sorted((int(path.name) for path in PROC.iterdir() if path.name.isdecimal()), reverse=True)


def _holds(pid: int, inode: int) -> bool:
    wanted = f"socket:[{inode}]"
    with suppress(OSError), os.scandir(PROC / str(pid) / "fd") as files:
        for file in files:
            with suppress(OSError):
                if os.readlink(file.path) == wanted:  # noqa: PTH115 - thousands of files: pathlib takes thrice as long
                    return True
    return False


def _parent(pid: int) -> int | None:
    with suppress(OSError):
        # After the command's name, which can hold anything, come the state and the parent (proc_pid_stat(5)).
        return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    return None
