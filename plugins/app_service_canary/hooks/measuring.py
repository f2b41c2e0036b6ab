"""Opens the sources that a release file names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from airflow.providers.common.compat.connection import get_async_connection

from app_service_canary.errors import InvalidReleasePlan, PermanentError
from app_service_canary.hooks.azure_monitor import AzureMonitorSource
from app_service_canary.hooks.log_analytics import LogsSource
from app_service_canary.hooks.probe import ProbeSource
from app_service_canary.hooks.prometheus import PrometheusSource, secret_of
from app_service_canary.hooks.source import Source, Watched
from app_service_canary.release.analysis import AzureMonitor, Logs, Probe, Prometheus, Sources
from app_service_canary.release.app_state import AppTarget
from app_service_canary.release.own_requests import OwnRequests
from app_service_canary.release.quoting import quoted

if TYPE_CHECKING:
    from app_service_canary.hooks.app_hosts import AppHosts
    from app_service_canary.hooks.management import AzureManagementHook


async def open_sources(
    stack: AsyncExitStack,
    sources: Sources,
    *,
    hook: AzureManagementHook,
    hosts: AppHosts,
    target: AppTarget,
    watched: Watched,
    host_of: Mapping[str, str],
    path: str,
    good_statuses: tuple[int, ...],
    own: OwnRequests,
    give_up: Callable[[str, str], None],
) -> list[Source]:
    """The sources, ready to be read.

    Args:
        stack: closes what they open.
        sources: the release file's.
        hook: talks to Azure.
        hosts: asks the apps' own hosts.
        target: the app.
        watched: whose requests are whose.
        host_of: the host names, by slot; `production` for the app's own.
        path: what probes ask when the release file names no path.
        good_statuses: HTTP statuses that are good answers.
        own: what is asked of the apps' own hosts, which users have not made.
        give_up: is told which source cannot be opened, and why.
    """
    opened: list[Source] = []
    probed = sources.probe.paths if sources.probe else ()
    own_paths = tuple(dict.fromkeys((path, *probed)))
    for name, settings in sources.named():
        if isinstance(settings, Probe):
            paths = settings.paths or (path,)
            opened.append(
                ProbeSource(
                    watched, hosts=hosts, host_of=host_of, settings=settings, paths=paths, good_statuses=good_statuses
                )
            )
        elif isinstance(settings, AzureMonitor):
            opened.append(AzureMonitorSource(watched, hook=hook, target=target, settings=settings, own=own))
        elif isinstance(settings, Logs):
            opened.append(LogsSource(name, watched, hook=hook, target=target, settings=settings, own_paths=own_paths))
        elif isinstance(settings, Prometheus):
            try:
                opened.append(await _prometheus(stack, settings, hook, target, watched))
            except PermanentError as error:
                give_up(name, str(error))
    return opened


async def _prometheus(
    stack: AsyncExitStack, settings: Prometheus, hook: AzureManagementHook, target: AppTarget, watched: Watched
) -> PrometheusSource:
    auth = None
    if settings.connection:
        try:
            connection = await get_async_connection(settings.connection)
        except Exception as error:  # Airflow's own kinds differ by where the connection is looked for
            raise InvalidReleasePlan(
                f"analysis.sources.prometheus.connection: found {quoted(settings.connection)}, which Airflow does not "
                f"have ({type(error).__name__}); allowed: the id of a connection."
            ) from None
        auth = (connection.login, secret_of(settings.connection, connection.password))
    ca_bundle = (await hook.settings()).ca_bundle
    source = PrometheusSource(watched, app=target.app, settings=settings, auth=auth, ca_bundle=ca_bundle)
    stack.push_async_callback(source.close)
    return source
