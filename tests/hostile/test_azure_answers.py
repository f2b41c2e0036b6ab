"""Azure answers anything at all: what comes of it is an answer understood, or one of this package's errors.

Through Microsoft's own client. And what could not be understood is never acted upon: nothing is written then.
"""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.hostile.azure import CLIENT_SECRET, DOCUMENTS, OTHER_RULE, SITE, TARGET, TOKEN, HostileAzure
from tests.hostile.mutations import SECRET, SIGNED, hostile, mutated

from app_service_canary.errors import AppServiceCanaryError, TransientError
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.release.app_state import AppState, Deployment

Work = Callable[[AppServiceHook], Awaitable[Any]]

OPERATION = f"{SITE}/slots/stage/operationresults/1"
DEPLOYMENT = f"{SITE}/slots/stage/deployments/latest"

READS: dict[str, Work] = {
    "read_app": lambda hook: hook.read_app(TARGET),
    "read_slot": lambda hook: hook.read_slot(TARGET),
    "read_production": lambda hook: hook.read_production(TARGET),
    "read_rule": lambda hook: hook.read_rule(TARGET),
    "read_image": lambda hook: hook.read_image(TARGET, "linux"),
    "read_deployment": lambda hook: hook.read_deployment(TARGET),
    "deployment_status": lambda hook: hook.deployment_status(TARGET, Deployment("d1", DEPLOYMENT)),
    "swap_status": lambda hook: hook.swap_status(OPERATION),
}
WRITES: dict[str, Work] = {
    "set_weight": lambda hook: hook.set_weight(TARGET, "storefront-stage.azurewebsites.net", 25.0),
    "clear_weight": lambda hook: hook.clear_weight(TARGET),
    "refuse_while_busy": lambda hook: hook.refuse_while_busy(TARGET),
    "set_image": lambda hook: hook.set_image(TARGET, "web:2", "linux"),
    "create_slot": lambda hook: hook.create_slot(TARGET),
    "start_slot": lambda hook: hook.start_slot(TARGET),
    "begin_swap": lambda hook: hook.begin_swap(TARGET),
    "begin_deployment": lambda hook: hook.begin_deployment(TARGET, {"packageUri": SIGNED, "type": "zip"}),
}
RULES = f"GET {SITE}/config/web"


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileAzure]:
    with HostileAzure(tmp_path_factory.mktemp("certificates")) as opened:
        yield opened


JSON = {"Content-Type": "application/json; charset=utf-8"}
HTML = {"Content-Type": "text/html"}
ODD_TYPES = [
    {},
    {"Content-Type": "application/json; charset=utf-16"},
    {"Content-Type": "application/json; charset=hex"},
]
headers = st.sampled_from([JSON, JSON, HTML, *ODD_TYPES, {"Content-Type": "application/xml"}])
PAGE = b"<html><head><title>502</title></head><body>proxy</body></html>"
bodies = (
    hostile.map(lambda value: json.dumps(value, default=str).encode())
    | st.binary(max_size=60)
    | st.sampled_from([b"", b"null", b"[]", b"{}", b'{"properties": null}', b'{"properties": []}', PAGE, b"\xff\xfe{"])
)


def documents(call: str) -> st.SearchStrategy[bytes]:
    """Bodies that resemble the right one: with other values in it, or cut off."""
    whole = json.dumps(DOCUMENTS[call]).encode()
    cut = st.integers(0, len(whole)).map(lambda length: whole[:length])
    return mutated(DOCUMENTS[call]).map(lambda value: json.dumps(value, default=str).encode()) | cut | bodies


def outcome(azure: HostileAzure, work: Work) -> Any:
    """What came of it, or the error; anything but ours is not caught."""
    try:
        return azure.run(work)
    except AppServiceCanaryError as error:
        said = str(error)
        assert SECRET not in said
        assert TOKEN not in said
        assert CLIENT_SECRET not in said
        assert 0 < len(said) < 1500
        return error
    finally:
        azure.instead.clear()


calls = st.sampled_from(sorted(DOCUMENTS))


@settings(max_examples=60)
@given(st.sampled_from(sorted(READS)), st.data(), headers)
def test_whatever_a_read_is_answered_is_understood_or_one_of_our_errors(
    azure: HostileAzure, name: str, data: st.DataObject, sent: dict[str, str]
) -> None:
    call = data.draw(calls, label="call")
    azure.instead = {call: (data.draw(st.sampled_from([200, 200, 202, 204])), sent, data.draw(documents(call)))}
    found = outcome(azure, READS[name])
    if isinstance(found, AppState):
        assert_can_be_relied_upon(found)
    assert azure.written == []


