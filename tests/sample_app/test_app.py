import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from sample_app.build import SOURCE, build_package

PATIENCE = 20.0
"""Real seconds within which anything awaited in a test happens, even on a busy machine."""


class RunningApp:
    """The sample app's process, listening."""

    def __init__(self, folder, settings):
        self.process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=folder,
            env={"PATH": os.defpath, "PORT": "0", **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout
        self.port = int(self.process.stdout.readline().rpartition(" ")[2])

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def get(self, path, method="GET"):
        """Status, headers and body of an answer."""
        connection = self.connect()
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, body

    def statuses(self, path, times):
        return [self.get(path)[0] for _ in range(times)]

    def finish(self):
        """What else it says, and its exit code."""
        rest, _ = self.process.communicate(timeout=PATIENCE)
        return rest.strip(), self.process.returncode


@contextmanager
def running(folder=SOURCE, **settings):
    app = RunningApp(folder, settings)
    try:
        yield app
    finally:
        app.process.kill()
        app.process.communicate()


def test_the_page_says_the_version_and_the_slot():
    with running(SAMPLE_VERSION="1.2.3", WEBSITE_SLOT_NAME="stage") as app:
        status, headers, page = app.get("/")
    assert (status, headers["X-App-Version"]) == (200, "1.2.3")
    assert "<strong>1.2.3</strong><p>served by stage</p>" in page


def test_the_version_is_told_as_json():
    with running(SAMPLE_VERSION="1.2.3", SAMPLE_SLOT="stage") as app:
        assert json.loads(app.get("/version")[2]) == {"version": "1.2.3", "slot": "stage"}


def test_app_service_s_own_slot_name_wins_over_the_setting():
    with running(WEBSITE_SLOT_NAME="Production", SAMPLE_SLOT="stage") as app:
        assert json.loads(app.get("/version")[2])["slot"] == "Production"


def test_a_healthy_app_says_so_and_an_unknown_path_is_a_404():
    with running() as app:
        assert [app.get(path)[0] for path in ("/health", "/nothing")] == [200, 404]


def test_an_unhealthy_app_still_serves_its_page():
    with running(SAMPLE_UNHEALTHY="1") as app:
        assert [app.get(path)[0] for path in ("/health", "/")] == [503, 200]


def test_a_head_request_has_the_length_of_the_page_and_no_body():
    with running() as app:
        _, whole, page = app.get("/")
        status, head, body = app.get("/", "HEAD")
    assert (status, body) == (200, "")
    assert head["Content-Length"] == whole["Content-Length"] == str(len(page.encode()))


def test_the_stream_arrives_in_chunks():
    with running(SAMPLE_VERSION="1.0.0") as app:
        status, headers, body = app.get("/stream")
    assert (status, headers["Transfer-Encoding"]) == (200, "chunked")
    assert body.splitlines() == [f"line {number} of version 1.0.0" for number in range(1, 11)]


def test_the_error_rate_spoils_that_share_of_the_answers_but_not_the_health():
    with running(SAMPLE_ERROR_RATE="0.5") as app:
        failures = app.statuses("/", 200).count(500)
        # 200 at one half: 100 expected, standard deviation 7.1; beyond 6 of them once in 500 million runs.
        assert 57 <= failures <= 143
        assert app.statuses("/health", 10) == [200] * 10


def test_an_app_that_fails_with_users_is_well_until_one_comes_by_another_hosts_name():
    settings = {"SAMPLE_ERROR_RATE": "1", "SAMPLE_FAIL_WITH_USERS": "1", "WEBSITE_HOSTNAME": "127.0.0.1"}
    with running(**settings) as app:
        assert app.statuses("/", 3) == [200] * 3
        connection = app.connect()
        connection.request("GET", "/", headers={"Host": "contoso-web.azurewebsites.net"})
        assert connection.getresponse().status == 500
        connection.close()
        assert app.statuses("/", 3) == [500] * 3


def test_latency_is_added_to_each_answer():
    with running(SAMPLE_LATENCY_MS="200") as app:
        began = time.monotonic()
        app.get("/")
        assert time.monotonic() - began >= 0.2


def test_an_app_that_fails_later_is_well_before_and_broken_after():
    with running(SAMPLE_FAIL_AFTER_S="1.5") as app:
        assert [app.get(path)[0] for path in ("/", "/health")] == [200, 200]
        deadline = time.monotonic() + PATIENCE
        while app.get("/")[0] == 200:
            assert time.monotonic() < deadline
        assert [app.get(path)[0] for path in ("/", "/health")] == [500, 503]


def test_an_app_that_cannot_start_ends_with_a_sentence_and_exit_code_1():
    result = subprocess.run(
        [sys.executable, "app.py"],
        cwd=SOURCE,
        env={"SAMPLE_FAIL_START": "1", "SAMPLE_VERSION": "3.0.0"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (result.returncode, result.stderr) == (
        1,
        "version 3.0.0 cannot start: SAMPLE_FAIL_START is set\n",
    )


def test_an_app_with_a_start_delay_listens_later():
    began = time.monotonic()
    with running(SAMPLE_START_DELAY_S="0.4"):
        assert time.monotonic() - began >= 0.4


def test_settings_in_the_package_apply_and_the_environment_wins(tmp_path):
    package = build_package("2.0.0", tmp_path, {"SAMPLE_UNHEALTHY": "1"})
    site = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", package, site], check=True)
    with running(site) as app:
        assert (app.get("/health")[0], app.get("/")[1]["X-App-Version"]) == (503, "2.0.0")
    with running(site, SAMPLE_UNHEALTHY="0") as app:
        assert app.get("/health")[0] == 200


def test_a_kept_connection_serves_several_requests():
    with running() as app:
        connection = app.connect()
        sockets = set()
        for _ in range(3):
            connection.request("GET", "/version")
            connection.getresponse().read()
            sockets.add(connection.sock)
        connection.close()
    assert len(sockets) == 1
    assert None not in sockets


class TestEnding:
    def test_a_request_in_hand_is_finished_and_then_the_app_ends(self):
        with running(SAMPLE_VERSION="1.0.0") as app:
            connection = app.connect()
            connection.request("GET", "/stream")
            answer = connection.getresponse()
            first = answer.readline()
            app.process.send_signal(signal.SIGTERM)
            rest = answer.read().decode().splitlines()
            connection.close()
            assert (first, rest[-1]) == (b"line 1 of version 1.0.0\n", "line 10 of version 1.0.0")
            assert app.finish() == ("version 1.0.0 has ended", 0)

    def test_an_idle_connection_does_not_hold_up_the_end(self):
        with running() as app:
            connection = app.connect()
            connection.request("GET", "/")
            connection.getresponse().read()
            app.process.send_signal(signal.SIGTERM)
            assert app.finish()[1] == 0
            connection.close()

    def test_a_connection_is_closed_after_an_answer_given_while_ending(self):
        with running(SAMPLE_LATENCY_MS="500") as app:
            connection = app.connect()
            connection.request("GET", "/")
            threading.Timer(0.1, app.process.send_signal, [signal.SIGTERM]).start()
            answer = connection.getresponse()
            assert (answer.status, answer.headers["Connection"]) == (200, "close")
            connection.close()

    def test_nothing_listens_any_more(self):
        with running() as app:
            app.process.send_signal(signal.SIGTERM)
            app.finish()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", app.port))
