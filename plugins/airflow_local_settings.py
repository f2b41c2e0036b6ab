"""Runs in every component of Airflow when it starts: registers the connection type, and imports Azure's clients
once, where task processes are forked from.

Microsoft's clients take about two seconds and 200 MB. A task process that is forked from a parent which
has imported them starts without that wait and shares its memory. The parents are the scheduler (LocalExecutor),
a Celery worker and the triggerer; every other component imports this file too and must not pay.
"""

import sys

PARENTS_OF_TASKS = ("scheduler", "triggerer", "celery")


def _register_the_connection_type() -> None:
    from app_service_canary.provider_info import register

    register()


def _import_what_tasks_need() -> None:
    # Imported for what it does to this process, not for its names: everything that a task would import between its
    # start and its first request. Microsoft's clients themselves import late, so importing the hook is not enough.
    import aiohttp  # noqa: F401
    import azure.identity.aio
    import azure.mgmt.web.aio  # noqa: F401
    import httpx  # noqa: F401
    import jinja2.ext  # noqa: F401
    from azure.core.pipeline.transport import AioHttpTransport  # noqa: F401

    import app_service_canary.dag_factory
    import app_service_canary.hooks.app_service  # noqa: F401


_register_the_connection_type()
if any(word in PARENTS_OF_TASKS for word in sys.argv[1:2]):
    _import_what_tasks_need()
