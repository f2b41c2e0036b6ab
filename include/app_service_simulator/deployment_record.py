"""One deployment, as Kudu and Resource Manager tell of it."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum


class DeployStatus(IntEnum):
    """Kudu's numbers.

    https://github.com/projectkudu/kudu/blob/master/Kudu.Contracts/Deployment/DeployStatus.cs
    """

    PENDING = 0
    BUILDING = 1
    DEPLOYING = 2
    FAILED = 3
    SUCCESS = 4

    @property
    def finished(self) -> bool:
        return self in (DeployStatus.FAILED, DeployStatus.SUCCESS)

    @property
    def provisioning_state(self) -> str:
        """The same in Resource Manager's words."""
        return {DeployStatus.FAILED: "Failed", DeployStatus.SUCCESS: "Succeeded"}.get(self, "InProgress")


@dataclass
class LogEntry:
    """One line of a deployment's log."""

    at: datetime
    message: str
    id: str = field(default_factory=lambda: secrets.token_hex(16))


@dataclass
class DeploymentRecord:
    """`deployer` is OneDeploy or ZipDeploy; `runtime_status` is what deploymentStatus answers."""

    deployer: str
    received: datetime
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    status: DeployStatus = DeployStatus.PENDING
    status_text: str = "Receiving changes."
    progress: str = "Fetching changes."
    message: str = "Created via a push deployment"
    started: datetime | None = None
    ended: datetime | None = None
    active: bool = False
    runtime_status: str = "BuildRequestReceived"
    log: list[LogEntry] = field(default_factory=list)

    def note(self, at: datetime, message: str) -> None:
        """Adds a line to the log."""
        self.log.append(LogEntry(at, message))
