"""The stable version's memory, at Airflow's boundary."""

from typing import Any

import pytest
from tests.app_service_canary.task_context import DAG_ID, task_context

from app_service_canary.operators.stable import address_of, recall_stable, remember_stable, secret_key, stable_asset
from app_service_canary.release.stable import Stable

ASSET = stable_asset("storefront-rg", "storefront")
KEY = secret_key(DAG_ID)
PACKAGE = "https://packages.example/web.zip"
SIGNED = f"{PACKAGE}?se=2999-01-01T00:00:00Z&sig=Zm9ydHktdHdvIGlzIHRoZQ"


def test_each_app_has_a_stable_version_of_its_own() -> None:
    others = {stable_asset("storefront-rg", "till").uri, stable_asset("other-rg", "storefront").uri}
    assert len({ASSET.uri, *others}) == 3


def test_what_was_promoted_is_recalled_by_the_next_release(variables: dict[str, str]) -> None:
    promoting, next_release = task_context(), task_context()
    remember_stable(promoting, ASSET, "2.0.0", PACKAGE, "d-2")
    next_release["inlet_events"].happened(ASSET, promoting["outlet_events"][ASSET].extra)
    assert recall_stable(next_release, ASSET) == Stable("2.0.0", PACKAGE, False, "d-2")


def test_the_last_promotion_counts(variables: dict[str, str]) -> None:
    context = task_context()
    for version in ("1.0.0", "2.0.0"):
        context["inlet_events"].happened(ASSET, Stable(version, PACKAGE).to_json())
    recalled = recall_stable(context, ASSET)
    assert recalled is not None
    assert recalled.version == "2.0.0"


def test_before_the_first_promotion_nothing_is_recalled() -> None:
    assert recall_stable(task_context(), ASSET) is None


def test_a_signature_is_kept_where_airflow_encrypts_and_not_in_the_event(variables: dict[str, str]) -> None:
    context = task_context()
    remember_stable(context, ASSET, "2.0.0", SIGNED, "d-2")
    assert variables == {KEY: SIGNED}
    assert "Zm9ydHkt" not in str(context["outlet_events"][ASSET].extra)
    assert "secret" in KEY


def test_the_signature_of_the_version_before_is_forgotten(variables: dict[str, str]) -> None:
    variables[KEY] = SIGNED
    remember_stable(task_context(), ASSET, "2.0.0", PACKAGE, "d-2")
    assert variables == {}


def test_an_address_without_a_secret_is_known_from_the_event_alone(variables: dict[str, str]) -> None:
    assert address_of(task_context(), Stable("2.0.0", PACKAGE)) == PACKAGE


def remembered(context: dict[str, Any]) -> Stable:
    remember_stable(context, ASSET, "2.0.0", SIGNED, "d-2")
    stable = Stable.from_json(context["outlet_events"][ASSET].extra)
    assert stable is not None
    return stable


def test_a_signed_address_is_whole_again(variables: dict[str, str]) -> None:
    context = task_context()
    assert address_of(context, remembered(context)) == SIGNED


@pytest.mark.parametrize(
    "kept",
    [None, "https://packages.example/other.zip?sig=Zm9ydHktdHdvIGlzIHRoZQ", SIGNED.replace("2999", "2001")],
)
def test_a_signed_address_that_is_gone_or_of_another_package_or_over_is_not_known(
    variables: dict[str, str], kept: str | None
) -> None:
    context = task_context()
    stable = remembered(context)
    variables.clear()
    variables.update({KEY: kept} if kept else {})
    assert address_of(context, stable) is None
