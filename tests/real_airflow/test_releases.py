"""What people do to a release in a real Airflow, and what becomes of it.

One file, so that one test process starts one Airflow; the releases run side by side, each test looks at its own.
"""

import json
import logging
import re
import time
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import expect
from tests.real_airflow.release import APPROVAL, PROMOTED_WATCH, WATCH, Release
from tests.real_airflow.running import RunningAirflow, wait_until
from tests.real_airflow.written import stored, tells_a_signature
from tests.simulator import RunningSimulator

from demo.azure import Address
from demo.browser import PATIENCE, signed_in

log = logging.getLogger(__name__)

Releases = dict[str, Release]

WIDTH, HEIGHT = 1400, 1200
"""Of a browser's window: a form fits into it."""

ABORT_LIMIT = 30.0
"""Seconds from "mark run failed" until users are back: one or two to clear a rule, six or seven to swap."""


def workers(airflow: RunningAirflow) -> tuple[int, int]:
    """How many of the pool's worker slots are held, and how many tasks wait without one."""
    pool = airflow.oliver.client.get("/api/v2/pools/default_pool").raise_for_status().json()
    return pool["running_slots"] + pool["queued_slots"], pool["deferred_slots"]


def assert_back_on_stable(release: Release) -> None:
    assert release.wait_for_the_end() == "failed"
    assert release.left_behind("outcome")["outcome"] == "rolled_back"
    assert release.rules() == []
    assert release.version() == "1.0.0"


def test_no_worker_is_held_while_steps_bake_and_managers_think(airflow: RunningAirflow, releases: Releases) -> None:
    assert {each.parked_at for each in releases.values()} == {WATCH, APPROVAL}
    wait_until(lambda: workers(airflow) == (0, len(releases)), "all releases wait, and nothing runs")


def test_a_variable_that_is_no_decision_leaves_the_gate_shut_and_the_next_one_opens_it(releases: Releases) -> None:
    release = releases["aborted-swapping"]
    oliver, key = release.airflow.oliver, release.variable
    oliver.set_variable(key, "yes please")
    wait_until(lambda: "does not open the gate" in release.log(APPROVAL), "the log says why the gate stays shut")
    assert "allowed: approve, approved, reject or rejected in any case" in release.log(APPROVAL)
    assert release.state(APPROVAL) == "deferred"
    decision = {"key": key, "value": '{"decision": "approve", "by": "maria"}'}
    oliver.client.patch(f"/api/v2/variables/{key}", json=decision).raise_for_status()
    release.wait_for(APPROVAL, "success")
    decided = release.left_behind(APPROVAL)
    assert (decided["decision"], decided["by"], decided["door"]) == ("approved", "maria", "variable")
    assert oliver.client.get(f"/api/v2/variables/{key}").status_code == 404


def test_a_run_marked_failed_in_the_middle_of_the_swap_is_swapped_back(
    airflow: RunningAirflow, releases: Releases
) -> None:
    release = releases["aborted-swapping"]
    release.wait_for("swap", "deferred")
    assert workers(airflow) == (0, len(releases)), "Azure works, and a worker is held"
    assert release.version() == "1.0.0", "the swap is over already"
    release.mark_run_failed()
    assert_back_on_stable(release)
    assert release.calls("/slotsswap") == 2
    assert release.left_behind("restore")["undone"] == ["swap the stable version back"]
    assert "task swap failed: it was marked failed by a person" in release.sentence


def test_a_run_marked_failed_while_a_step_bakes_sends_new_users_back(releases: Releases) -> None:
    release = releases["aborted-baking"]
    assert [rule["reroutePercentage"] for rule in release.rules()] == [20]
    began = time.monotonic()
    release.mark_run_failed()
    wait_until(lambda: release.rules() == [], "the rule is gone", ABORT_LIMIT)
    log.info("%.1f s from “mark run failed” until the rule was gone", time.monotonic() - began)
    assert_back_on_stable(release)
    assert release.left_behind("restore")["undone"] == ["clear the traffic rule"]
    assert f"task {WATCH} failed: it was marked failed by a person" in release.sentence
    assert "New users are on the stable version." in release.sentence


def test_a_watch_marked_failed_rolls_back(releases: Releases) -> None:
    release = releases["marked-failed"]
    release.mark(WATCH, "failed")
    assert_back_on_stable(release)
    assert release.calls("/slotsswap") == 0
    assert f"task {WATCH} failed: it was marked failed by a person" in release.sentence


