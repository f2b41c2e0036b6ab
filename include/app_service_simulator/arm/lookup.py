"""From a call's path to the things it names; the errors for what does not exist."""

from app_service_simulator.arm import errors
from app_service_simulator.arm.routes import Call
from app_service_simulator.slot import Slot
from app_service_simulator.world import Plan, ResourceGroup, Site


def subscription(call: Call) -> str:
    """The subscription's id; 404 for another one."""
    known = call.simulator.world.subscription
    if call.parameters["subscription"].lower() != known.lower():
        raise errors.subscription_not_found(call.parameters["subscription"])
    return known


def group(call: Call) -> ResourceGroup:
    subscription(call)
    found = call.simulator.world.group(call.parameters["group"])
    if found is None:
        raise errors.resource_group_not_found(call.parameters["group"])
    return found


def plan(call: Call) -> Plan:
    owner = group(call)
    found = call.simulator.world.plan(owner.name, call.parameters["plan"])
    if found is None:
        raise errors.resource_not_found(f"Microsoft.Web/serverFarms/{call.parameters['plan']}", owner.name)
    return found


def site(call: Call) -> Site:
    owner = group(call)
    found = call.simulator.world.site(owner.name, call.parameters["site"])
    if found is None:
        raise errors.resource_not_found(f"Microsoft.Web/sites/{call.parameters['site']}", owner.name)
    return found.former if found.former and call.meets("stale") else found


def slot(call: Call) -> Slot:
    """The slot a call is about: production if its path names none."""
    app = site(call)
    name = call.parameters.get("slot")
    if name is None:
        return app.production
    found = app.slot(name)
    if found is None:
        resource = f"Microsoft.Web/sites/{app.name}/slots/{name}"
        raise errors.resource_not_found(resource, app.group.name)
    return found


def slot_to_change(call: Call) -> Slot:
    """The slot, unless it is prepared for a swap: 409 then."""
    found = slot(call)
    if found.preparation is not None:
        raise errors.prepared_for_swap()
    return found
