"""Where a release's package or image comes from: read strictly, so that what is checked is what Azure is given.

Programs differ in which host they see in a malformed address (`https://good@evil/`, `https://good\\@evil/`, a tab or
a dot too many). Only addresses in which they all see the same one are taken, and those are handed on unchanged.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from ipaddress import IPv6Address
from urllib.parse import parse_qs, urlsplit

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.release.masking import cautiously
from app_service_canary.release.policy import Artifact
from app_service_canary.release.quoting import quoted

END = r"$(?!\n)"
"""The end of the text. In Python a bare `$` also stands before a last line break; in a form's JavaScript `\\Z` is
nothing."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"
_PORT = r"[1-9][0-9]{0,4}"
PACKAGE_PATTERN = rf'^(https?)://({_HOST}|\[[0-9A-Fa-f:.]+\])(?::({_PORT}))?/[^\s\\#<>"`{{}}|^]+{END}'
"""Scheme, host and port of a package's address (RFC 3986), without a user in it, and with a path."""

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REGISTRY = r"[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?"
_DIGEST = r"@sha256:[0-9a-f]{64}"
IMAGE_PATTERN = (
    rf"^(?:{_REGISTRY}(?::{_PORT})?/)?{_PART}(?:/{_PART})*"
    rf"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}(?:{_DIGEST})?|{_DIGEST}){END}"
)
"""An image with a tag or a digest (https://github.com/distribution/reference)."""

LONGEST_ADDRESS = 4096
"""Characters. A blob's address with a shared access signature has a few hundred; servers refuse far longer ones."""

LONGEST_IMAGE = 512
"""Characters: a name has at most 255 (https://github.com/distribution/reference), a tag 128, a digest 71."""

DEFAULT_REGISTRY = "docker.io"
"""Where an image comes from that names no registry."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


def package_address(found: object, artifact: Artifact, *, allow_http: bool = False) -> str:
    """A package's address as it was given.

    Args:
        found: the run parameter `package_uri`.
        artifact: names the hosts that packages may come from, if not any.
        allow_http: the connection allows plain http.

    Raises:
        InvalidReleasePlan: it is no such address, or leads to another host.
    """
    match = re.match(PACKAGE_PATTERN, found) if isinstance(found, str) and len(found) <= LONGEST_ADDRESS else None
    if not match or not str(found).isprintable() or (match[1] == "http" and not allow_http):
        raise _refused("package_uri", found, _allowed_address(allow_http))
    scheme, host, port = match[1], match[2], int(match[3] or _DEFAULT_PORTS[match[1]])
    if port > 65535 or not _is_an_address(host):
        raise _refused("package_uri", found, _allowed_address(allow_http))
    if artifact.hosts and not any(_is_from(entry, host, port, _DEFAULT_PORTS[scheme]) for entry in artifact.hosts):
        raise _refused("package_uri", found, f"packages from {_listed(artifact)}")
    return str(found)


def signature_end(address: str) -> datetime | None:
    """When the address's shared access signature ends, in UTC; None: it has none, or none with a readable end.

    `se` is its end, in UTC, and `sig` the signature
    (https://learn.microsoft.com/rest/api/storageservices/create-service-sas).
    """
    try:
        query = parse_qs(urlsplit(address).query)
        end = datetime.fromisoformat(query.get("se", [""])[0].replace("Z", "+00:00"))
        known = end if end.tzinfo else end.replace(tzinfo=timezone.utc)
        return known.astimezone(timezone.utc) if "sig" in query else None
    except (OverflowError, ValueError):
        return None


def refuse_an_ended_signature(address: str, now: datetime) -> None:
    """Refuses a package's address with which nobody can download it any more.

    Args:
        address: the run parameter `package_uri`, read already; an image has no signature.
        now: the moment.

    Raises:
        InvalidReleasePlan: its signature has ended; says when.
    """
    end = signature_end(address)
    if end is not None and end <= now:
        raise InvalidReleasePlan(
            f"Parameter package_uri: found {quoted(cautiously(address))}, whose signature ended "
            f"{end:%Y-%m-%d %H:%M} UTC; allowed: an address that the slot can still download. Give a new signature."
        )


def image_reference(found: object, artifact: Artifact) -> str:
    """A container image as it was given.

    Args:
        found: the run parameter `image`.
        artifact: names the registries that images may come from, if not any.

    Raises:
        InvalidReleasePlan: it is no image with a tag or digest, or from another registry.
    """
    if found is None or found == "":
        raise InvalidReleasePlan("Parameter image: it is missing; allowed: an image such as registry.io/app:2.0.0")
    if not isinstance(found, str) or len(found) > LONGEST_IMAGE or not re.match(IMAGE_PATTERN, found):
        raise _refused("image", found, "an image with a tag or digest, such as registry.io/app:2.0.0")
    host, _, port = registry_of(found).partition(":")
    https = _DEFAULT_PORTS["https"]
    if artifact.hosts and not any(_is_from(entry, host, int(port or https), https) for entry in artifact.hosts):
        raise _refused("image", found, f"images from {_listed(artifact)}")
    return found


def registry_of(image: str) -> str:
    """The registry of an image, with its port if it names one, as Docker reads it.

    What stands before the first slash is a registry only if it has a dot or a port, or is `localhost`:
    https://github.com/distribution/reference/blob/main/normalize.go.
    """
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else DEFAULT_REGISTRY


def _is_from(entry: str, host: str, port: int, default_port: int) -> bool:
    """Whether a host and port are those of one entry of `artifact.hosts`; without a port it means the default one."""
    name, _, entry_port = entry.lower().partition(":")
    if port != int(entry_port or default_port):
        return False
    return host.lower().endswith(name[1:]) if name.startswith("*.") else host.lower() == name


def _is_an_address(host: str) -> bool:
    if not host.startswith("["):
        return True
    try:
        IPv6Address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _refused(name: str, found: object, allowed: str) -> InvalidReleasePlan:
    shown = quoted(cautiously(found) if isinstance(found, str) else found)
    return InvalidReleasePlan(f"Parameter {name}: found {shown}; allowed: {allowed}")


def _allowed_address(allow_http: bool) -> str:
    schemes = "an http:// or https:// address" if allow_http else "an https:// address"
    return (
        f"{schemes} that the slot can download, such as a blob's address with a shared access signature; without a "
        "user, spaces, or signs that have to be percent-encoded"
    )


def _listed(artifact: Artifact) -> str:
    return f"{', '.join(artifact.hosts)} (artifact.hosts of the release file)"
