"""Where packages and images may come from."""

from datetime import datetime, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.app_service_canary.release.strategies import junk

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.release.policy import Artifact
from app_service_canary.release.source import (
    image_reference,
    package_address,
    refuse_an_ended_signature,
    registry_of,
)

ANYWHERE = Artifact()
CONTAINER = Artifact.model_validate({"type": "container"})

HOSTS = ("packages.example.com", "*.blob.core.windows.net", "build.example.com:8443", "203.0.113.7")


def only(*hosts: str) -> Artifact:
    """An artifact that may come from these hosts alone."""
    return Artifact.model_validate({"hosts": hosts})


@pytest.mark.parametrize(
    "uri",
    [
        "https://packages.example.com/web.zip",
        "https://packages.example.com:443/web.zip",
        "https://PACKAGES.example.COM/web.zip",
        "https://packages.example.com/a/../b//web.zip?sig=a%2Fb#"[:-1],
        "https://packages.example.com/@scope/web@2.zip",
        "https://contoso.blob.core.windows.net/web/web.zip?sv=1&sig=a%3D",
        "https://a.b.blob.core.windows.net/web.zip",
        "https://build.example.com:8443/web.zip",
        "https://203.0.113.7/web.zip",
    ],
)
def test_a_package_from_one_of_the_hosts_is_taken_as_it_was_given(uri: str) -> None:
    assert uri == package_address(uri, only(*HOSTS))


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/web.zip",
        "https://packages.example.com.evil.example/web.zip",
        "https://evilpackages.example.com/web.zip",
        "https://sub.packages.example.com/web.zip",
        "https://blob.core.windows.net/web.zip",
        "https://evilblob.core.windows.net/web.zip",
        "https://packages.example.com:8443/web.zip",
        "https://build.example.com/web.zip",
        "https://build.example.com:443/web.zip",
        "https://evil.example/https://packages.example.com/web.zip",
        "https://evil.example/?https://packages.example.com/web.zip",
        "https://[2001:db8::1]/web.zip",
        "https://3405803783/web.zip",
        "https://0xcb007107/web.zip",
        "https://xn--pckages-7fg.example.com/web.zip",
    ],
)
def test_a_package_from_another_host_is_refused_with_the_hosts_that_are_allowed(uri: str) -> None:
    with pytest.raises(InvalidReleasePlan) as refused:
        package_address(uri, only(*HOSTS))

    assert str(refused.value).startswith("Parameter package_uri: found ")
    assert str(refused.value).endswith(
        "; allowed: packages from packages.example.com, *.blob.core.windows.net, build.example.com:8443, 203.0.113.7 "
        "(artifact.hosts of the release file)"
    )


@pytest.mark.parametrize(
    "uri",
    [
        "https://packages.example.com@evil.example/web.zip",
        "https://packages.example.com:443@evil.example/web.zip",
        "https://evil.example\\@packages.example.com/web.zip",
        "https://evil.example\\.packages.example.com/web.zip",
        "https://packages.example.com\\@evil.example/web.zip",
        "https:\\\\packages.example.com/web.zip",
        "https:/packages.example.com/web.zip",
        "https:packages.example.com/web.zip",
        "https:///packages.example.com/web.zip",
        "//packages.example.com/web.zip",
        "https://packages.example.com./web.zip",
        "https://.packages.example.com/web.zip",
        "https://packages..example.com/web.zip",
        "https://packages.example.com\t/web.zip",
        "https://pack\nages.example.com/web.zip",
        "https://pack\u00adages.example.com/web.zip",
        "https://packages.example.com\x00.evil.example/web.zip",
        "https://packages.example.com%00.evil.example/web.zip",
        "https://packages%2eexample.com/web.zip",
        "https://packages.example.com%2f@evil.example/web.zip",
        "https://pаckages.example.com/web.zip",  # the second letter is Cyrillic
        "https://packages。example。com/web.zip",
        "https://ｐackages.example.com/web.zip",
        "https://packages.example.com:/web.zip",
        "https://packages.example.com:0/web.zip",
        "https://packages.example.com:0443/web.zip",
        "https://packages.example.com:٤٤٣/web.zip",
        "https://packages.example.com:99999/web.zip",
        "https://packages.example.com:443:443/web.zip",
        "https://packages.example.com?/web.zip",
        "https://packages.example.com#/web.zip",
        "https://packages.example.com#@evil.example/web.zip",
        "https://packages.example.com/web.zip#sig=x",
        "https://packages.example.com/we b.zip",
        "https://packages.example.com/`**approved**`.zip",
        "https://packages.example.com/{{ params }}.zip",
        "https://packages.example.com/<b>.zip",
        "https://packages.example.com/web.zip\n",
        " https://packages.example.com/web.zip",
        "\x01https://packages.example.com/web.zip",
        "\ufeffhttps://packages.example.com/web.zip",
        "https://packages.example.com/web\ud800.zip",
        "https://packages.example.com/web\u202epiz.",
        "HTTPS://packages.example.com/web.zip",
        "https://packages.example.com",
        "https://packages.example.com/",
        "https://[::1/web.zip",
        "https://[::1]evil/web.zip",
        "https://[::]::]/web.zip",
        "https://[fe80::1%25eth0]/web.zip",
        "https://[127.0.0.1]/web.zip",
        "https://-packages.example.com/web.zip",
        f"https://{'a' * 64}.example.com/web.zip",
        f"https://packages.example.com/{'a' * 5000}",
        "http://packages.example.com/web.zip",
        "ftp://packages.example.com/web.zip",
        "file:///etc/passwd",
        "javascript:alert(1)//",
    ],
)
@pytest.mark.parametrize("artifact", [ANYWHERE, only(*HOSTS)], ids=["from anywhere", "from some hosts"])
def test_an_address_in_which_programs_could_see_different_hosts_is_refused(uri: str, artifact: Artifact) -> None:
    with pytest.raises(InvalidReleasePlan, match=r"^Parameter package_uri: found .*; allowed: an https:// address"):
        package_address(uri, artifact)


