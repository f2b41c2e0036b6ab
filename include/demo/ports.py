"""Free TCP ports on the loopback interface."""

import socket

LOOPBACK = "127.0.0.1"
ANY = 0  # the kernel chooses


def free_port(preferred: int = ANY) -> int:
    """The preferred port if it can be bound, else one that the kernel says is free.

    The port is let go again before its user binds it, so another program could take it in between; that user
    then fails to start, with its own log saying so. A socket in TIME_WAIT does not count as in use, as it
    does not for the servers that follow.
    """
    for port in (preferred, ANY):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((LOOPBACK, port))
            except OSError:
                continue
            bound: int = candidate.getsockname()[1]
            return bound
    raise OSError("no free TCP port on the loopback interface")
