"""Addresses of packages, without what must not be shown."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


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
    """The parts of a package's address that no log may show: its query and each value of that query."""
    try:
        query = urlsplit(url).query
    except ValueError:
        return []
    signature = [pair.partition("=")[2] for pair in query.split("&") if pair.startswith(("sig=", "sv=", "se="))]
    # Short values (a version number, say) would black out ordinary words of the log.
    return [query, *[value for value in signature if len(value) >= 16]] if query else []
