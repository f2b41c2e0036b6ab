"""Remembers which version is stable, at its promotion, and recalls it for the next release.

The memory is an asset event: public, without secrets, and what other DAGs can be scheduled by. An address with a
shared access signature is kept as a Variable besides, which Airflow encrypts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset
from airflow.sdk.log import mask_secret

from app_service_canary.release.masking import secrets_of, without_secrets
from app_service_canary.release.stable import Stable, signature_has_ended
from app_service_canary.triggers.waiting import now

if TYPE_CHECKING:
    from airflow.sdk import Context


def stable_asset(resource_group: str, app: str) -> Asset:
    """The app's stable version, which changes with each promotion."""
    return Asset(
        name=f"stable version of {app} in {resource_group}",
        uri=f"app-service://{resource_group}/{app}",
        group="app-service-canary",
    )


def secret_key(dag_id: str) -> str:
    """The Variable with the stable package's whole address; a key with `secret` in it is masked by Airflow."""
    return f"canary_stable_package_secret__{dag_id}"


def remember_stable(context: Context, asset: Asset, version: str, source: str, deployment_id: str) -> None:
    """Notes at its promotion what became stable.

    Args:
        context: of a task that has the asset among its outlets.
        asset: of the app.
        version: what people call it.
        source: the package's whole address, or the image.
        deployment_id: of the deployment that brought it.
    """
    from airflow.sdk import Variable

    key, shown = secret_key(context["ti"].dag_id), without_secrets(source)
    if shown == source:
        Variable.delete(key)
    else:
        Variable.set(key, source, description=f"Package of version {version}, to put it back after a rollback.")
    stable = Stable(version, shown, shown != source, deployment_id)
    context["outlet_events"][asset].extra = stable.to_json()


def recall_stable(context: Context, asset: Asset) -> Stable | None:
    """What was promoted last; None when this Airflow has promoted nothing yet. The task has the asset as an inlet."""
    last = list(context["inlet_events"][asset].ascending(False).limit(1))
    return Stable.from_json(last[0].extra) if last else None


def address_of(context: Context, stable: Stable) -> str | None:
    """The package's whole address; None when it is not known any more, or no longer good."""
    from airflow.sdk import Variable

    if not stable.secret:
        return stable.source
    address: Any = Variable.get(secret_key(context["ti"].dag_id), default=None)
    if not isinstance(address, str) or without_secrets(address) != stable.source:
        return None
    for secret in secrets_of(address):
        mask_secret(secret)
    return None if signature_has_ended(address, now()) else address
