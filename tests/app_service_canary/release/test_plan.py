"""What one run does."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.app_service_canary.release.policies import policy
from tests.app_service_canary.release.strategies import junk

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.release.durations import format_duration
from app_service_canary.release.plan import ReleasePlan, bakes_as_written, plan_release, weights_as_written
from app_service_canary.release.policy import Step

PACKAGE = "https://contoso.blob.core.windows.net/web/web-2.0.0.zip?sig=0123456789abcdef"
ASKED = {"version": "2.0.0", "package_uri": PACKAGE}
CONTAINER = {"artifact": {"type": "container"}}


def planned(**params: Any) -> ReleasePlan:
    """The plan of a run with these parameters, besides what to release."""
    return plan_release(policy(), {**ASKED, **params})


def pace(plan: ReleasePlan) -> list[tuple[float, str]]:
    """Weight and bake of each step, as people write them."""
    return [(step.weight, format_duration(step.bake)) for step in plan.steps]


def test_without_a_pace_of_its_own_a_run_follows_the_release_file() -> None:
    assert pace(planned()) == [(10.0, "5m"), (25.0, "15m"), (50.0, "manual")]


def test_the_prefilled_pace_is_the_release_files() -> None:
    steps = policy().steps

    plan = planned(weights=weights_as_written(steps), bake=bakes_as_written(steps))

    assert planned() == plan


@pytest.mark.parametrize(
    ("weights", "bake", "expected"),
    [
        ([50], None, [(50.0, "5m")]),
        ([0], None, [(0.0, "5m")]),
        ([100], None, [(100.0, "5m")]),
        ((5, 12.5), "1h", [(5.0, "1h"), (12.5, "1h")]),
        ([5, 10], "1m, 2m", [(5.0, "1m"), (10.0, "2m")]),
        ([5, 10], "1m,2m,3m", [(5.0, "1m"), (10.0, "2m")]),
        (None, "manual", [(10.0, "manual"), (25.0, "manual"), (50.0, "manual")]),
        (None, "", [(10.0, "5m"), (25.0, "15m"), (50.0, "manual")]),
        (None, "1m, manual, 2h", [(10.0, "1m"), (25.0, "manual"), (50.0, "2h")]),
    ],
)
def test_a_run_may_go_at_a_pace_of_its_own(weights: Any, bake: Any, expected: list[tuple[float, str]]) -> None:
    assert expected == pace(planned(weights=weights, bake=bake))


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        ([], r"found \[\]"),
        (0, "found 0"),
        ("10, 25", "found '10, 25'"),
        ({10: 25}, "found {10: 25}"),
        ([-0.1], "found -0.1"),
        ([100.1], "found 100.1"),
        ([True], "found True"),
        (["10"], "found '10'"),
        ([None], "found None"),
        ([float("nan")], "found nan"),
        ([float("inf")], "found inf"),
        ([1, 2, 3, 4], "found 4 weights"),
        ([10, 10], "step 2 has weight 10 after 10"),
        ([1, 20, 10], "step 3 has weight 10 after 20"),
    ],
)
def test_weights_that_cannot_be_followed_are_refused_by_name_and_value(weights: Any, found: str) -> None:
    with pytest.raises(InvalidReleasePlan, match=f"^Parameter weights: .*{found}.*allowed: "):
        planned(weights=weights)


@pytest.mark.parametrize("bake", ["soon", "0s", ",", "5m,", 0, 15, ["5m"], "366d", "99999999999999999999d"])
def test_a_bake_that_cannot_be_followed_is_refused_by_name_and_value(bake: Any) -> None:
    with pytest.raises(InvalidReleasePlan, match=r"^Parameter bake: .*or manual$"):
        planned(bake=bake)


def test_too_few_bakes_are_refused() -> None:
    with pytest.raises(
        InvalidReleasePlan, match=r"^Parameter bake: found 2 bake times for 3 weights; allowed: one for"
    ):
        planned(bake="1m, 2m")


@pytest.mark.parametrize("version", [None, ""])
def test_a_run_without_a_version_is_refused(version: Any) -> None:
    with pytest.raises(InvalidReleasePlan, match=r"^Parameter version: it is missing; allowed: "):
        planned(version=version)


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        "web.zip",
        "http://host/web.zip",
        "ftp://host/web.zip",
        "https://",
        "https:///web.zip",
        "https://[::1/w",
    ],
)
def test_a_package_that_is_not_at_an_https_address_is_refused(uri: Any) -> None:
    with pytest.raises(InvalidReleasePlan, match=r"^Parameter package_uri: found .*; allowed: an https:// address"):
        planned(package_uri=uri)


def test_a_refused_address_is_quoted_without_its_signature() -> None:
    with pytest.raises(InvalidReleasePlan, match=r"http://\*\*\*@host/web\.zip") as refused:
        planned(package_uri="http://maria:pa55@host/web.zip?sig=0123456789abcdef")

    assert "0123456789abcdef" not in str(refused.value)
    assert "pa55" not in str(refused.value)


@pytest.mark.parametrize("image", [None, ""])
def test_a_container_release_needs_an_image(image: Any) -> None:
    with pytest.raises(InvalidReleasePlan, match=r"^Parameter image: it is missing; allowed: an image such as"):
        plan_release(policy(**CONTAINER), {"version": "2.0.0", "package_uri": PACKAGE, "image": image})


def test_a_package_is_shown_without_its_signature_and_an_image_as_it_is() -> None:
    image = "contoso.azurecr.io/web:2.0.0"
    container = plan_release(policy(**CONTAINER), {"version": "2.0.0", "image": image})

    assert planned().shown_source == "https://contoso.blob.core.windows.net/web/web-2.0.0.zip?***"
    assert planned().source == PACKAGE
    assert (image, image) == (container.source, container.shown_source)


@pytest.mark.parametrize(("index", "expected"), [(0, 10.0), (2, 50.0), (3, None), (19, None)])
def test_beyond_the_runs_weights_there_is_no_step(index: int, expected: float | None) -> None:
    step = planned().step(index)

    assert expected == (step and step.weight)


@pytest.mark.parametrize(("note", "expected"), [(None, ""), ("", ""), ("Fixes the basket", "Fixes the basket")])
def test_a_note_is_kept(note: Any, expected: str) -> None:
    assert expected == planned(note=note).note


names = st.sampled_from(["version", "package_uri", "image", "note", "weights", "bake"])
params = st.dictionaries(names, junk | st.lists(st.floats() | st.integers(), max_size=4), max_size=6)


@given(st.sampled_from([{}, CONTAINER]), params, st.booleans())
def test_any_parameters_give_a_plan_or_a_refusal_of_one_of_them(
    changes: dict[str, Any], asked: Mapping[str, Any], complete: bool
) -> None:
    try:
        plan = plan_release(policy(**changes), {**({**ASKED, "image": "web:2"} if complete else {}), **asked})
    except InvalidReleasePlan as refused:
        said = str(refused)
    else:
        weights = [step.weight for step in plan.steps]
        assert sorted(set(weights)) == weights
        assert all(0 <= weight <= 100 for weight in weights)
        assert 1 <= len(weights) <= len(plan.policy.steps)
        assert plan.version
        assert plan.source
        return
    assert said.startswith("Parameter ")
    assert "allowed: " in said or " is not " in said


@pytest.mark.parametrize(
    ("bakes", "expected"),
    [(["5m"], "5m"), (["5m", "5m"], "5m"), (["5m", "manual"], "5m, manual"), (["manual", "manual"], "manual")],
)
def test_equal_bakes_are_written_once(bakes: list[str], expected: str) -> None:
    steps = tuple(Step.model_validate({"weight": number, "bake": bake}) for number, bake in enumerate(bakes))

    assert expected == bakes_as_written(steps)


def test_whole_weights_are_written_without_a_point() -> None:
    steps = tuple(Step.model_validate({"weight": weight, "bake": "1m"}) for weight in (0.0, 2.5, 100.0))

    assert str(weights_as_written(steps)) == "[0, 2.5, 100]"
