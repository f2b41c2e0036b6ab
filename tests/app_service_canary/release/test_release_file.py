"""Release files, and what is said of broken ones."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.app_service_canary.release.policies import policy
from tests.app_service_canary.release.strategies import junk

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.release.policy import Artifact, ReleasePolicy
from app_service_canary.release.release_file import dotted, read_release_file

ROOT = Path(__file__).parents[3]
FILE = "include/releases/storefront.yaml"

GOOD = """\
app: storefront
resource_group: storefront-rg
slot: stage
steps:
  - {weight: 10, bake: 5m}
  - weight: 25
    bake: 15m
  - {weight: 50, bake: manual}
"""


def refusal(text: str) -> list[str]:
    """The lines of the error that this text is refused with."""
    with pytest.raises(InvalidReleasePlan) as refused:
        read_release_file(text, FILE)
    return str(refused.value).splitlines()


def test_a_good_file_gives_its_policy() -> None:
    assert policy() == read_release_file(GOOD, FILE)


@pytest.mark.parametrize("file", sorted((ROOT / "include" / "releases").glob("*.yaml")), ids=lambda file: file.name)
def test_the_projects_own_release_files_are_good(file: Path) -> None:
    assert read_release_file(file.read_text(encoding="utf-8"), file.name).steps


def test_an_anchor_may_be_used_again() -> None:
    text = GOOD.replace("{weight: 10, bake: 5m}", "&first {weight: 10, bake: 5m}").replace(
        "{weight: 50, bake: manual}", "{<<: *first, weight: 50, bake: manual}"
    )

    assert policy() == read_release_file(text, FILE)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("weight: 25", "weight: 250", "7: steps[1].weight: found 250; allowed: less than or equal to 100"),
        ("weight: 10", "weight: -1", "6: steps[0].weight: found -1; allowed: greater than or equal to 0"),
        (
            "bake: 15m",
            "bake: soon",
            "8: steps[1].bake: 'soon' is not a duration such as 30s, 15m, 2h or 1h30m, or manual",
        ),
        ("bake: 15m", "bake: 15", "8: steps[1].bake: 15 is not a duration such as 30s, 15m, 2h or 1h30m, or manual"),
        ("    bake: 15m\n", "", "7: steps[1].bake: this key is required and missing"),
        ("bake: 15m", "bakes: 15m", "8: steps[1].bakes: unknown key; allowed here: weight, bake"),
        ("app: storefront", "app: store_front", "2: app: found 'store_front'; allowed: text that matches ^["),
        (
            "slot: stage",
            "slot: production",
            "4: slot: the canary slot cannot be 'production'; allowed: any other slot of the app",
        ),
        (
            "weight: 25",
            "weight: 5",
            "5: steps: step 2 has weight 5 after 10; allowed: weights that rise from step to step",
        ),
        ("slot: stage", "slot: stage\nslot: other", "5: slot: this key stands here twice"),
        ("bake: 15m", "bake: 15m\n    bake: 5m", "9: steps[1].bake: this key stands here twice"),
        ("slot: stage", "slots: [stage]", "1: slot: this key is required and missing"),
    ],
)
def test_a_mistake_is_named_by_file_line_key_value_and_what_is_allowed(old: str, new: str, expected: str) -> None:
    text = f"# How storefront is released.\n{GOOD}".replace(old, new)
    number, _, rest = expected.partition(":")
    if rest.startswith(" slot: this key is required"):  # the line of the mapping in which it is missing
        number = "2"

    assert any(line.startswith(f"{FILE}:{number}:{rest}") for line in refusal(text))


def test_every_mistake_has_a_line_of_its_own() -> None:
    text = GOOD.replace("weight: 25", "weight: 250").replace("slot: stage", "slot: production\ncolour: red")

    assert [line.split(": ")[1] for line in refusal(text)] == ["slot", "steps[1].weight", "colour"]


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ("artifact: {type: ear}", "artifact.type: found 'ear'; allowed: 'zip', 'war', 'jar', 'static' or 'container'"),
        ("artifact: 3", "artifact: found 3; allowed: "),
        ("artifact: {kind: zip}", f"artifact.kind: unknown key; allowed here: {', '.join(Artifact.model_fields)}"),
        ("readiness: {path: health}", "readiness.path: found 'health'; allowed: text that matches ^/\\S*$"),
        ("readiness: {statuses: []}", "readiness.statuses: found []; allowed: "),
        ("readiness: {statuses: [200, 1]}", "readiness.statuses[1]: found 1; allowed: greater than or equal to 100"),
        ("watch: {failure_limit: 0}", "watch.failure_limit: found 0; allowed: greater than or equal to 1"),
        ("watch: {timeout: ten}", "watch.timeout: 'ten' is not a duration such as 30s, 15m, 2h or 1h30m"),
        ("approval: {on_timeout: ask}", "approval.on_timeout: found 'ask'; allowed: 'reject' or 'approve'"),
        ("drain: 99999999999999999999d", "drain: '99999999999999999999d' is too long; allowed: at most 365d"),
        ("create_slot: perhaps", "create_slot: found 'perhaps'; allowed: "),
        ("5: five", "[5]: found the key 5; allowed: keys that are text"),
        ("colour: red", f"colour: unknown key; allowed here: {', '.join(ReleasePolicy.model_fields)}"),
    ],
)
def test_a_mistake_in_any_section_is_named(addition: str, expected: str) -> None:
    line = 1 if addition.startswith("5") else 9

    (said,) = refusal(f"{GOOD}{addition}\n")

    assert said.startswith(f"{FILE}:{line}: {expected}")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("app: [", 1),
        ("app: storefront\n  slot: stage", 2),
        ("app: storefront\n---\napp: other", 2),
        ("app: *nowhere", 1),
        ("app: !!python/object:os.system {}", 1),
        ("? [1]\n: 2", 1),
        ("app: \x00", 1),
        ("app: !!bool perhaps", 1),
        ("app: !!timestamp soon", 1),
        ("app: !!int ''", 1),
        ("app: 2026-99-99", 1),
        ("[" * 5000, 1),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_not_yaml_is_refused_on_one_line(text: str, line: int) -> None:
    (said,) = refusal(text)

    assert said.startswith(f"{FILE}:{line}: this is not YAML: ")


@pytest.mark.parametrize("text", ["", "# nothing\n", "storefront", "5", "- app", "null", "!!set {app}"])
def test_what_is_not_keys_and_values_is_refused(text: str) -> None:
    (said,) = refusal(text)

    assert said.startswith(f"{FILE}:1: found ") or "this key is required" in said
    assert "allowed: keys and values" in said


def test_aliases_in_a_circle_are_refused() -> None:
    assert refusal("steps: &steps [*steps]")
    assert refusal("app: &app {<<: *app}")


def test_aliases_that_grow_without_end_are_refused_in_a_short_sentence() -> None:
    layers = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))

    lines = refusal(f"a0: &a0 x\n{layers}\n{GOOD.replace('app: storefront', 'app: *a11')}")

    assert max(len(line) for line in lines) < 400


def test_a_number_of_any_length_is_refused() -> None:
    assert "steps[0].weight" in refusal(GOOD.replace("weight: 10", f"weight: 0x{'f' * 5000}"))[0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [((), "(the file)"), (("app",), "app"), (("steps", 1, "weight"), "steps[1].weight"), ((0,), "[0]")],
)
def test_a_path_is_written_as_people_do(path: tuple[str | int, ...], expected: str) -> None:
    assert expected == dotted(path)


def gives_a_policy_or_a_refusal(text: str) -> None:
    """Nothing else comes of it, and each line of a refusal names file and line."""
    try:
        read_release_file(text, FILE)
    except InvalidReleasePlan as refused:
        said = str(refused)
    else:
        return
    assert said
    for line in said.splitlines():
        assert line.startswith(f"{FILE}:")
        assert line.removeprefix(f"{FILE}:").partition(":")[0].isdigit()


@given(st.text())
def test_any_text_gives_a_policy_or_a_refusal(text: str) -> None:
    gives_a_policy_or_a_refusal(text)


yaml_pieces = st.sampled_from(
    [
        *"[]{}:,-?&*!|>#%@\"' \n",
        "<<: ",
        "&a ",
        "*a",
        "!!int ",
        "!!bool ",
        "!!set ",
        "!!binary ",
        "app",
        "steps",
        "- ",
        "1",
    ]
)


@given(st.lists(yaml_pieces, max_size=30).map("".join))
def test_any_text_in_yamls_own_alphabet_gives_a_policy_or_a_refusal(text: str) -> None:
    gives_a_policy_or_a_refusal(text)
    gives_a_policy_or_a_refusal(f"{GOOD}{text}")


@given(st.sampled_from(sorted(ReleasePolicy.model_fields)), junk)
def test_any_value_of_any_key_gives_a_policy_or_a_refusal(key: str, value: Any) -> None:
    text = yaml.safe_dump({**yaml.safe_load(GOOD), key: value}, allow_unicode=True)

    gives_a_policy_or_a_refusal(text)


@given(st.sampled_from(["artifact", "readiness", "watch", "approval"]), st.dictionaries(st.text(), junk, max_size=3))
def test_any_section_gives_a_policy_or_a_refusal(section: str, content: dict[str, Any]) -> None:
    gives_a_policy_or_a_refusal(yaml.safe_dump({**yaml.safe_load(GOOD), section: content}, allow_unicode=True))
