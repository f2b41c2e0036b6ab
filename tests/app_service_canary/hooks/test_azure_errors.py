"""Azure's two shapes of error, and Entra ID's."""

import json
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, DecodeError, HttpResponseError, ServiceRequestError
from hypothesis import given
from hypothesis import strategies as st

from app_service_canary.errors import (
    AppServiceCanaryError,
    AzureAnswer,
    AzureRequestRejected,
    AzureResourceMissing,
    OperationInProgress,
    TransientAzureError,
)
from app_service_canary.hooks.azure_errors import azure_errors, error_of, read_error

DOING = "Stopping slot 'stage' of app 'storefront'"
SIGNED = "https://h/web.zip?sv=1&sig=0123456789abcdef%3D"


def of_resource_manager(code: str, message: str) -> str:
    """An error as Azure Resource Manager writes it."""
    return json.dumps({"error": {"code": code, "message": message}})


def of_app_service(code: str, message: str | None, extended: str | None = None) -> str:
    """An error as App Service itself writes it."""
    entity = {"ErrorEntity": {"ExtendedCode": extended, "Code": code, "Message": message}}
    details: list[dict[str, Any]] = [{"Message": message}, {"Code": code}, *([entity] if extended else [])]
    return json.dumps({"Code": code, "Message": message, "Target": None, "Details": details, "Innererror": None})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (of_resource_manager("ResourceNotFound", "It was not found."), ("ResourceNotFound", "It was not found.")),
        (of_app_service("Conflict", "Cannot modify."), ("Conflict", "Cannot modify.")),
        (of_app_service("429", "Cannot acquire.", "59206"), ("59206", "Cannot acquire.")),
        (of_app_service("InternalServerError", None), ("InternalServerError", "")),
        (
            '{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."}',
            ("invalid_client", "AADSTS7000215: Invalid client secret."),
        ),
        ("", (None, "")),
        ("There is a\n  deployment", (None, "There is a deployment")),
        ('"a string"', (None, '"a string"')),
        ("[]", (None, "[]")),
        ("{}", (None, "")),
        ('{"error": null}', (None, '{"error": null}')),
        ('{"error": {"code": "X", "details": null}}', ("X", "")),
        ('{"error": {"code": "X", "details": [null, 1, {"ErrorEntity": null}]}}', ("X", "")),
    ],
)
def test_code_and_message_are_read_from_every_shape(body: str, expected: tuple[str | None, str]) -> None:
    assert expected == read_error(body)


@given(st.integers(400, 599), st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps), st.text())
def test_any_answer_gives_an_error_that_says_what_was_being_done(status: int, body: str, retry_after: str) -> None:
    error = error_of(DOING, status, body, retry_after if retry_after.isascii() else None)

    assert isinstance(error, AppServiceCanaryError)
    assert str(error).startswith(f"{DOING}: Azure answered {status}")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_worth_another_try(status: int) -> None:
    assert type(error_of(DOING, status, "")) is TransientAzureError


@pytest.mark.parametrize("status", [400, 401, 403, 405, 409, 412, 417, 501])
def test_what_azure_refuses_is_not(status: int) -> None:
    assert type(error_of(DOING, status, "")) is AzureRequestRejected


def test_a_missing_resource_has_an_error_of_its_own() -> None:
    error = error_of(DOING, 404, of_resource_manager("ResourceNotFound", "It was not found."))

    assert type(error) is AzureResourceMissing
    assert str(error) == (
        f"{DOING}: Azure answered 404 ResourceNotFound: It was not found. Check the names in the release file."
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (409, of_app_service("Conflict", "Cannot modify this site.", "59203")),
        (409, of_app_service("Conflict", "Cannot modify this webspace.", "59202")),
        (429, of_app_service("429", "Cannot acquire exclusive lock.", "59206")),
        (409, of_app_service("Conflict", "Cannot modify this site because another operation is in progress.")),
        (409, "There is a deployment currently in progress. Please try again when it completes."),
        (409, "There is an auto swap deployment currently ongoing please try again when it completes."),
    ],
)
def test_an_app_that_is_being_worked_on_is_worth_waiting_for(status: int, body: str) -> None:
    assert type(error_of(DOING, status, body)) is OperationInProgress


