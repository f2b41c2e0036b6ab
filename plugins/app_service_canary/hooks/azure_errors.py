"""Azure's two shapes of error, read into one tree.

Azure Resource Manager answers `{"error": {"code", "message"}}`; App Service itself answers
`{"Code", "Message", "Details": [{"ErrorEntity": {"ExtendedCode", …}}]}`, which Microsoft's client cannot read
and shows as a bare "Conflict".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app_service_canary.errors import (
    AppServiceCanaryError,
    AzureRequestRejected,
    AzureResourceMissing,
    OperationInProgress,
    TransientAzureError,
)
from app_service_canary.release.masking import without_queries

IN_PROGRESS_CODES = ("59202", "59203", "59206")
"""App Service's extended codes for "another operation is in progress" on the webspace or the site, and for
"cannot acquire exclusive lock"."""

IN_PROGRESS_WORDS = ("another operation is in progress", "deployment currently in progress", "auto swap deployment")
"""How App Service and Kudu (https://github.com/projectkudu/kudu, PushDeploymentController) say it without a code."""

PREPARED_WORDS = "prepared for swap"
"""How App Service refuses changes to a slot on which a swap with preview was begun, or a swap failed, and which
waits for either its other half or resetSlotConfig."""

EXPIRED_TOKEN = "ExpiredAuthenticationToken"  # noqa: S105 - Azure's code, not a token
"""A 401 that a new token mends: the request was not carried out."""

ODD_BODY = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What Microsoft's client raises when a body is not what its model expects. No error of ours is one of these."""

NOT_FROM_ENTRA = "Unexpected response from Microsoft Entra ID"
"""What azure-identity says of an answer that is neither a token nor a refusal, as a page of something in between."""

ERRORS_FROM = 400
"""The first HTTP status that is an error."""

PASSING_STATUSES = (408, 429, 500, 502, 503, 504)
"""Statuses after which the same request may succeed."""


def read_error(body: str) -> tuple[str | None, str]:
    """The most specific code and the message of an error's body, whichever shape it has."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None, _shortened(body)
    if not isinstance(content, dict):
        return None, _shortened(body)
    error = content.get("error", content)
    if isinstance(error, str):  # Entra ID: {"error": "invalid_client", "error_description": …}
        return error, _shortened(str(content.get("error_description", "")))
    if not isinstance(error, dict):
        return None, _shortened(body)
    code = _extended_code(error) or error.get("code") or error.get("Code")
    message = error.get("message") or error.get("Message") or ""
    return (str(code) if code else None), _shortened(str(message))


def _extended_code(error: dict[str, Any]) -> str | None:
    details = error.get("Details") or error.get("details") or []
    for detail in details if isinstance(details, list) else []:
        entity = detail.get("ErrorEntity") if isinstance(detail, dict) else None
        if isinstance(entity, dict) and entity.get("ExtendedCode"):
            return str(entity["ExtendedCode"])
    return None


def _shortened(text: str, limit: int = 600) -> str:
    # No more than a sentence is shown, and what is cut off need not be looked through.
    text = without_queries(" ".join(text[: 8 * limit].split()))
    return text if len(text) <= limit else f"{text[:limit]}…"


def error_of(doing: str, status: int, body: str, retry_after: str | None = None) -> AppServiceCanaryError:
    """The error for an answer that is one.

    Args:
        doing: what was being done, to which app and slot: `Stopping slot 'stage' of app 'storefront'`.
        status: HTTP status, 400 or more.
        body: the answer's body.
        retry_after: the Retry-After header, if it came with one.
    """
    code, message = read_error(body)
    sentence = f"{doing}: Azure answered {status}{f' {code}' if code else ''}: {message or '(no reason given)'}"
    details: dict[str, Any] = {
        "status": status,
        "code": code,
        "retry_after": float(retry_after) if retry_after and re.fullmatch("[0-9]{1,9}", retry_after) else None,
    }
    if code in IN_PROGRESS_CODES or any(words in message for words in IN_PROGRESS_WORDS):
        return OperationInProgress(sentence, **details)
    if status in PASSING_STATUSES or code == EXPIRED_TOKEN:
        return TransientAzureError(sentence, **details)
    if status == 404:
        return AzureResourceMissing(f"{sentence} Check the names in the release file.", **details)
    if status in (401, 403):
        sentence += " Check the connection's secret and the role given to its identity (README, “Permissions”)."
    if PREPARED_WORDS in message:
        sentence += " Cancel that swap: az webapp deployment slot swap --action reset -g … -n … --slot …"
    return AzureRequestRejected(sentence, **details)


def body_of(response: Any) -> str:
    """An answer's body as text, whatever its bytes are and its headers say of them."""
    try:
        return str(response.text())
    except (UnicodeError, LookupError):
        return bytes(response.body() if callable(response.body) else response.content).decode("utf-8", "replace")


def unreadable(doing: str, why: object) -> TransientAzureError:
    """The error for an answer that says it went well and cannot be read: cut off, or from something in between."""
    return TransientAzureError(f"{doing}: Azure's answer could not be read: {_shortened(str(why))}")


@contextmanager
def azure_errors(doing: str) -> Iterator[None]:
    """Turns what Microsoft's clients raise into this package's errors; `doing` as in `error_of`."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError, DecodeError, HttpResponseError

    try:
        yield
    except (DecodeError, *ODD_BODY) as error:
        raise unreadable(doing, f"{type(error).__name__}: {error}") from error
    except HttpResponseError as error:
        if NOT_FROM_ENTRA in error.message or (error.response is not None and (error.status_code or 0) < ERRORS_FROM):
            raise unreadable(doing, error.message) from error
        if error.response is None:
            kind = AzureRequestRejected if isinstance(error, ClientAuthenticationError) else TransientAzureError
            raise kind(f"{doing}: {_shortened(error.message)}") from error
        headers = error.response.headers
        body = body_of(error.response)
        raise error_of(doing, error.status_code or 0, body, headers.get("Retry-After")) from error
    except AzureError as error:  # no answer: a connection that could not be made, or broke
        raise TransientAzureError(f"{doing}: Azure could not be reached: {_shortened(error.message)}") from error