def test_without_a_verdict_a_manager_is_asked_and_may_let_the_release_go_on(releases: Releases) -> None:
    release = releases["held"]
    api = release.airflow.maria
    wait_until(lambda: api.human_task(release.dag_id, release.run_id, WATCH) is not None, "a manager is asked")
    asked = api.human_task(release.dag_id, release.run_id, WATCH)
    assert asked is not None
    assert "Not enough to judge failures: 0 canary requests were seen, 50 are needed." in str(asked.body)
    release.wait_until_parked(WATCH)
    assert [rule["reroutePercentage"] for rule in release.rules()] == [20], "users stay where they are"
    assert release.respond("maria", "Go on", "a quiet night", WATCH) == 200
    release.wait_for(WATCH, "success")
    watched = release.left_behind(WATCH)
    assert (watched["outcome"], watched["decided"]["comment"]) == ("inconclusive", "a quiet night")
    release.wait_until_parked(APPROVAL)
    asked = api.human_task(release.dag_id, release.run_id, APPROVAL)
    assert asked is not None
    assert "Step 1 went on **without a verdict**" in str(asked.body)
    assert release.respond("maria", "Reject") == 200
    assert_back_on_stable(release)


def test_without_a_verdict_after_the_swap_a_manager_may_have_it_swapped_back(releases: Releases) -> None:
    release = releases["held-promoted"]
    api = release.airflow.maria

    def asks(task_id: str) -> None:
        wait_until(lambda: api.human_task(release.dag_id, release.run_id, task_id) is not None, f"{task_id} asks")
        release.wait_until_parked(task_id)

    asks(WATCH)
    assert release.respond("maria", "Go on", task_id=WATCH) == 200
    asks(APPROVAL)
    assert release.respond("maria", "Approve") == 200
    asks(PROMOTED_WATCH)
    asked = api.human_task(release.dag_id, release.run_id, PROMOTED_WATCH)
    assert asked is not None
    assert "Not enough to judge failures: 0 canary requests were seen, 50 are needed." in str(asked.body)
    assert release.version() == "2.0.0"
    assert release.respond("maria", "Roll back", "nobody came", PROMOTED_WATCH) == 200
    assert_back_on_stable(release)
    assert release.calls("/slotsswap") == 2
    assert "nobody came" in release.sentence


def test_a_second_release_of_an_app_queues_behind_the_first(releases: Releases) -> None:
    release = releases["by-hand"]
    release.queued = release.trigger()
    assert release.run_state(release.queued) == "queued"


@pytest.mark.browser
def test_the_managers_page_takes_an_answer_without_a_comment(releases: Releases) -> None:
    release = releases["approved"]
    home = release.airflow.home
    with signed_in(home.url, home.manager, WIDTH, HEIGHT, {}) as page:
        page.goto(f"{home.url}/dags/{release.dag_id}/runs/{quote(release.run_id)}/tasks/{APPROVAL}/required_actions")
        for option in ("Approve", "Reject"):
            expect(page.get_by_role("button", name=option, exact=True)).to_be_enabled(timeout=PATIENCE)
        expect(page.get_by_role("row").filter(has_text="20 %")).to_contain_text("0 bad")


@pytest.mark.browser
def test_the_form_can_be_sent_with_a_version_and_a_package_alone(releases: Releases) -> None:
    release = releases["approved"]
    home = release.airflow.home
    with signed_in(home.url, home.operator, WIDTH, HEIGHT, {}) as page:
        page.goto(f"{home.url}/dags/{release.dag_id}")
        page.get_by_role("button", name="Trigger").click()
        form = page.locator("[role=dialog][data-state=open]")
        form.locator("#element_version").fill("2.0.0")
        expect(form.get_by_role("button", name="Trigger")).to_be_disabled()
        form.locator("#element_package_uri").fill("https://packages.example/web.zip")
        expect(form.get_by_role("button", name="Trigger")).to_be_enabled()


def test_a_manager_is_shown_the_evidence_and_the_doors(releases: Releases) -> None:
    release = releases["approved"]
    asked = release.airflow.maria.human_task(release.dag_id, release.run_id, APPROVAL)
    assert asked is not None
    assert asked.subject == f"Release version 2.0.0 of {release.app}?"
    assert asked.options == ["Approve", "Reject"]
    figures = release.left_behind(WATCH)["sides"]["slot"]
    assert figures["requests"] > 0
    body = asked.body or ""
    assert f"set the Variable `{release.variable}` to `approve` or `reject`" in body
    [row] = [line for line in body.splitlines() if line.startswith("| 1 | 20 % |")]
    assert f"| {figures['requests']}, 0 bad |" in row


def test_the_managers_response_opens_the_gate_at_once_and_only_the_first_one_counts(releases: Releases) -> None:
    release = releases["approved"]
    assert release.respond("vera", "Approve") == 403
    assert release.respond("maria", "Approve", "The dashboards are green.") == 200
    assert release.respond("oliver", "Reject") == 409
    release.wait_for(APPROVAL, "success")
    assert {**release.left_behind(APPROVAL), "at": None} == {
        "decision": "approved",
        "by": "maria",
        "door": "required action",
        "comment": "The dashboards are green.",
        "at": None,
    }


