"""Run parameters of any content: what the form lets through is planned, or refused by a sentence that names it."""

from typing import Any

import pytest
from airflow.sdk.definitions.param import ParamValidationError
from hypothesis import example, given
from hypothesis import strategies as st
from tests.app_service_canary.release.policies import policy
from tests.hostile.mutations import SECRET, SIGNED, hostile, mutated

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.release.plan import plan_release
from app_service_canary.release.policy import ReleasePolicy
from app_service_canary.run_form import run_params

POLICIES = [
    policy(),
    policy(artifact={"hosts": ["*.blob.core.windows.net", "packages.example:8443"]}),
    policy(artifact={"type": "container"}),
    policy(artifact={"type": "container", "hosts": ["contoso.azurecr.io"]}),
]
NAMES = ["version", "package_uri", "image", "weights", "bake", "note"]
GOOD: dict[str, Any] = {
    "version": "2.0.0",
    "package_uri": SIGNED,
    "image": "contoso.azurecr.io/web:2.0.0",
    "weights": [5, 12.5],
    "bake": "10m, manual",
    "note": "New checkout.",
}


def of_any_content() -> st.SearchStrategy[dict[str, Any]]:
    """Parameters that are nearly right, and ones that are nothing like it."""
    nearly = mutated(GOOD).filter(lambda params: isinstance(params, dict))
    return nearly | st.dictionaries(st.sampled_from(NAMES), hostile)


def through_the_form(chosen: ReleasePolicy, params: dict[str, Any]) -> dict[str, Any] | None:
    """What Airflow hands to the run; None when it refuses to start one."""
    form = run_params(chosen)
    given_to_run: dict[str, Any] = {}
    for name, param in form.items():
        try:
            given_to_run[name] = param.resolve(params[name]) if name in params else param.resolve()
        except ParamValidationError:
            return None
    # Airflow lets more through than the form asks for.
    return {**params, **given_to_run}


def said_of(chosen: ReleasePolicy, params: dict[str, Any], *, allow_http: bool = False) -> str:
    """The refusal of these parameters; empty when there is a plan that can be followed."""
    try:
        plan = plan_release(chosen, params, allow_http_packages=allow_http)
    except InvalidReleasePlan as refused:
        return str(refused)
    name = "image" if chosen.artifact.is_container else "package_uri"
    assert plan.source is params[name], "what is deployed is not what was checked"
    assert SECRET not in plan.shown_source
    assert SECRET not in plan.note
    assert [step.weight for step in plan.steps] == sorted({step.weight for step in plan.steps})
    assert all(0 <= step.weight <= 100 for step in plan.steps)
    return ""


def assert_readable(said: str) -> None:
    assert not said or said.startswith("Parameter ")
    assert len(said) < 700
    assert SECRET not in said
    # A line break or a sign that turns text round could forge another line of the log.
    assert said.isprintable()


@given(st.sampled_from(POLICIES), of_any_content(), st.booleans())
@example(POLICIES[0], {**GOOD, "package_uri": "http://u:p@h/" + SIGNED}, False)
@example(POLICIES[0], {**GOOD, "package_uri": [SIGNED]}, False)
@example(POLICIES[0], {**GOOD, "version": SIGNED}, False)
@example(POLICIES[0], {**GOOD, "weights": SIGNED}, False)
@example(POLICIES[0], {**GOOD, "weights": [SIGNED]}, False)
@example(POLICIES[0], {**GOOD, "bake": SIGNED}, False)
@example(POLICIES[0], {**GOOD, "bake": "9" * 900 + "s"}, False)
@example(POLICIES[0], {**GOOD, "note": {"see": SIGNED}}, False)
@example(POLICIES[0], {**GOOD, "note": f"see {SIGNED}"}, False)
@example(POLICIES[0], {**GOOD, "weights": [10**400]}, False)
def test_parameters_of_any_content_are_planned_or_refused_by_name(
    chosen: ReleasePolicy, params: dict[str, Any], allow_http: bool
) -> None:
    """Also those that no form has seen: preflight is the judge."""
    assert_readable(said_of(chosen, params, allow_http=allow_http))


@given(st.sampled_from(POLICIES), of_any_content())
@example(POLICIES[0], {**GOOD, "weights": [5, 5.0]})
@example(POLICIES[0], {**GOOD, "weights": [1e-320]})
def test_what_the_form_lets_through_is_planned_or_refused_by_name(
    chosen: ReleasePolicy, params: dict[str, Any]
) -> None:
    if (asked := through_the_form(chosen, params)) is not None:
        assert_readable(said_of(chosen, asked))


@given(st.sampled_from(POLICIES), st.data())
def test_whatever_fits_a_fields_pattern_is_refused_only_for_what_a_pattern_cannot_say(
    chosen: ReleasePolicy, data: st.DataObject
) -> None:
    """Drawn from the patterns themselves; so a pattern that is looser than the plan shows itself here."""
    form = run_params(chosen)
    asked = {name: param.resolve() for name, param in form.items() if name in ("weights", "bake", "note")}
    for name in [name for name in form if name not in asked]:
        asked[name] = data.draw(st.from_regex(form[name].schema["pattern"], fullmatch=True), label=name)
    if through_the_form(chosen, asked) is None:
        return
    said = said_of(chosen, asked)
    assert_readable(said)
    assert not said.startswith(("Parameter version", "Parameter weights", "Parameter bake", "Parameter note"))


@pytest.mark.parametrize("chosen", POLICIES, ids=["package", "package of some hosts", "image", "image of one registry"])
def test_the_good_parameters_are_planned(chosen: ReleasePolicy) -> None:
    asked = through_the_form(chosen, GOOD)

    assert asked is not None
    assert said_of(chosen, asked) == ""
