"""What watches in tests have in common."""

from typing import Any

from tests.simulator import RunningSimulator

from app_service_canary.triggers.waiting import now


def watch_arguments(simulator: RunningSimulator, app: str) -> dict[str, Any]:
    """Arguments of a `CanaryAnalysisTrigger` that asks slot `stage` and the visitors' side often, from now on."""
    return {
        "azure_app_service_conn_id": "azure_app_service",
        "resource_group": simulator.resource_group,
        "app": app,
        "slot": "stage",
        "poll_interval_seconds": 0.02,
        "deadline": None,
        "hosts_by_side": {"slot": f"{app}-stage.azurewebsites.net", "visitors": f"{app}.azurewebsites.net"},
        "path": "/health",
        "good_statuses": [200],
        "began": now(),
        "failure_limit": 3,
        "min_answers": 3,
        "answer_timeout_seconds": 5.0,
        "evidence": {},
        "record_path": None,
        "about": {"app": app},
    }
