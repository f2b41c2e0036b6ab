"""Doing something at the very moment of a call."""

from collections.abc import Iterator

import httpx
import pytest
from chaos.callbacks import Callbacks


@pytest.fixture
def callbacks() -> Iterator[Callbacks]:
    server = Callbacks()
    yield server
    server.close()


def test_the_function_has_returned_before_the_answer_comes(callbacks: Callbacks) -> None:
    done: list[str] = []
    url = callbacks.expect(lambda: done.append("done"))
    assert done == []
    assert httpx.post(url, json={"n": 1}).status_code == 204
    assert done == ["done"]


def test_an_address_works_once(callbacks: Callbacks) -> None:
    done: list[str] = []
    url = callbacks.expect(lambda: done.append("done"))
    assert [httpx.post(url).status_code for _ in range(2)] == [204, 404]
    assert done == ["done"]
