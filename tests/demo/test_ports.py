"""Free ports: the preferred one if it can be had."""

import socket

from demo.ports import LOOPBACK, free_port


def test_a_port_in_use_is_replaced_by_a_free_one() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        in_use = taken.getsockname()[1]
        assert free_port(in_use) != in_use


def test_a_free_port_is_taken_as_preferred() -> None:
    with socket.create_server((LOOPBACK, 0)) as briefly:
        preferred = briefly.getsockname()[1]
    assert free_port(preferred) == preferred


def test_a_found_port_can_be_served_on() -> None:
    with socket.create_server((LOOPBACK, free_port())) as server:
        assert server.getsockname()[1] > 0