def test_a_slot_prepared_for_a_swap_is_not_waited_for() -> None:
    body = of_app_service(
        "Conflict", "The slot cannot be changed because its configuration settings have been prepared for swap."
    )

    assert type(error_of(DOING, 409, body)) is AzureRequestRejected


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_rights_says_what_to_check(status: int) -> None:
    assert "Check the connection's secret and the role given to its identity" in str(error_of(DOING, status, ""))


@pytest.mark.parametrize(
    ("header", "expected"), [(None, None), ("", None), ("0", 0.0), ("15", 15.0), ("Mon, 23 Nov 2026", None)]
)
def test_what_azure_said_is_kept_beside_the_sentence(header: str | None, expected: float | None) -> None:
    error = error_of(DOING, 429, of_resource_manager("TooManyRequests", "Slow down."), header)

    assert isinstance(error, AzureAnswer)
    assert (429, "TooManyRequests", expected) == (error.status, error.code, error.retry_after)


def test_a_long_message_is_shortened() -> None:
    assert len(str(error_of(DOING, 500, "x" * 100_000))) < 1000


def test_an_answer_without_a_reason_says_so() -> None:
    assert str(error_of(DOING, 500, "")) == f"{DOING}: Azure answered 500: (no reason given)"


@pytest.mark.parametrize("body", [SIGNED, of_resource_manager("BadRequest", f"No package at {SIGNED}.")])
def test_a_signature_that_azure_quotes_is_not_passed_on(body: str) -> None:
    said = str(error_of(DOING, 400, body))

    assert "https://h/web.zip?***" in said
    assert "0123456789abcdef" not in said


def test_a_connection_that_broke_is_worth_another_try() -> None:
    said = f"^{DOING}: Azure could not be reached: no route"
    with pytest.raises(TransientAzureError, match=said) as raised, azure_errors(DOING):
        raise ServiceRequestError("no route")

    assert isinstance(raised.value.__cause__, ServiceRequestError)


def test_a_credential_that_nobody_gave_is_not() -> None:
    with pytest.raises(AzureRequestRejected, match=f"^{DOING}: no managed identity"), azure_errors(DOING):
        raise ClientAuthenticationError("no managed identity")


def test_a_broken_answer_is_worth_another_try() -> None:
    with pytest.raises(TransientAzureError, match=f"^{DOING}: cut off"), azure_errors(DOING):
        raise HttpResponseError("cut off")


@pytest.mark.parametrize("error", [DecodeError("cut off"), json.JSONDecodeError("Expecting value", "<html>", 0)])
def test_an_answer_that_cannot_be_read_is_worth_another_try(error: Exception) -> None:
    with pytest.raises(TransientAzureError, match=f"^{DOING}: Azure's answer could not be read: "), azure_errors(DOING):
        raise error


def test_an_expired_token_is_worth_another_try_for_a_new_one_mends_it() -> None:
    expired = of_resource_manager("ExpiredAuthenticationToken", "The access token expiry UTC time is in the past.")

    assert type(error_of(DOING, 401, expired)) is TransientAzureError
    assert type(error_of(DOING, 401, of_resource_manager("InvalidAuthenticationToken", "No."))) is AzureRequestRejected


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), AzureResourceMissing("no slot")])
def test_anything_else_passes_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, azure_errors(DOING):
        raise error

    assert raised.value is error


def test_a_page_in_place_of_entra_ids_answer_is_worth_another_try() -> None:
    page = ClientAuthenticationError(message="Unexpected response from Microsoft Entra ID: <!DOCTYPE html>")

    with pytest.raises(TransientAzureError, match="could not be read"), azure_errors(DOING):
        raise page