def test_with_named_approvers_nobody_else_may_respond(releases: Releases) -> None:
    release = releases["aborted-promoted"]
    assert release.respond("oliver", "Approve") == 403
    assert release.respond("vera", "Approve") == 403
    assert release.state(APPROVAL) == "deferred"
    assert release.respond("maria", "Approve") == 200
    release.wait_for(APPROVAL, "success")
    assert release.left_behind(APPROVAL)["by"] == "maria"


def test_a_run_marked_failed_after_the_swap_is_swapped_back(releases: Releases) -> None:
    release = releases["aborted-promoted"]
    release.wait_for("watch_promoted", "deferred")
    assert release.version() == "2.0.0"
    began = time.monotonic()
    release.mark_run_failed()
    wait_until(lambda: release.version() == "1.0.0", "users are on the old version", ABORT_LIMIT)
    log.info("%.1f s from “mark run failed” until production was swapped back", time.monotonic() - began)
    assert_back_on_stable(release)
    assert release.calls("/slotsswap") == 2
    assert "task watch_promoted failed: it was marked failed by a person" in release.sentence


def test_an_approved_release_goes_on_to_the_end_while_another_apps_waits(releases: Releases) -> None:
    release, other = releases["approved"], releases["by-hand"]
    assert release.wait_for_the_end() == "success"
    assert release.version() == "2.0.0"
    assert "is promoted: it serves all users, approved by maria (required action)." in release.sentence
    assert other.run_state(other.queued) == "queued"


def test_tasks_marked_success_in_the_grid_go_on_at_once(releases: Releases) -> None:
    release = releases["by-hand"]
    release.mark(WATCH, "success")
    release.wait_for("canary_50.watch", "deferred")
    assert [rule["reroutePercentage"] for rule in release.rules()] == [50]
    release.mark("canary_50.watch", "success")
    release.wait_until_parked(APPROVAL)
    release.mark(APPROVAL, "success")
    assert release.wait_for_the_end() == "success"
    assert release.version() == "2.0.0"
    assert "approved by marking the task" in release.sentence
    wait_until(lambda: release.run_state(release.queued) == "running", "the queued release has its turn")
    release.mark_run_failed(release.queued)


@pytest.mark.parametrize(
    "refused",
    [
        {"version": None},
        {"package_uri": None},
        {"version": "two words"},
        {"package_uri": "ftp://packages/web.zip"},
        {"weights": [101]},
        {"weights": [10, 20]},
        {"bake": "soon"},
    ],
    ids=str,
)
def test_parameters_that_the_form_refuses_start_nothing(releases: Releases, refused: dict[str, object]) -> None:
    release = releases["approved"]
    oliver, path = release.airflow.oliver.client, f"/api/v2/dags/{release.dag_id}/dagRuns"
    conf = {"version": "3.0.0", "package_uri": "https://packages/web.zip", **refused}
    given = {name: value for name, value in conf.items() if value is not None}
    runs, calls = oliver.get(path).json()["total_entries"], release.calls()
    answer = oliver.post(path, json={"logical_date": None, "conf": given})
    assert answer.status_code == 400
    assert next(iter(refused)) in answer.text
    assert (oliver.get(path).json()["total_entries"], release.calls()) == (runs, calls)


def test_a_bad_release_file_is_an_import_error_of_its_own(airflow: RunningAirflow, releases: Releases) -> None:
    file = airflow.releases / "mistaken.yaml"
    good = (airflow.releases / "approved.yaml").read_text().replace(releases["approved"].app, "another-app")
    file.write_text(good.replace("weight: 20", "weight: 200"))

    [failure] = wait_until(airflow.oliver.import_failures, "the bad file is an import error")
    assert failure.filename == "include/releases/mistaken.yaml"
    assert re.search(
        r"include/releases/mistaken\.yaml:\d+: steps\[0\]\.weight: found 200; allowed", failure.stack_trace
    )
    for release in releases.values():
        dag = airflow.oliver.client.get(f"/api/v2/dags/{release.dag_id}").raise_for_status().json()
        assert dag["is_stale"] is False
    file.write_text(good)
    mended = time.monotonic()
    wait_until(lambda: airflow.oliver.has_dag("canary_release.mistaken"), "the mended file is a DAG")
    log.info("%.1f s until the mended file was a DAG", time.monotonic() - mended)
    wait_until(lambda: not airflow.oliver.import_failures(), "its import error is gone")
    log.info("%.1f s until its import error was gone", time.monotonic() - mended)


