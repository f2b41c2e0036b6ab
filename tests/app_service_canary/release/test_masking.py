"""Addresses without what must not be shown."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_service_canary.release.masking import (
    cautiously,
    secrets_of,
    without_queries,
    without_secrets,
    without_signatures,
)

BLOB = "https://contoso.blob.core.windows.net/web/web-2.0.0.zip"
SIGNATURE = "h9Wc+qPz/0123456789abcdef=="
SIGNED = f"{BLOB}?sv=2024-11-04&se=2026-11-23T00%3A00%3A00Z&sr=b&sig={quote(SIGNATURE, safe='')}"

secrets = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=16, max_size=40)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", ""),
        (BLOB, BLOB),
        (SIGNED, f"{BLOB}?***"),
        (f"{BLOB}?", BLOB),
        (f"{BLOB}#sig=secret", BLOB),
        ("https://maria:secret@host:8443/web.zip", "https://host:8443/web.zip"),
        ("https://[::1/web.zip?sig=secret", "(an address that cannot be read)"),
        ("web.zip?sig=secret", "web.zip?***"),
    ],
)
def test_an_address_is_shown_without_query_fragment_and_user(url: str, expected: str) -> None:
    assert expected == without_secrets(url)


@given(st.text())
def test_any_text_can_be_asked_for_its_secrets(url: str) -> None:
    assert "" not in secrets_of(url)
    assert isinstance(without_secrets(url), str)


@given(secrets, secrets)
def test_no_secret_of_an_address_is_left_in_what_is_shown(password: str, signature: str) -> None:
    url = f"https://u:{password}@h.example/{'p' * 3}.zip?sv=1&sig={signature}#{signature}"

    assert password not in without_secrets(url)
    assert signature not in without_secrets(url)


def test_a_signature_is_a_secret_as_it_stands_and_decoded() -> None:
    assert {quote(SIGNATURE, safe=""), SIGNATURE, SIGNED.partition("?")[2]} <= set(secrets_of(SIGNED))


@given(secrets)
def test_a_long_value_under_any_name_is_a_secret(value: str) -> None:
    assert value in secrets_of(f"{BLOB}?X-Amz-Signature={value}")


def test_a_password_in_an_address_is_a_secret() -> None:
    assert secrets_of("https://maria:pa%24s@host/web.zip") == ["pa$s", "pa%24s"]


@pytest.mark.parametrize("url", ["", BLOB, f"{BLOB}?", "https://[::1/x?sig=1"])
def test_an_address_without_a_secret_has_none(url: str) -> None:
    assert secrets_of(url) == []


def test_short_values_of_a_query_stay_readable_elsewhere_in_a_log() -> None:
    assert "b" not in secrets_of(SIGNED)
    assert "2024-11-04" not in secrets_of(SIGNED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("no address here", "no address here"),
        ("see https://go.microsoft.com/fwlink/?linkid=2095007", "see https://go.microsoft.com/fwlink/?linkid=2095007"),
        (f"could not fetch '{BLOB}?sr=b&sig=abc%3D&sp=r'.", f"could not fetch '{BLOB}?sr=b&sig=***&sp=r'."),
        (f"{BLOB}?SIG=abc twice ?sig=def", f"{BLOB}?SIG=*** twice ?sig=***"),
        ("sig=abc/with+signs==", "sig=***"),
        (f'<a href="{BLOB}?sr=b&amp;sig=abc&amp;sp=r">', f'<a href="{BLOB}?sr=b&amp;sig=***&amp;sp=r">'),
        (
            r'{"u": "https:\/\/h\/w?sr=b\u0026sig=abc\u0026sp=r"}',
            r'{"u": "https:\/\/h\/w?sr=b\u0026sig=***\u0026sp=r"}',
        ),
        (
            "from=https%3A%2F%2Fh%2Fw%3Fsig%3Dabc%253D%26sp%3Dr&to=x",
            "from=https%3A%2F%2Fh%2Fw%3Fsig%3D***%26sp%3Dr&to=x",
        ),
        (
            "https%253A%252F%252Fh%252Fw%253Fsig%253Dabc%2526sp%253Dr",
            "https%253A%252F%252Fh%252Fw%253Fsig%253D***%2526sp%253Dr",
        ),
        ("https://s3.example/w?X-Amz-Signature=abc&a=1", "https://s3.example/w?X-Amz-Signature=***&a=1"),
        ("https://h/w?Expires=9&Signature=a-b_c~&Key-Pair-Id=K", "https://h/w?Expires=9&Signature=***&Key-Pair-Id=K"),
        ("https://h/w?token=glpat-abc&private_token=def", "https://h/w?token=***&private_token=***"),
        ("could not fetch https://maria:secret@host/w", "could not fetch https://***@host/w"),
        ("design=blue, assign=red, mail maria@host", "design=blue, assign=red, mail maria@host"),
        ("CancellationToken=1", "CancellationToken=1"),
    ],
)
def test_a_text_that_quotes_an_address_loses_the_signature_alone(text: str, expected: str) -> None:
    assert expected == without_signatures(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No 'https://h/w.zip?anything=goes&x' there.", "No 'https://h/w.zip?***' there."),
        ("https://h/w?k=1, https://u:p@h/w?k=1", "https://h/w?***, https://***@h/w?***"),
        ("to=https%3A%2F%2Fh%2Fw.zip%3Fkey%3DSECRET.", "to=https%3A%2F%2Fh%2Fw.zip?***."),
        (r'{"u": "https:\/\/h\/w.zip?key=SECRET"}', r'{"u": "https:\/\/h\/w.zip?***"}'),
        ("'https://h/w's.zip?key=a'SECRET'", "'https://h/w's.zip?***'"),
        ("https://go.microsoft.com/?u=https://h/w.zip?key=SECRET", "https://go.microsoft.com/?***"),
        ("see https://go.microsoft.com/fwlink/?linkid=2095007", "see https://go.microsoft.com/fwlink/?linkid=2095007"),
        ("https://notmicrosoft.com/w?key=1", "https://notmicrosoft.com/w?***"),
        ("Is it up? Ask ?key=1 again.", "Is it up? Ask ?key=1 again."),
        ("h.example:8443/w.zip?key=SECRET, 'h.example/?key=SECRET'", "h.example:8443/w.zip?***, 'h.example/?***'"),
        ("10.1.2.3/w.zip?key=SECRET //h.example/w%3Fkey=SECRET", "10.1.2.3/w.zip?*** //h.example/w?***"),
        ("ftp://h.example/w.zip?key=SECRET", "ftp://h.example/w.zip?***"),
        ("docs.microsoft.com/x?linkid=1", "docs.microsoft.com/x?linkid=1"),
        ("Is web.zip/2.0.0 there? Look.", "Is web.zip/2.0.0 there? Look."),
    ],
)
def test_what_azure_says_shows_no_query_of_an_address_but_those_of_its_own_help(text: str, expected: str) -> None:
    assert expected == without_queries(text)


@given(secrets, secrets, st.sampled_from(["https://", "https:/", "//", "", " https://", "HTTPS://", "https:\\\\"]))
def test_no_secret_is_left_of_what_only_resembles_an_address(password: str, signature: str, start: str) -> None:
    text = f"{start}u:{password}@h.example/w.zip?sv=1&sig={signature}"

    assert password not in cautiously(text)
    assert signature not in cautiously(text)
    assert "h.example/w.zip" in cautiously(text)


@pytest.mark.parametrize("text", ["", "web.zip", "http://host/web.zip", "https:/host\\web.zip", "two words"])
def test_what_only_resembles_an_address_and_has_no_secret_is_shown_as_it_is(text: str) -> None:
    assert text == cautiously(text)
