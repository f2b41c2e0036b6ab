"""Faults on order: how a client fares when Azure answers badly is tried with these, through `/_simulator/faults`."""

from dataclasses import dataclass
from typing import Any

from app_service_simulator.arm import errors


@dataclass
class Fault:
    """The next `times` calls of `operation` (Microsoft's operation id, any case) are answered with `answer`.

    With `carried_out` the operation is done all the same, as behind a gateway that lost the answer.
    """

    operation: str
    answer: str
    times: int = 1
    carried_out: bool = False


ANSWERS = {
    "gateway_timeout": errors.gateway_timeout,
    "exclusive_lock": errors.exclusive_lock,
    "throttled": lambda: errors.ResourceManagerError(
        429,
        "TooManyRequests",
        "The request is being throttled as the limit has been reached for operation type - Reads.",
        headers={"Retry-After": "1"},
    ),
    "server_error": lambda: errors.AppServiceError(500, "InternalServerError", "There was an unexpected error."),
    "server_timeout": lambda: errors.ResourceManagerError(
        503, "ServerTimeout", "The request timed out.", cause="service"
    ),
    "forbidden": lambda: errors.ResourceManagerError(
        403,
        "AuthorizationFailed",
        "The client does not have authorization to perform this action, or the scope is invalid. "
        "If access was recently granted, please refresh your credentials.",
    ),
}
"""What a fault can answer."""


class Faults:
    """The faults still to come, in order."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []

    def replace(self, wanted: Any) -> None:
        """Sets the faults from JSON: a list of objects with Fault's members; ValueError if it is none."""
        if not isinstance(wanted, list):
            raise ValueError("a list of faults is expected")
        faults = []
        for item in wanted:
            try:
                fault = Fault(**item)
            except TypeError:
                raise ValueError(f"{item!r} is no fault; its members are {list(Fault.__annotations__)}") from None
            if fault.answer not in ANSWERS:
                raise ValueError(f"no answer {fault.answer!r}; there are {', '.join(ANSWERS)}")
            faults.append(fault)
        self.pending = faults

    def take(self, operation: str) -> Fault | None:
        """The fault this call of `operation` is to meet, used up by it; None for a call that goes well."""
        for fault in self.pending:
            if fault.operation.lower() == operation.lower():
                fault.times -= 1
                if fault.times <= 0:
                    self.pending.remove(fault)
                return fault
        return None


def error_of(fault: Fault) -> errors.AzureError:
    """What the fault answers."""
    return ANSWERS[fault.answer]()