@pytest.mark.parametrize("uri", ["https://[2001:db8::1]/web.zip", "https://[2001:db8::1]:8443/w", "https://10.0.0.1/w"])
def test_an_address_by_number_is_taken_where_any_host_is(uri: str) -> None:
    assert uri == package_address(uri, ANYWHERE)


def test_plain_http_is_taken_only_where_the_connection_allows_it() -> None:
    uri = "http://packages.example.com/web.zip"

    assert uri == package_address(uri, only("packages.example.com"), allow_http=True)
    assert uri == package_address(uri, only("packages.example.com:80"), allow_http=True)
    with pytest.raises(InvalidReleasePlan, match="allowed: packages from"):
        package_address(uri, only("packages.example.com:443"), allow_http=True)
    with pytest.raises(InvalidReleasePlan, match="allowed: an https:// address"):
        package_address(uri, only("packages.example.com"))


@pytest.mark.parametrize(
    "uri",
    [
        "http://maria:pa55word@host/web.zip?sig=s3cret",
        "maria:pa55word@host/web.zip?sig=s3cret",
        "https:/maria:pa55word@host/web.zip#sig=s3cret",
        "https://maria:pa55word@host\\web.zip&sig=s3cret",
        "https%3A%2F%2Fmaria:pa55word@host%2Fweb.zip%3Fsig%3Ds3cret",
        "sv=2024-11-04&sig=s3cret&maria:pa55word@host",
        "sig=s3cret",
    ],
)
def test_no_secret_is_quoted_of_an_address_that_is_refused(uri: str) -> None:
    with pytest.raises(InvalidReleasePlan) as refused:
        package_address(uri, ANYWHERE)

    assert "s3cret" not in str(refused.value)
    assert "pa55word" not in str(refused.value)


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("web:2", "docker.io"),
        ("contoso/web:2", "docker.io"),
        ("docker.io/contoso/web:2", "docker.io"),
        ("contoso.azurecr.io/web:2.0.0", "contoso.azurecr.io"),
        ("localhost/web:2", "localhost"),
        ("localhost:5000/team/web:v2_1", "localhost:5000"),
        ("registry:5000/web:2", "registry:5000"),
        (f"mcr.microsoft.com/dotnet/samples@sha256:{'0' * 64}", "mcr.microsoft.com"),
        (f"web:2@sha256:{'0' * 64}", "docker.io"),
    ],
)
def test_an_images_registry_is_the_one_that_docker_reads(image: str, registry: str) -> None:
    assert registry == registry_of(image)
    assert image == image_reference(image, CONTAINER)
    assert image == image_reference(image, only(registry))
    with pytest.raises(InvalidReleasePlan, match=r"^Parameter image: found .*; allowed: images from other\.example \("):
        image_reference(image, only("other.example"))


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("contoso.azurecr.io/web:2", "*.azurecr.io"),
        ("contoso.azurecr.io/web:2", "Contoso.AzureCR.io:443"),
        ("contoso.azurecr.io:443/web:2", "contoso.azurecr.io"),
    ],
)
def test_registries_are_named_as_hosts_are(image: str, host: str) -> None:
    assert image == image_reference(image, only(host))


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("azurecr.io/web:2", "*.azurecr.io"),
        ("evil.io/contoso.azurecr.io/web:2", "contoso.azurecr.io"),
        ("contoso.azurecr.io.evil.io/web:2", "contoso.azurecr.io"),
        ("contoso.azurecr.io:5000/web:2", "contoso.azurecr.io"),
        ("contoso/web:2", "contoso"),
    ],
)
def test_an_image_from_another_registry_is_refused(image: str, host: str) -> None:
    with pytest.raises(InvalidReleasePlan, match="allowed: images from"):
        image_reference(image, only(host))


