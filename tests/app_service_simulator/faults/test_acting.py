"""What each kind of fault does to a call, seen from the other end of the wire."""

import errno
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from tests.simulator import API_VERSION, RunningSimulator

Order = Callable[..., None]

APP = "contoso-web"


@pytest.fixture
def running_slot(simulator: RunningSimulator, app: str) -> str:
    """The path of a slot that runs."""
    path = simulator.app_path(app, "stage")
    simulator.arm("POST", f"{path}/start").raise_for_status()
    return path


REPLIES = [
    ("server_error", 500, "InternalServerError"),
    ("bad_gateway", 502, "BadGateway"),
    ("server_timeout", 503, "ServerTimeout"),
    ("gateway_timeout", 504, "GatewayTimeout"),
    ("expired_token", 401, "ExpiredAuthenticationToken"),
    ("forbidden", 403, "AuthorizationFailed"),
    ("locked", 409, "ScopeLocked"),
    ("throttled", 429, "TooManyRequests"),
    ("exclusive_lock", 429, "429"),
    ("in_progress", 409, "Conflict"),
]


def get(simulator: RunningSimulator) -> httpx.Response:
    return simulator.arm("GET", simulator.app_path(APP))


@pytest.mark.parametrize(("do", "status", "code"), REPLIES, ids=[kind for kind, _, _ in REPLIES])
def test_a_call_is_answered_with_an_error_of_azures_own(
    simulator: RunningSimulator, order: Order, do: str, status: int, code: str
) -> None:
    order(do)
    answer = get(simulator)
    body = answer.json()
    assert (answer.status_code, body["Code"] if "Code" in body else body["error"]["code"]) == (status, code)
    assert get(simulator).status_code == 200


def test_throttling_says_how_long_to_stay_away(simulator: RunningSimulator, order: Order) -> None:
    order("throttled", retry_after=17)
    assert get(simulator).headers["Retry-After"] == "17"


def test_an_expired_token_comes_with_a_challenge(simulator: RunningSimulator, order: Order) -> None:
    order("expired_token")
    assert f'authorization_uri="{simulator.authority}/' in get(simulator).headers["WWW-Authenticate"]


@pytest.mark.parametrize(("do", "extended"), [("exclusive_lock", "59206"), ("in_progress", "59203")])
def test_app_services_own_refusals_carry_their_extended_code(
    simulator: RunningSimulator, order: Order, do: str, extended: str
) -> None:
    order(do)
    entity = next(part for part in get(simulator).json()["Details"] if "ErrorEntity" in part)["ErrorEntity"]
    assert entity["ExtendedCode"] == extended


def test_any_error_can_be_had_in_resource_managers_shape(simulator: RunningSimulator, order: Order) -> None:
    order("arm_error", status=418, code="Teapot", message="Short and stout.")
    answer = get(simulator)
    assert (answer.status_code, answer.json()) == (418, {"error": {"code": "Teapot", "message": "Short and stout."}})


def test_any_error_can_be_had_in_app_services_shape(simulator: RunningSimulator, order: Order) -> None:
    order("app_service_error", status=400, code="BadRequest", message="No.", extended_code="59911")
    body = get(simulator).json()
    assert (body["Code"], body["Message"]) == ("BadRequest", "No.")
    assert body["Details"][2]["ErrorEntity"]["ExtendedCode"] == "59911"


@pytest.mark.parametrize("status", [200, 502])
def test_a_page_for_people_comes_where_json_is_expected(simulator: RunningSimulator, order: Order, status: int) -> None:
    order("not_json", status=status)
    answer = get(simulator)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert "<h1>" in answer.text


def test_entra_ids_errors_have_the_shape_of_oauth(simulator: RunningSimulator, order: Order) -> None:
    order("server_timeout", "Entra_Token")
    with pytest.raises(httpx.HTTPStatusError) as refused:
        simulator.token("https://appservice.azure.com")
    answer = refused.value.response
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert simulator.token("https://appservice.azure.com")


def test_kudu_has_faults_too(simulator: RunningSimulator, order: Order) -> None:
    order("gateway_timeout", "Kudu_*", app=APP)
    headers = {"Authorization": f"Bearer {simulator.token()}", "Host": f"{APP}.scm.azurewebsites.net"}
    address = f"{simulator.resource_manager}/api/deployments"
    answers = [simulator.client.get(address, headers=headers).status_code for _ in range(2)]
    assert answers == [504, 200]


def test_a_reset_connection_gives_no_answer(simulator: RunningSimulator, order: Order) -> None:
    order("reset")
    with pytest.raises(httpx.TransportError):
        get(simulator)
    assert get(simulator).status_code == 200


def test_the_reset_is_tcps_own(simulator: RunningSimulator, order: Order) -> None:
    """Python's ssl cannot tell a reset from an end, so the socket is asked."""
    order("reset")
    port = int(simulator.resource_manager.rpartition(":")[2])
    head = f"GET {simulator.app_path(APP)}?api-version={API_VERSION} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        simulator.client_tls().wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(f"{head}Authorization: Bearer {simulator.token()}\r\n\r\n".encode())
        broken = select.poll()
        broken.register(connection.fileno(), select.POLLERR)
        assert broken.poll(30_000), "not in 30 s"
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


