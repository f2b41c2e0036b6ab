"""A deployment and its log as Kudu writes them, which Resource Manager wraps."""

from typing import Any

from app_service_simulator.arm.answers import timestamp
from app_service_simulator.deployment_record import DeploymentRecord
from app_service_simulator.slot import Slot


def deployment(slot: Slot, record: DeploymentRecord) -> dict[str, Any]:
    """Kudu's DeployResult, with provisioningState."""
    address = f"https://{slot.scm_host}/api/deployments/{record.id}"
    ended = timestamp(record.ended)
    return {
        "id": record.id,
        "status": int(record.status),
        "status_text": record.status_text,
        "author_email": "N/A",
        "author": "N/A",
        "deployer": record.deployer,
        "message": record.message,
        "progress": record.progress,
        "received_time": timestamp(record.received),
        "start_time": timestamp(record.started),
        "end_time": ended,
        "last_success_end_time": ended if record.status.provisioning_state == "Succeeded" else None,
        "complete": record.status.finished,
        "active": record.active,
        "is_temp": False,
        "is_readonly": True,
        "url": address,
        "log_url": f"{address}/log",
        "site_name": slot.label,
        "provisioningState": record.status.provisioning_state,
    }


def log(record: DeploymentRecord) -> list[dict[str, Any]]:
    """The log's entries, oldest first."""
    return [
        {
            "log_time": timestamp(entry.at),
            "id": entry.id,
            "message": entry.message,
            "type": 0,
            "details_url": None,
        }
        for entry in record.log
    ]