def test_the_connection_form_has_our_type_with_its_fields(airflow: RunningAirflow) -> None:
    types = airflow.oliver.client.get("/ui/connections/hook_meta").raise_for_status().json()
    [ours] = [each for each in types if each["connection_type"] == "azure_app_service"]
    assert ours["hook_name"] == "Azure App Service"
    assert {"subscriptionId", "tenantId", "resource_manager", "connect_to"} < set(ours["extra_fields"])
    assert ours["standard_fields"]["host"]["hidden"] is True


@pytest.mark.parametrize(("secret", "works", "message"), [(None, True, "web app"), ("wrong", False, "AADSTS7000215")])
def test_the_connections_test_button_tells_a_right_secret_from_a_wrong_one(
    airflow: RunningAirflow, fast_simulator: RunningSimulator, secret: str | None, works: bool, message: str
) -> None:
    connection = json.loads(Address.model_validate(fast_simulator.fields).connection())
    body = {
        "connection_id": "tried_out",
        "conn_type": "azure_app_service",
        "login": connection["login"],
        "password": secret or connection["password"],
        "extra": json.dumps(connection["extra"]),
    }
    told = airflow.oliver.client.post("/api/v2/connections/test", json=body).raise_for_status().json()
    assert (told["status"], message in told["message"]) == (works, True), told["message"]


@pytest.mark.parametrize(
    ("name", "task", "said"),
    [
        ("refused", "preflight", "allowed: an https:// address"),
        ("not-taken", "deploy", "Azure answered 400 BadRequest: Cannot fetch https://"),
        ("not-deployed", "deploy", "did not take the package: Cannot fetch https://"),
    ],
)
def test_a_release_that_fails_over_its_package_says_why_and_where_from(
    failures: Releases, name: str, task: str, said: str
) -> None:
    release = failures[name]
    assert (release.run_state(), release.state(task)) == ("failed", "failed")
    assert said in release.sentence
    assert f"{release.simulator.resource_manager.partition('://')[2]}/" in release.sentence


def test_a_rejected_release_says_by_whom(failures: Releases) -> None:
    release = failures["not-deployed"]
    run_id = release.run_id
    release.run_id = ""
    release.trigger()
    release.wait_until_parked(APPROVAL)
    assert release.respond("maria", "Reject", "Not before the holidays.") == 200
    assert release.wait_for_the_end() == "failed"
    assert "maria" in release.sentence
    release.run_id = run_id


def test_a_package_addresss_signature_is_in_no_file_of_airflows(airflow: RunningAirflow, failures: Releases) -> None:
    """Neither in a log of a task or component, nor in anything else that is left on disk; the database aside."""
    files = [file for file in airflow.home.path.parent.rglob("*") if file.is_file() and "airflow.db" not in file.name]
    assert {"airflow.log", "attempt=1.log"} <= {file.name for file in files}
    assert [file for file in files if tells_a_signature(file.read_bytes())] == []


def test_a_package_addresss_signature_is_nowhere_in_the_database_but_in_the_runs_own_parameters(
    airflow: RunningAirflow, failures: Releases
) -> None:
    """Airflow shows a run's parameters to whoever may see the run; the form says so."""
    found, searched = set(), set()
    for table, column, value in stored(airflow):
        searched.add(table)
        if tells_a_signature(value):
            found.add((table, column))
    assert {"xcom", "rendered_task_instance_fields", "hitl_detail", "task_state_store", "log"} <= searched
    assert {"serialized_dag", "task_instance", "task_instance_history", "trigger", "dag_run", "variable"} <= searched
    assert found == {("dag_run", "conf")}


def test_the_principals_secret_and_its_tokens_are_nowhere_that_airflow_writes(
    airflow: RunningAirflow, failures: Releases, fast_simulator: RunningSimulator
) -> None:
    """It was given by the environment, and to the Test button: neither is stored."""
    secret = fast_simulator.client_secret.encode()
    files = [file for file in airflow.home.path.parent.rglob("*") if file.is_file()]
    assert "airflow.db" in {file.name for file in files}
    for file in files:
        content = file.read_bytes()
        assert secret not in content, file
        assert re.search(rb"[Bb]earer [\w-]{20}|access_token\W+[\w-]{20}", content) is None, file


def test_no_secret_is_in_the_command_line_of_a_process(
    airflow: RunningAirflow, failures: Releases, fast_simulator: RunningSimulator
) -> None:
    """Whoever has an account on the machine may read those."""
    lines = [line for each in psutil.process_iter(["cmdline"]) for line in each.info["cmdline"] or []]
    assert any("airflow" in line for line in lines)
    assert [line for line in lines if tells_a_signature(line.encode())] == []
    assert [line for line in lines if fast_simulator.client_secret in line] == []
