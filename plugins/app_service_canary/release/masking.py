"""Addresses of packages, without what must not be shown."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

SHORTEST_SECRET = 16
"""Characters. Shorter values of a query (a version number, say) would black out ordinary words of the log."""

_SIGNATURE = re.compile(r"(\bsig=)[^&\s\"'<>]+", re.IGNORECASE)
"""How a shared access signature stands in an address."""


def without_secrets(url: str) -> str:
    """The address with its query, fragment and user information hidden.

    A package's address usually carries a shared access signature (SAS) in its query: whoever reads it can
    read the package.
    """
    try:
        parts = urlsplit(url)
        # An address with a password in it hides that too.
        netloc = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "(an address that cannot be read)"
    query = "***" if parts.query else ""
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


def secrets_of(url: str) -> list[str]:
    """The parts of a package's address that no log may show: its query, each longer value in it, its password.

    Each as it stands in the address and as it reads decoded, for both turn up in error messages.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    user = parts.netloc.rpartition("@")[0]
    values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    found = [parts.query, user.partition(":")[2], *[value for value in values if len(value) >= SHORTEST_SECRET]]
    return sorted({form for secret in found if secret for form in (secret, unquote(secret))})


def without_signatures(text: str) -> str:
    """A text of Azure's that may quote a package's address, without the signature in it."""
    return _SIGNATURE.sub(r"\1***", text)