@pytest.mark.parametrize(
    "image",
    [
        "web",
        "registry:5000/web",
        "Web:2",
        "web:",
        "web:2\n",
        " web:2",
        "web: 2",
        "web:2|evil",
        "web@sha256:0",
        "/web:2",
        "//evil.io/web:2",
        "good.io//web:2",
        "good.io./web:2",
        "good.io@evil.io/web:2",
        "good.io\\evil.io/web:2",
        "https://good.io/web:2",
        "gооd.io/web:2",  # Cyrillic
        "good.io:0/web:2",
        "good.io:٤٤٣/web:2",
        f"{'a' * 600}:2",
    ],
)
def test_what_is_no_image_with_a_tag_or_digest_is_refused(image: str) -> None:
    with pytest.raises(InvalidReleasePlan, match=r"^Parameter image: found .*; allowed: an image with a tag or digest"):
        image_reference(image, CONTAINER)


SCHEMES = ["https://", "http://", "//"]
HOSTS_AND_PORTS = ["good.io", "evil.io", "xn--", "::1", "443", "8443"]
SIGNS = [".", "@", ":", "/", "\\", "?", "#", "%2f", "%40", " ", "\t", "\n", "\x00", "[", "]", "。", "*"]
ENDS = ["sig=", "web.zip", "web:2", "A"]
pieces = st.lists(st.sampled_from([*SCHEMES, *HOSTS_AND_PORTS, *SIGNS, *ENDS]), max_size=9).map("".join)


@given(pieces | junk, st.booleans())
@example("https://good.io@evil.io/web.zip", False)
def test_no_address_gets_past_the_hosts(found: object, allow_http: bool) -> None:
    """What is taken is taken unchanged, and begins with a host that is allowed and the end of it."""
    try:
        taken = package_address(found, only("good.io"), allow_http=allow_http)
    except InvalidReleasePlan as refused:
        said = str(refused)
    else:
        good = ["https://good.io/", "https://good.io:443/"]
        assert taken is found
        assert taken.startswith(tuple([*good, "http://good.io/", "http://good.io:80/"] if allow_http else good))
        return
    assert said.startswith("Parameter package_uri: ")


@given(pieces | junk)
def test_no_image_gets_past_the_registries(found: object) -> None:
    try:
        taken = image_reference(found, only("good.io"))
    except InvalidReleasePlan as refused:
        said = str(refused)
    else:
        assert taken is found
        assert taken.startswith(("good.io/", "good.io:443/"))
        return
    assert said.startswith("Parameter image: ")


NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
SIGNED = "https://contoso.blob.core.windows.net/web/web.zip?sv=2024-11-04&se={}&sr=b&sig=Zm9ydHktdHdvIGlzIHRoZQ"


@pytest.mark.parametrize(
    ("expected", "end"),
    [
        ("2026-11-22 12:00 UTC", "2026-11-22T12:00:00Z"),
        ("2026-11-22 11:30 UTC", "2026-11-22T13:30:00%2B02:00"),
        ("2026-11-22 00:00 UTC", "2026-11-22"),
    ],
)
def test_an_address_whose_signature_has_ended_is_refused_with_its_end_and_without_the_signature(
    expected: str, end: str
) -> None:
    with pytest.raises(InvalidReleasePlan) as refused:
        refuse_an_ended_signature(SIGNED.format(end), NOON)
    assert str(refused.value) == (
        "Parameter package_uri: found 'https://contoso.blob.core.windows.net/web/web.zip', whose signature ended "
        f"{expected}; allowed: an address that the slot can still download. Give a new signature."
    )


@pytest.mark.parametrize(
    "address",
    [
        SIGNED.format("2026-11-22T12:00:01Z"),
        SIGNED.format("soon"),
        SIGNED.format("0001-01-01T00:00:00%2B01:00"),
        "https://packages.example.com/web.zip?se=2020-01-01",
        "https://packages.example.com/web.zip",
        "https://[packages/web.zip?se=2020-01-01&sig=x",
        "contoso.azurecr.io/web:2.0.0",
    ],
)
def test_where_no_signature_is_known_to_have_ended_nothing_is_refused(address: str) -> None:
    refuse_an_ended_signature(address, NOON)
