"""Addresses of packages, without what must not be shown."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

SHORTEST_SECRET = 16
"""Characters. Shorter values of a query (a version number, say) would black out ordinary words of the log."""

_SIGNATURE = re.compile(
    r"((?:(?<![a-z])|(?<=%3f)|(?<=%253f))(?:(?:x-amz-|x-goog-)?sig(?:nature)?|(?:[a-z]+[_-]){0,3}token)(?:=|%(?:25)*3d|\\u003d))"
    r"(?:(?!%(?:25)*26|\\)[^&\s\"'<>;])+",
    re.IGNORECASE,
)
"""How a signature or a token stands in an address, also in one that is percent-encoded, in HTML or in JSON."""

_TO_QUERY = r"[^\s?\"<>%]*(?:%(?!(?:25)*3f)[^\s?\"<>%]*)*)(?:\?|%(?:25)*3f)([^\s\"<>]*[^\s\"<>'.,:;)\]])"
"""The rest of an address, up to and with its query, also where that is percent-encoded."""

_ADDRESS = re.compile(r"(https?(?::|%(?:25)*3a)(?:\\?/|%(?:25)*2f){2}[^\s?\"<>%]" + _TO_QUERY, re.IGNORECASE)
"""An address with a query, also one that is percent-encoded or in JSON."""

_WITHOUT_SCHEME = re.compile(r"(?<![\w.\\-])((?:[\w-]+\.)+[\w-]+(?::\d+)?/" + _TO_QUERY, re.IGNORECASE)
"""An address as people write it, by its host."""

_HELP = re.compile(r"(https?://)?([\w-]+\.)*(microsoft\.com|aka\.ms)(/|$)", re.IGNORECASE)
"""The pages that Azure's own messages point to; their queries are part of the help."""

_QUERY = re.compile(r"[?#&;]|%(?:25)*(?:3f|23|26)", re.IGNORECASE)

_USER = re.compile(r"(//)[^/\s?#\"'<>]+@")


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
    """A text that may quote a package's address, without the signature, user and password in it."""
    return _USER.sub(r"\1***@", _SIGNATURE.sub(r"\1***", text))


def without_queries(text: str) -> str:
    """What Azure said, which may quote a package's address: nobody knows what its secret is called there."""

    def hidden(address: re.Match[str]) -> str:
        is_help = _HELP.match(address[1]) and "http" not in address[2].lower()
        return address[0] if is_help else f"{address[1]}?***"

    return without_signatures(_WITHOUT_SCHEME.sub(hidden, _ADDRESS.sub(hidden, text)))


def cautiously(text: str) -> str:
    """What somebody gave as an address and is none, as it may be shown: what follows a query's signs, and what stands
    before an @, may be secret, wherever they are.
    """
    start, user, rest = _QUERY.split(text, maxsplit=1)[0].rpartition("@")
    scheme = re.match(r"[a-z]+://", start)
    return without_signatures(f"{scheme[0] if scheme else ''}***@{rest}" if user else rest)


def without_values(text: str, address: str) -> str:
    """A text that may quote this address, without the secrets in it, whatever they are called there."""
    for secret in sorted(secrets_of(address), key=len, reverse=True):
        text = text.replace(secret, "***")
    return without_signatures(text)
