"""Airflow's API, asked by somebody patient."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest

from demo import airflow_api
from demo.airflow_api import AirflowApi
from demo.airflow_home import User

RUN = b'{"dag_run_id": "manual__1", "state": "queued", "start_date": null, "end_date": null}'


class BusyAirflow(HTTPServer):
    """Answers with these statuses, and then well; keeps what it was asked."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.statuses, self.asked = list(statuses), list[bytes]()


class Answering(BaseHTTPRequestHandler):
    server: BusyAirflow

    def do_POST(self) -> None:
        self.server.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Content-Length", str(len(RUN)))
        self.end_headers()
        self.wfile.write(RUN)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@pytest.fixture
def airflow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[BusyAirflow]:
    monkeypatch.setattr(airflow_api, "PAUSES", (0.0,) * 4)
    server = BusyAirflow(*request.param)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def api(airflow: BusyAirflow) -> AirflowApi:
    return AirflowApi(f"http://127.0.0.1:{airflow.server_port}", User("oliver", "op", "secret"))


@pytest.mark.parametrize("airflow", [[500, 500]], indirect=True)
def test_a_release_is_triggered_although_sqlite_was_busy(airflow: BusyAirflow) -> None:
    assert api(airflow).trigger("canary_release.web", {"version": "2.0.0"}, "").dag_run_id == "manual__1"
    assert len(airflow.asked) == 3
    assert len(set(airflow.asked)) == 1


@pytest.mark.parametrize("airflow", [[500] * 5, [503], [409]], indirect=True, ids=["always", "unavailable", "conflict"])
def test_what_does_not_pass_or_is_no_trouble_of_sqlites_is_raised(airflow: BusyAirflow) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        api(airflow).trigger("canary_release.web", {"version": "2.0.0"}, "")
    assert not airflow.statuses
