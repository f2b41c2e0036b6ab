"""One operation at a time, and what became of it."""

import asyncio

import pytest

from app_service_simulator.arm.errors import AppServiceError, bad_request
from app_service_simulator.clock import Clock
from app_service_simulator.operations import Operation, Operations


async def test_an_app_is_held_by_one_operation_and_other_apps_are_free() -> None:
    operations = Operations(Clock())
    with operations.holding("Contoso", "Update"):
        with pytest.raises(AppServiceError) as refused, operations.holding("contoso", "Update"):
            pass
        assert (refused.value.status, refused.value.extended_code) == (409, "59203")
        with operations.holding("fabrikam", "Update"):
            pass
    operations.refuse_if_held("contoso")


async def test_a_failure_is_kept_for_those_who_ask() -> None:
    operations = Operations(Clock())

    async def fail() -> None:
        raise bad_request("no")

    told: list[Operation] = []
    operation = operations.run("contoso", "SwapSiteSlots", fail(), told.append)
    await operations.settled()
    assert told == [operation]
    assert isinstance(operation.failure, AppServiceError)
    assert operations.find(operation.id.upper()) is operation
    assert operations.holder("contoso") is None


async def test_stopping_ends_what_is_under_way() -> None:
    operations = Operations(Clock())
    operation = operations.run("contoso", "SwapSiteSlots", asyncio.Event().wait(), lambda _: None)
    await asyncio.sleep(0)
    await operations.stop()
    assert operation.finished
    assert operations.holder("contoso") is None