def test_a_truncated_body_is_half_of_what_was_promised(simulator: RunningSimulator, order: Order) -> None:
    whole = len(get(simulator).content)
    order("truncated")
    with pytest.raises(httpx.RemoteProtocolError, match=rf"received {whole // 2} bytes, expected {whole}"):
        get(simulator)


def test_a_hanging_call_holds_the_client_until_it_gives_up(simulator: RunningSimulator, order: Order) -> None:
    order("hang")
    before = simulator.journal()[-1]["n"]
    with pytest.raises(httpx.ReadTimeout):
        simulator.client.get(
            f"{simulator.resource_manager}{simulator.app_path(APP)}",
            params={"api-version": API_VERSION},
            headers={"Authorization": f"Bearer {simulator.token()}"},
            timeout=0.3,
        )
    simulator.wait_until(lambda: bool(simulator.journal(before)))
    [entry] = simulator.journal(before)
    assert (entry["status"], entry["fault"]["do"]) == (None, "hang")


def test_a_hanging_call_can_end_by_itself(simulator: RunningSimulator, order: Order) -> None:
    order("hang", seconds=0.2)
    with pytest.raises(httpx.TransportError):
        get(simulator)


def test_a_slow_answer_comes_after_its_seconds(simulator: RunningSimulator, order: Order) -> None:
    order("slow", seconds=0.5)
    began = time.monotonic()
    assert get(simulator).status_code == 200
    assert time.monotonic() - began >= 0.5


def test_refused_connections_are_refused_until_the_seconds_are_over(order: Order, simulator: RunningSimulator) -> None:
    order("refused", seconds=0.6)
    address = f"{simulator.resource_manager}/_simulator/"
    with pytest.raises(httpx.TransportError):
        get(simulator)
    with httpx.Client(verify=simulator.client_tls()) as stranger, pytest.raises(httpx.ConnectError, match="refused"):
        stranger.get(address)

    def listens() -> bool:
        try:
            return httpx.get(address, verify=simulator.client_tls()).status_code == 200
        except httpx.ConnectError:
            return False

    simulator.wait_until(listens)


@pytest.mark.parametrize(("when", "stopped"), [("before", "Running"), ("after", "Stopped")])
@pytest.mark.parametrize("do", ["gateway_timeout", "reset", "not_json"])
def test_a_write_happens_or_not_by_the_moment_of_the_fault(
    simulator: RunningSimulator, order: Order, running_slot: str, do: str, when: str, stopped: str
) -> None:
    order(do, "WebApps_StopSlot", when=when)
    path = running_slot
    try:
        simulator.arm("POST", f"{path}/stop")
    except httpx.TransportError:
        assert do == "reset"
    assert simulator.arm("GET", path).json()["properties"]["state"] == stopped


CALLER = """
import sys, httpx
address, token, ca = sys.argv[1:]
import ssl
client = httpx.Client(verify=ssl.create_default_context(cafile=ca))
client.post(address, headers={"Authorization": "Bearer " + token})
print("survived")
"""


@pytest.mark.parametrize(("when", "state"), [("before", "Running"), ("after", "Stopped")])
def test_the_calling_process_is_killed_at_the_instant_of_its_call(
    simulator: RunningSimulator, order: Order, app: str, running_slot: str, when: str, state: str
) -> None:
    order("kill", "WebApps_StopSlot", app=app, when=when)
    path, last = running_slot, simulator.journal()[-1]["n"]
    address = f"{simulator.resource_manager}{path}/stop?api-version={API_VERSION}"
    command = [sys.executable, "-c", CALLER, address, simulator.token(), simulator.ca_bundle]
    caller = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert caller.communicate(timeout=30) == ("", None)
    assert caller.returncode == -9
    assert simulator.arm("GET", path).json()["properties"]["state"] == state
    entry = next(call for call in simulator.journal(last, app) if call["operation"] == "WebApps_StopSlot")
    assert (entry["caller"], entry["status"], entry["fault"]["do"]) == (caller.pid, None, "kill")


def test_another_process_can_be_killed_by_its_number(simulator: RunningSimulator, order: Order) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    order("kill", process=bystander.pid)
    with pytest.raises(httpx.TransportError):
        get(simulator)
    assert bystander.wait(30) == -9
    assert bystander.stdin is not None
    bystander.stdin.close()


def test_a_process_that_is_gone_is_said_not_to_have_been_killed(simulator: RunningSimulator, order: Order) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(30)
    order("kill", process=gone.pid)
    answer = get(simulator)
    assert (answer.status_code, f"process {gone.pid} could not be killed" in answer.text) == (500, True)


def test_a_callback_is_awaited_at_the_instant_of_the_call(simulator: RunningSimulator, order: Order) -> None:
    heard: list[bytes] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        server.timeout = 10
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        order("callback", url=f"http://127.0.0.1:{server.server_port}/")
        answer = get(simulator)
        thread.join(30)
    assert (answer.status_code, len(heard)) == (200, 1)
    assert b'"operation": "WebApps_Get"' in heard[0]


def test_a_callback_that_nobody_answers_is_seen(simulator: RunningSimulator, order: Order) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    order("callback", url=f"http://127.0.0.1:{port}/")
    answer = get(simulator)
    assert (answer.status_code, "no answer from the callback" in answer.text) == (500, True)
