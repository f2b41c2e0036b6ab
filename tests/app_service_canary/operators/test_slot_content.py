"""What the slot holds, as the way back looks at it."""

import asyncio
import logging
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest
from tests.app_service_canary.task_context import task_context

from app_service_canary.errors import AzureRequestRejected, TransientAzureError
from app_service_canary.operators import slot_content
from app_service_canary.operators.slot_content import SlotContent
from app_service_canary.release.app_state import AppTarget

TARGET = AppTarget("storefront-rg", "storefront", "stage")
KNOWN = SlotContent("stable-id", "canary-id")


PATIENCE = timedelta(minutes=5)


def found_instead(expected: str, *read: Any, patience: timedelta = PATIENCE) -> str:
    """What is found by a client that reads this in turn, an exception being raised, and the last one for ever."""
    hook = AsyncMock()
    hook.read_content.side_effect = [*read, *[read[-1]] * 9]
    return asyncio.run(KNOWN.found_instead(hook, TARGET, expected, patience, logging.getLogger()))


@pytest.mark.parametrize("expected", [KNOWN.stable, KNOWN.canary])
@pytest.mark.parametrize("read", [[KNOWN.stable], [KNOWN.canary], [""], ["of-old", KNOWN.stable]])
def test_one_of_the_two_versions_is_nobody_elses_nor_is_what_is_not_told(expected: str, read: list[str]) -> None:
    assert found_instead(expected, *read) == ""


@pytest.mark.parametrize("expected", [KNOWN.stable, KNOWN.canary])
def test_anything_else_is_somebody_elses_unless_it_was_not_known(expected: str) -> None:
    assert found_instead(expected, "hotfix") == "hotfix"
    assert found_instead("", "hotfix") == ""


def test_trouble_is_borne_for_a_glance_and_then_it_counts_as_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = TransientAzureError("503", status=503)
    assert found_instead(KNOWN.stable, trouble, "hotfix") == "hotfix"
    assert found_instead(KNOWN.stable, AzureRequestRejected("403", status=403)) == ""
    assert found_instead(KNOWN.stable, trouble, patience=timedelta(0)) == ""
    monkeypatch.setattr(slot_content, "A_GLANCE", timedelta(0))
    assert found_instead(KNOWN.stable, trouble) == ""


def test_it_is_what_preflight_and_deploy_left() -> None:
    record = {"before": {}, "production_content": "web:1", "image_os": "linux"}
    context = task_context("restore", preflight=record, deploy={"image": "web:2"})
    content = SlotContent.of(context, "preflight", "deploy")
    assert (content, content.kind) == (SlotContent("web:1", "web:2", "linux"), "image")
    assert KNOWN.kind == "deployment"
