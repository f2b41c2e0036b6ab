"""The errors that a swap can be made to end with: Microsoft's own sentences, by short names.

The texts are those that App Service's clients printed in public reports; `warmup_timed_out` came without its status.
"""

from collections.abc import Callable

from app_service_simulator.arm import errors

Ending = Callable[[str, str], errors.AppServiceError]
"""From the app's and the slot's name to the error."""


def _bad_request(sentence: str) -> Ending:
    return lambda site, slot: errors.bad_request(sentence.format(site=site, slot=slot))


SWAP_ENDINGS: dict[str, Ending] = {
    "no_ping": lambda site, slot: errors.AppServiceError(
        417,
        "ExpectationFailed",
        f"Cannot swap site slots for site '{site}' because the '{slot}' slot did not respond to http ping.",
    ),
    "worker_not_started": _bad_request(
        "Cannot swap slots for site '{site}' because the worker process for '{slot}' slot could not be started."
    ),
    "app_init_failed": _bad_request(
        "Cannot swap slots for site '{site}' because the application initialization in '{slot}' slot either took too "
        "long or failed. Please check AppInit module configuration or try using swap with preview if application "
        "initialization time is very long."
    ),
    "vm_allocation_changed": _bad_request(
        "Cannot swap slots for site '{site}' because the allocation of VM instances for '{slot}' slot has changed "
        "during the swap process. Please retry the swap operation."
    ),
    "warmup_timed_out": _bad_request(
        "Cannot swap slots for site '{site}' because the warmup requests to application in '{slot}' slot have timed "
        "out."
    ),
    "in_progress": lambda site, slot: errors.another_operation(
        f"OperationName: SwapSiteSlots, SiteName: {site}, SlotName: {slot}"
    ),
    "exclusive_lock": lambda site, slot: errors.exclusive_lock(),
    "server_error": lambda site, slot: errors.server_error(),
}
"""What polling a swap can answer in the end."""
