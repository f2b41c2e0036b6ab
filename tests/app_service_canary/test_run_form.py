"""The form with which a run is triggered."""

from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamValidationError
from tests.app_service_canary.release.policies import policy

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.release.plan import plan_release
from app_service_canary.run_form import run_params

CONTAINER = policy(artifact={"type": "container"})
PACKAGE = "https://contoso.blob.core.windows.net/web/web-2.0.0.zip?sv=1&sig=a%3D"


def resolve(name: str, value: Any, **changes: Any) -> Any:
    """What Airflow makes of one field of the form."""
    return run_params(policy(**changes))[name].resolve(value)


def field(name: str) -> Param:
    """One field of the form."""
    return run_params(CONTAINER if name == "image" else policy())[name]


def test_a_package_release_asks_for_a_package_and_a_container_release_for_an_image() -> None:
    assert list(run_params(policy())) == ["version", "package_uri", "weights", "bake", "note"]
    assert list(run_params(CONTAINER)) == ["version", "image", "weights", "bake", "note"]


@pytest.mark.parametrize("name", ["version", "package_uri", "image"])
def test_what_to_release_is_required(name: str) -> None:
    with pytest.raises(ParamValidationError):
        field(name).resolve()


@pytest.mark.parametrize("name", ["weights", "bake", "note"])
def test_the_rest_is_prefilled_with_something_valid(name: str) -> None:
    assert field(name).resolve() is not None


@pytest.mark.parametrize("name", ["version", "package_uri", "image", "weights", "bake", "note"])
def test_every_field_has_a_title_and_a_description(name: str) -> None:
    assert field(name).schema["title"]
    assert str(field(name).description).endswith(".")


def test_airflows_form_can_be_sent_without_a_note() -> None:
    """It takes a field for required unless null is one of its types."""
    assert "null" in field("note").schema["type"]
    assert plan_release(policy(), {"version": "2.0.0", "package_uri": PACKAGE, "note": None}).note == ""


def test_airflows_form_lets_any_weights_be_written() -> None:
    """With examples it would offer them as the only values."""
    assert "examples" not in field("weights").schema


@pytest.mark.parametrize("name", ["version", "package_uri", "image", "bake"])
def test_every_example_is_valid(name: str) -> None:
    examples = field(name).schema["examples"]

    assert examples
    for example in examples:
        assert example == field(name).resolve(example)


def test_the_prefilled_pace_is_the_release_files() -> None:
    prefilled = {name: param.resolve() for name, param in run_params(policy()).items() if name in ("weights", "bake")}

    assert prefilled == {"weights": [10, 25, 50], "bake": "5m, 15m, manual"}
    given = {"version": "2.0.0", "package_uri": PACKAGE}
    assert plan_release(policy(), given) == plan_release(policy(), {**given, **prefilled})


@pytest.mark.parametrize("version", ["2.0.0", "2", "v2", "2026-11-22.1", "a" * 64, "1.0.0+build.5", "feature_x"])
def test_a_version_is_letters_digits_and_a_few_signs(version: str) -> None:
    assert version == resolve("version", version)


@pytest.mark.parametrize("version", ["", " ", "-2", ".2", "a" * 65, "2 0", "2/0", "{{ x }}", "<b>", None, 2])
def test_any_other_version_is_refused_at_once(version: Any) -> None:
    with pytest.raises(ParamValidationError):
        resolve("version", version)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "web.zip",
        "ftp://h/w",
        "https://h",
        "https://h/",
        "https:///w",
        "https://h/a b",
        "https://u:p@h/w",
        "https://h\\@evil/w",
        "https://h/w#x",
        f"{PACKAGE}\n",
        f" {PACKAGE}",
        f"{PACKAGE}{'a' * 5000}",
    ],
)
def test_a_package_address_without_a_scheme_host_and_path_is_refused_at_once(uri: str) -> None:
    with pytest.raises(ParamValidationError):
        resolve("package_uri", uri)


def test_whether_plain_http_is_allowed_is_left_to_preflight_which_knows_the_connection() -> None:
    uri = "http://packages.example/web.zip"

    assert uri == resolve("package_uri", uri)
    with pytest.raises(InvalidReleasePlan, match="allowed: an https:// address"):
        plan_release(policy(), {"version": "2.0.0", "package_uri": uri})


@pytest.mark.parametrize(("name", "value"), [("version", "2.0.0\n"), ("image", "web:2\n")])
def test_a_line_break_at_the_end_is_refused_at_once(name: str, value: str) -> None:
    with pytest.raises(ParamValidationError):
        field(name).resolve(value)


def test_a_signed_package_address_is_taken_whole() -> None:
    assert resolve("package_uri", PACKAGE) == PACKAGE


@pytest.mark.parametrize(
    "image",
    [
        "web:2",
        "contoso.azurecr.io/web:2.0.0",
        "localhost:5000/team/web:v2_1",
        f"contoso.azurecr.io/web@sha256:{'0' * 64}",
    ],
)
def test_an_image_has_a_tag_or_a_digest(image: str) -> None:
    assert image == run_params(CONTAINER)["image"].resolve(image)


@pytest.mark.parametrize("image", ["", "web", "host:5000/web", "Web:2", "web:", "web: 2", "web@sha256:0", "/web:2"])
def test_an_image_that_could_change_under_its_name_or_is_none_is_refused_at_once(image: str) -> None:
    with pytest.raises(ParamValidationError):
        run_params(CONTAINER)["image"].resolve(image)


@pytest.mark.parametrize("weights", [[0], [100], [0.5], [1, 2, 3], [50, 10]])
def test_weights_within_0_and_100_pass_the_form_and_their_order_is_left_to_preflight(weights: list[float]) -> None:
    assert weights == resolve("weights", weights)


@pytest.mark.parametrize("weights", [[], [-0.1], [100.1], ["10"], [None], 10, "10", None, [1, 2, 3, 4]])
def test_weights_that_no_release_of_this_app_can_have_are_refused_at_once(weights: Any) -> None:
    with pytest.raises(ParamValidationError):
        resolve("weights", weights)


@pytest.mark.parametrize("bake", ["15m", "1h30m", "manual", "5m, 15m, 1h", " 5m ,manual"])
def test_a_bake_is_one_duration_or_several_or_manual(bake: str) -> None:
    assert bake == resolve("bake", bake)


@pytest.mark.parametrize("bake", ["", "soon", "5", "5m;6m", "5m,", ",", "-5m", "1.5h", None, 5])
def test_any_other_bake_is_refused_at_once(bake: Any) -> None:
    with pytest.raises(ParamValidationError):
        resolve("bake", bake)


@pytest.mark.parametrize(("length", "fits"), [(0, True), (1, True), (2000, True), (2001, False)])
def test_a_note_has_room_for_2000_characters(length: int, fits: bool) -> None:
    if fits:
        assert resolve("note", "x" * length) == "x" * length
    else:
        with pytest.raises(ParamValidationError):
            resolve("note", "x" * length)
