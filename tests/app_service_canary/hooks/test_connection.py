"""What an Airflow connection says."""

from typing import Any

import pytest
from airflow.sdk import Connection
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential
from azure.identity.aio import DefaultAzureCredential as AsyncDefaultAzureCredential

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.hooks.connection import AzureSettings

SECRET = "not-to-be-shown"
PRINCIPAL = {"login": "client", "password": SECRET}
TENANT = "11111111-2222-3333-4444-555555555555"
EXTRA = {"subscriptionId": "subscription", "tenantId": TENANT}


def settings(extra: dict[str, Any] | None = None, **fields: Any) -> AzureSettings:
    """The settings of a connection with these fields; extras besides subscription and tenant."""
    connection = Connection(conn_id="azure_app_service", conn_type="azure", **{**PRINCIPAL, **fields})
    return AzureSettings.of(connection, {**EXTRA, **(extra or {})})


def test_the_usual_fields_of_an_azure_connection_are_read() -> None:
    expected = AzureSettings(
        connection="azure_app_service",
        subscription_id="subscription",
        client_id="client",
        client_secret=SECRET,
        tenant_id=TENANT,
    )
    assert expected == settings()


@pytest.mark.parametrize(
    "name",
    [
        "managed_identity_client_id",
        "workload_identity_tenant_id",
        "authority",
        "resource_manager",
        "ca_bundle",
        "connect_to",
    ],
)
@pytest.mark.parametrize(("value", "expected"), [(None, None), ("", None), ("https://sim", "https://sim")])
def test_an_extra_that_is_empty_counts_as_not_given(name: str, value: str | None, expected: str | None) -> None:
    assert expected == getattr(settings({name: value}), name)


@pytest.mark.parametrize(
    ("found", "expected"),
    [(None, False), ("", False), (False, False), ("false", False), (True, True), ("true", True), (" True ", True)],
)
def test_packages_by_plain_http_are_allowed_only_where_it_says_so(found: object, expected: bool) -> None:
    assert settings().allow_http_packages is False
    assert settings({"allow_http_packages": found}).allow_http_packages is expected


@pytest.mark.parametrize("found", ["yes", 1, 0, [], "no"])
def test_an_extra_that_is_neither_true_nor_false_is_refused(found: object) -> None:
    with pytest.raises(InvalidReleasePlan, match=r"extra allow_http_packages is .*; allowed: true or false"):
        settings({"allow_http_packages": found})


@pytest.mark.parametrize("subscription", [None, ""])
def test_a_connection_without_a_subscription_is_refused(subscription: str | None) -> None:
    with pytest.raises(InvalidReleasePlan, match="'azure_app_service' names no subscription; set extra subscriptionId"):
        settings({"subscriptionId": subscription})


@pytest.mark.parametrize("extra", [{"key_path": "key.json"}, {"key_json": {"clientId": "x"}}])
def test_a_legacy_key_file_is_refused_with_what_to_do(extra: dict[str, Any]) -> None:
    with pytest.raises(InvalidReleasePlan, match=r"uses key_path or key_json.*as login and password"):
        settings(extra)


@pytest.mark.parametrize("show", [repr, str, lambda value: f"{value}"])
def test_the_secret_is_never_shown(show: Any) -> None:
    assert SECRET not in show(settings())


@pytest.mark.parametrize(
    ("cloud", "base_url", "scope"),
    [
        (None, "https://management.azure.com", "https://management.azure.com/.default"),
        ("AzurePublicCloud", "https://management.azure.com", "https://management.azure.com/.default"),
        (
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://management.usgovcloudapi.net/.default",
        ),
        ("AzureChinaCloud", "https://management.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default"),
    ],
)
def test_each_cloud_has_its_address_and_scope(cloud: str | None, base_url: str, scope: str) -> None:
    arguments = settings({"cloud_environment": cloud}).client_arguments()

    assert arguments == {
        "base_url": base_url,
        "credential_scopes": [scope],
        "retry_total": 0,
        "connection_timeout": 10,
        "read_timeout": 90,
    }


@pytest.mark.parametrize(
    ("cloud", "authority"),
    [
        ("AzurePublicCloud", "login.microsoftonline.com"),
        ("AzureUSGovernment", "login.microsoftonline.us"),
        ("AzureChinaCloud", "login.chinacloudapi.cn"),
    ],
)
def test_each_cloud_has_an_authority_of_its_own(cloud: str, authority: str) -> None:
    credential: Any = settings({"cloud_environment": cloud}).credential()

    assert credential._authority == f"https://{authority}"


def test_an_unknown_cloud_is_refused_with_those_there_are() -> None:
    unknown = settings({"cloud_environment": "AzureMoon"})

    with pytest.raises(InvalidReleasePlan, match="is 'AzureMoon'; allowed: AzurePublicCloud, AzureUSGovernment"):
        unknown.client_arguments()
    with pytest.raises(InvalidReleasePlan, match="AzureMoon"):
        unknown.credential()


def test_a_private_cloud_takes_the_place_of_the_public_ones_addresses() -> None:
    private = settings(
        {"resource_manager": "https://arm.local:8443/", "authority": "https://login.local", "ca_bundle": "/ca.pem"}
    )

    assert private.client_arguments()["base_url"] == "https://arm.local:8443"
    assert private.client_arguments()["connection_verify"] == "/ca.pem"
    assert private.credential()._authority == "https://login.local"


def test_a_service_principal_is_used_when_it_is_complete() -> None:
    assert isinstance(settings().credential(), ClientSecretCredential)
    assert isinstance(settings().async_credential(), AsyncClientSecretCredential)


@pytest.mark.parametrize("missing", ["login", "password", "tenantId"])
@pytest.mark.parametrize("value", [None, ""])
def test_without_a_complete_service_principal_the_default_chain_is_used(missing: str, value: str | None) -> None:
    change: dict[str, Any] = {missing: value}
    incomplete = settings(change) if missing == "tenantId" else settings(**change)

    assert isinstance(incomplete.credential(), DefaultAzureCredential)
    assert isinstance(incomplete.async_credential(), AsyncDefaultAzureCredential)


def test_the_default_chain_knows_which_managed_identity_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(DefaultAzureCredential, "__init__", lambda self, **arguments: given.update(arguments))

    settings(
        {"managed_identity_client_id": "identity", "workload_identity_tenant_id": "tenant"}, password=None
    ).credential()

    assert given == {
        "authority": "login.microsoftonline.com",
        "retry_total": 0,
        "connection_timeout": 10,
        "read_timeout": 90,
        "managed_identity_client_id": "identity",
        "workload_identity_tenant_id": "tenant",
        "additionally_allowed_tenants": ["tenant"],
    }


@pytest.mark.parametrize("extra", [{"authority": "http://login.local"}, {"tenantId": "not a tenant!"}])
def test_a_field_that_microsofts_client_refuses_names_the_connection(extra: dict[str, Any]) -> None:
    with pytest.raises(InvalidReleasePlan, match=r"^Connection 'azure_app_service': ") as refused:
        settings(extra).credential()

    assert SECRET not in str(refused.value)
