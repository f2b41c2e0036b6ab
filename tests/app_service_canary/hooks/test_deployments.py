"""Deployments as Kudu writes them."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from app_service_canary.errors import TransientAzureError
from app_service_canary.hooks.deployments import (
    begun_deployment,
    deployment_status,
    has_ended,
    properties_in,
    replaced_by,
    unknown_beside,
)
from app_service_canary.release.app_state import Deployment, OperationStatus


def answer(text: str, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    """An answer with this body."""
    return SimpleNamespace(status_code=status, headers=headers or {}, text=lambda: text, json=lambda: json.loads(text))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"SCM-DEPLOYMENT-ID": "d-1", "Location": "https://arm/d-1"}, Deployment("d-1", "https://arm/d-1")),
        ({"SCM-DEPLOYMENT-ID": "d-1"}, Deployment("d-1", "https://arm/latest")),
        ({}, Deployment("", "https://arm/latest")),
    ],
)
def test_a_deployment_that_was_begun_is_known_by_its_id_and_where_to_ask(
    headers: dict[str, str], expected: Deployment
) -> None:
    assert begun_deployment(answer("", 202, headers), "Deploying", "https://arm/latest") == expected


def test_a_deployment_that_is_told_of_at_once_was_begun() -> None:
    told = answer('{"properties": {"id": "d-1"}}', 200, {"SCM-DEPLOYMENT-ID": "d-1"})
    assert begun_deployment(told, "Deploying", "https://arm/latest") == Deployment("d-1", "https://arm/latest")


@pytest.mark.parametrize("text", ["<html>", "", "{}"])
def test_an_answer_that_tells_of_no_deployment_is_none_that_was_begun(text: str) -> None:
    with pytest.raises(TransientAzureError, match=r"^Deploying: Azure's answer could not be read: "):
        begun_deployment(answer(text), "Deploying", "https://arm/latest")


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"properties": {"id": "d-1"}}', {"id": "d-1"}), ("", {}), (" \n", {}), ("{}", {}), ('{"properties": null}', {})],
)
def test_the_properties_of_an_answer_are_none_while_nothing_is_known_yet(text: str, expected: dict[str, Any]) -> None:
    assert properties_in(answer(text), "Asking") == expected


@pytest.mark.parametrize("text", ["<html>", '{"properties": {"id"', "[]", '"x"', "null", '{"properties": 7}'])
def test_an_answer_that_is_no_resource_is_worth_another_try(text: str) -> None:
    with pytest.raises(TransientAzureError, match=r"^Asking: Azure's answer could not be read: "):
        properties_in(answer(text), "Asking")


@pytest.mark.parametrize(("status", "expected"), [(0, False), (1, False), (2, False), (3, True), (4, True)])
def test_a_deployment_has_ended_when_it_succeeded_or_failed(status: int, expected: bool) -> None:
    assert has_ended({"status": status}) is expected
    assert deployment_status({"status": status}).done is expected


def test_a_deployment_of_which_nothing_is_known_has_not_ended() -> None:
    assert not has_ended({})
    assert deployment_status({}) == OperationStatus(done=False)


@pytest.mark.parametrize(
    ("properties", "failure"),
    [
        ({"status_text": "The app did not start."}, "The app did not start."),
        ({"status_text": "", "message": "OneDeploy"}, "OneDeploy"),
        ({}, "no reason given"),
        ({"status_text": "No https://h/w.zip?sig=0123456789abcdef there."}, "No https://h/w.zip?*** there."),
        ({"status_text": "No https://h/w.zip?key=0123456789abcdef there."}, "No https://h/w.zip?*** there."),
    ],
)
def test_a_deployment_that_failed_says_why_without_signatures(properties: dict[str, str], failure: str) -> None:
    assert deployment_status({"status": 3, **properties}) == OperationStatus(done=True, failure=failure)


OTHER = {"id": "d-2", "status": 4, "deployer": "maria"}


def test_a_deployment_that_somebody_elses_replaced_has_failed() -> None:
    status = replaced_by(OTHER, {"id": "d-1", "status": 4})
    assert status == OperationStatus(True, failure="Deployment d-2 by maria came after it and took its place.")


@pytest.mark.parametrize("ours", [{}, {"id": "d-1", "status": 2}])
def test_while_ours_goes_on_the_latest_that_ended_is_only_the_one_before(ours: dict[str, Any]) -> None:
    assert replaced_by(OTHER, ours) == OperationStatus(done=False)


def test_a_slot_that_knows_another_deployment_and_not_ours_says_which() -> None:
    assert unknown_beside(OTHER) == OperationStatus(done=False, unknown_beside="Deployment d-2 by maria")


def test_a_deployment_that_failed_says_its_own_reason_whatever_came_after_it() -> None:
    ours = {"id": "d-1", "status": 3, "status_text": "It did not start."}
    assert replaced_by(OTHER, ours) == OperationStatus(done=True, failure="It did not start.")
