"""`make airflow` and `make simulator`: the parts of a release, running, for a person to play with."""

from contextlib import closing
from datetime import datetime, timezone

from demo.azure import APP, Address
from demo.playground import how_to_play, package_url, set_up, start_simulator
from demo.ports import free_port
from demo.processes import Processes
from demo.settings import Settings
from demo.view import make_console, teller

# Preferred ports, so that a command line stays right from one day to the next; others if they are in use.
MANAGEMENT_PORT = 8443
FRONT_PORT = 8081


def play(processes: Processes, settings: Settings) -> int:
    """Simulator, visitors and Airflow without a release, until Ctrl-C."""
    console = make_console()
    playground = set_up(processes, settings.speed, settings.port, teller(console, datetime.now(timezone.utc)))
    with closing(playground):
        url_file = processes.directory.path / "package-uri.txt"
        packages = processes.directory.path / "packages"
        url_file.write_text(package_url(playground.azure, packages, settings.version, settings.bad))
        console.print(
            f"{how_to_play(playground)}\n"
            f"To release: Trigger, with version {settings.version} and as package_uri what {url_file} holds.\n"
            "Ctrl-C ends it all.",
            markup=False,
            soft_wrap=True,
        )
        processes.wait_for_any_end()
        processes.check()
    return 0


def play_simulator(processes: Processes, settings: Settings) -> int:
    """The simulator alone, until Ctrl-C."""
    console = make_console()
    ports = (free_port(MANAGEMENT_PORT), free_port(FRONT_PORT))
    _, address = start_simulator(processes, settings.speed, ports)
    console.print(how_to_ask(address), markup=False, soft_wrap=True)
    processes.wait_for_any_end()
    processes.check()
    return 0


def how_to_ask(address: Address) -> str:
    """The simulator's front end, Entra ID and ARM, each as a command to paste. Its secret protects nothing."""
    host = f"{APP}.azurewebsites.net"
    site = f"/subscriptions/{address.subscription_id}/providers/Microsoft.Web/sites"
    return f"""The App Service simulator is up: {address.resource_manager}

What a user of {APP} sees:
  curl --silent {address.front_end}/version -H 'Host: {host}'

A token of Entra ID, for the service principal:
  TOKEN=$(curl --silent --cacert {address.ca_bundle} \\
    --data grant_type=client_credentials --data client_id={address.client_id} \\
    --data client_secret={address.client_secret} --data scope=https://management.azure.com/.default \\
    {address.authority}/{address.tenant_id}/oauth2/v2.0/token |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')

ARM's list of apps:
  curl --silent --cacert {address.ca_bundle} --header "Authorization: Bearer $TOKEN" \\
    '{address.resource_manager}{site}?api-version=2023-12-01'

Its log is in .run/simulator/simulator.log. Ctrl-C ends it.
"""
