"""The release file's contents."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.app_service_canary.release.policies import policy

from app_service_canary.release.policy import (
    Approval,
    Artifact,
    ArtifactType,
    Readiness,
    ReleasePolicy,
    Step,
    Watch,
    refuse_weights_that_do_not_rise,
)

STEP = {"weight": 10, "bake": "5m"}


def test_only_app_resource_group_slot_and_steps_have_to_be_given() -> None:
    required = {name for name, field in ReleasePolicy.model_fields.items() if field.is_required()}

    assert required == {"app", "resource_group", "slot", "steps"}


def test_what_is_left_out_has_the_documented_default() -> None:
    given_least = policy()

    assert given_least.connection == "azure_app_service"
    assert given_least.create_slot is False
    assert Artifact(type=ArtifactType.ZIP, path=None, clean=True, os="linux") == given_least.artifact
    readiness = {"path": "/", "statuses": [200], "consecutive": 3, "timeout": "10m", "version_path": None}
    assert Readiness.model_validate(readiness) == given_least.readiness
    watch = {"poll_interval": "5s", "failure_limit": 3, "min_answers": 3, "timeout": "10s", "promoted_bake": "10m"}
    assert Watch.model_validate(watch) == given_least.watch
    approval = {"approvers": [], "timeout": "24h", "on_timeout": "reject"}
    assert Approval.model_validate(approval) == given_least.approval
    assert (given_least.drain, given_least.restore_timeout) == (timedelta(hours=1), timedelta(minutes=30))


@pytest.mark.parametrize(
    "changes",
    [
        {"app": "ab"},
        {"app": "a" * 60},
        {"resource_group": "rg.(test)_1-a"},
        {"slot": "s"},
        {"slot": "s" * 59},
        {"steps": [{"weight": 0, "bake": "manual"}]},
        {"steps": [{"weight": 100, "bake": "1s"}]},
        {"steps": [{"weight": weight, "bake": "1m"} for weight in range(1, 21)]},
        {"artifact": {"type": "static", "path": "/site", "clean": False}},
        {"artifact": {"type": "container", "os": "windows"}},
        {"readiness": {"statuses": [100, 599], "consecutive": 1}},
        {"readiness": {"consecutive": 100}},
        {"watch": {"failure_limit": 1, "min_answers": 1}},
        {"watch": {"failure_limit": 1000, "min_answers": 10000}},
        {"approval": {"approvers": ["maria"], "on_timeout": "approve"}},
        {"drain": "365d"},
    ],
)
def test_every_value_up_to_its_limit_is_taken(changes: dict[str, Any]) -> None:
    taken = policy(**changes).model_dump(mode="json", include=set(changes))

    assert set(changes) == set(taken)


@pytest.mark.parametrize(
    "changes",
    [
        {"app": ""},
        {"app": "a"},
        {"app": "a" * 61},
        {"app": "-ab"},
        {"app": "ab-"},
        {"app": "a_b"},
        {"app": 5},
        {"resource_group": ""},
        {"resource_group": "a" * 91},
        {"resource_group": "a/b"},
        {"slot": ""},
        {"slot": "s" * 60},
        {"slot": "production"},
        {"slot": " Production "},
        {"connection": ""},
        {"connection": " "},
        {"create_slot": "perhaps"},
        {"steps": None},
        {"steps": []},
        {"steps": [{"weight": weight, "bake": "1m"} for weight in range(21)]},
        {"steps": [{"weight": 10}]},
        {"steps": [{"bake": "5m"}]},
        {"steps": [{**STEP, "pause": "5m"}]},
        {"steps": [STEP, STEP]},
        {"steps": [{**STEP, "weight": 20}, STEP]},
        *({"steps": [{**STEP, "weight": weight}]} for weight in (None, True, "10", -0.1, 100.1, float("nan"))),
        *({"steps": [{**STEP, "bake": bake}]} for bake in (None, 5, "", "0s", "soon", "366d")),
        {"artifact": {"type": "ear"}},
        {"artifact": {"path": "site"}},
        {"artifact": {"path": "/a b"}},
        {"artifact": {"os": "macos"}},
        {"readiness": {"path": "health"}},
        {"readiness": {"statuses": []}},
        {"readiness": {"statuses": [99]}},
        {"readiness": {"statuses": [600]}},
        {"readiness": {"consecutive": 0}},
        {"readiness": {"consecutive": 101}},
        {"readiness": {"timeout": "0s"}},
        {"readiness": {"version_path": ""}},
        {"watch": {"poll_interval": "0s"}},
        {"watch": {"failure_limit": 0}},
        {"watch": {"failure_limit": 1001}},
        {"watch": {"min_answers": 0}},
        {"watch": {"min_answers": 10001}},
        {"watch": {"promoted_bake": "manual"}},
        {"approval": {"approvers": [""]}},
        {"approval": {"approvers": "maria"}},
        {"approval": {"on_timeout": "ask"}},
        {"approval": {"timeout": "manual"}},
        {"drain": "manual"},
        {"restore_timeout": 30},
        {"nobody": "knows"},
    ],
    ids=str,
)
def test_every_value_just_beyond_its_limit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        policy(**changes)


def test_a_policy_is_not_changed_by_anybody() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        policy().drain = timedelta(0)


def test_a_manual_bake_has_no_length() -> None:
    assert Step.model_validate({"weight": 10, "bake": "manual"}).bake is None


@pytest.mark.parametrize("kind", ArtifactType)
def test_only_a_container_is_deployed_as_an_image(kind: ArtifactType) -> None:
    assert (kind is ArtifactType.CONTAINER) == Artifact(type=kind).is_container


@given(st.lists(st.integers(0, 100) | st.floats(0, 100), max_size=6))
def test_weights_that_do_not_rise_and_no_others_are_refused(weights: list[float]) -> None:
    rises = sorted(set(weights)) == weights
    try:
        refuse_weights_that_do_not_rise(weights)
    except ValueError as refused:
        said = str(refused)
    else:
        assert rises
        return
    assert not rises
    assert "allowed: weights that rise from step to step" in said