def assert_can_be_relied_upon(state: AppState) -> None:
    """What a release decides on is there, and of its kind."""
    for slot in (state.production, state.slot):
        if slot is not None:
            for value in (slot.state, slot.host, slot.deployment_id):
                assert isinstance(value, str)
                assert value not in ("", "None")
    for rule in state.rules:
        assert 0 <= rule.weight <= 100


@settings(max_examples=60)
@given(st.sampled_from(sorted(WRITES)), st.data(), headers)
@example("set_weight", None, JSON)
def test_whatever_is_answered_before_a_write_nobody_elses_rule_is_lost(
    azure: HostileAzure, name: str, data: Any, sent: dict[str, str]
) -> None:
    call = data.draw(calls, label="call") if data else RULES
    body = data.draw(documents(call)) if data else b'{"properties": {}}'
    azure.instead = {call: (200, sent, body)}
    outcome(azure, WRITES[name])
    for method, path, written in azure.written:
        if (method, path) == ("PATCH", f"{SITE}/config/web"):
            rules = written["properties"]["experiments"]["rampUpRules"]
            assert all(isinstance(rule, dict) for rule in rules)
            assert others_in(rules) == others_in(rules_in(body) if call == RULES else [OTHER_RULE])


def others_in(rules: Any) -> list[Any]:
    """The rules that are not ours, without empty properties."""
    filled = [{key: value for key, value in rule.items() if value is not None} for rule in rules]
    return [rule for rule in filled if str(rule.get("name")).lower() != "stage"]


def rules_in(body: bytes) -> Any:
    """The rules of a configuration, read by somebody who trusts it; what is no configuration fails the test."""
    experiments = json.loads(body)["properties"]["experiments"]
    return (experiments or {}).get("rampUpRules") or []


@pytest.mark.parametrize("name", sorted(WRITES))
@settings(max_examples=5)
@given(body=bodies | st.just(json.dumps({"error": {"code": "X", "message": f"cannot fetch {SIGNED}"}}).encode()))
@example(body=json.dumps({"Code": 1, "Message": ["x"], "Details": [None, {"ErrorEntity": 5}]}).encode())
@example(body=json.dumps({"error": {"code": {}, "message": {}, "details": "x"}}).encode())
@example(body=b"[" * 50_000)
@example(body=b"\x80")
@example(body=b"x" * 2_000_000)
@example(body=json.dumps({"error": {"message": SIGNED * 20}}).encode())
@example(body=SIGNED.replace("&", "\\u0026").encode())
def test_whatever_an_error_says_it_is_one_of_ours_with_a_sentence(azure: HostileAzure, name: str, body: bytes) -> None:
    for status in (400, 401, 404, 503):
        azure.instead = {
            f"{method} {path}": (status, {**JSON, "Retry-After": "soon"}, body)
            for method, path in [
                *(call.split(" ", 1) for call in DOCUMENTS),
                ("PATCH", f"{SITE}/config/web"),
                ("PATCH", f"{SITE}/slots/stage/config/web"),
                ("PUT", f"{SITE}/slots/stage"),
                ("POST", f"{SITE}/slots/stage/start"),
                ("POST", f"{SITE}/slots/stage/slotsswap"),
                ("PUT", f"{SITE}/slots/stage/extensions/onedeploy"),
            ]
        }
        assert isinstance(outcome(azure, WRITES[name]), AppServiceCanaryError)


@settings(max_examples=40)
@given(st.sampled_from(["begin_swap", "begin_deployment"]), bodies, headers)
def test_a_write_that_was_accepted_counts_whatever_its_body_says(
    azure: HostileAzure, name: str, body: bytes, sent: dict[str, str]
) -> None:
    """202 and a Location say that it was accepted; to take it for a failure would mean to do it again."""
    path = "slotsswap" if name == "begin_swap" else "extensions/onedeploy"
    method = "POST" if name == "begin_swap" else "PUT"
    azure.instead = {f"{method} {SITE}/slots/stage/{path}": (202, {**sent, "Location": OPERATION}, body)}
    found = outcome(azure, WRITES[name])
    assert not isinstance(found, AppServiceCanaryError)
    assert len(azure.written) == 1


@pytest.mark.parametrize("name", ["read_app", "read_production", "read_rule"])
def test_an_answer_that_cannot_be_read_is_worth_another_try(azure: HostileAzure, name: str) -> None:
    for call in (f"GET {SITE}", RULES):
        azure.instead[call] = (200, HTML, PAGE)
    assert isinstance(outcome(azure, READS[name]), TransientError)
