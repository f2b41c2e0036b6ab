"""Release files of any content: a DAG, or one import error that names the file; quickly, and in little memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.hostile.mutations import SECRET, SIGNED, hostile, mutated

from app_service_canary.dag_factory import release_dags
from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.release.release_file import LONGEST_FILE, MOST_MISTAKES, read_release_file

ROOT = Path(__file__).parents[2]

FULL: dict[str, Any] = {
    "app": "storefront",
    "resource_group": "storefront-rg",
    "slot": "canary",
    "connection": "azure_app_service",
    "create_slot": True,
    "artifact": {"type": "war", "path": "/webapps/ROOT", "clean": True, "hosts": ["*.example.com"], "os": "linux"},
    "readiness": {"path": "/health", "statuses": [200], "consecutive": 5, "timeout": "10m", "version_path": "/v"},
    "steps": [{"weight": 0, "bake": "manual"}, {"weight": 2.5, "bake": "30m"}],
    "watch": {"poll_interval": "5s", "failure_limit": 3, "min_answers": 3, "timeout": "10s", "promoted_bake": "10m"},
    "approval": {"approvers": ["maria"], "timeout": "8h", "on_timeout": "reject"},
    "drain": "1h",
    "restore_timeout": "30m",
    "after_rollback": "keep",
    "watchdog": "clear",
}
"""A release file with everything in it."""

LONGEST_SENTENCE = 1500
"""Characters of one line of an error: a value, what is allowed, and for an unknown key the names of all keys."""


def refusal(text: str) -> str:
    """What a text is refused with; empty when it is a release file."""
    try:
        read_release_file(text, "include/releases/storefront.yaml")
    except InvalidReleasePlan as refused:
        return str(refused)
    return ""


def assert_readable(said: str) -> None:
    lines = said.splitlines()
    assert len(lines) <= MOST_MISTAKES + 1
    assert all(line.startswith("include/releases/storefront.yaml:") for line in lines)
    assert all(len(line) <= LONGEST_SENTENCE for line in lines)
    assert SECRET not in said


def test_the_full_release_file_is_a_good_one() -> None:
    assert refusal(yaml.safe_dump(FULL)) == ""


@given(mutated(FULL))
@example({**FULL, "artifact": SIGNED})
@example({**FULL, SIGNED: 1})
@example({**FULL, "x" * 60_000: 1})
@example({**FULL, **{f"key{number}": 1 for number in range(2000)}})
@example({**FULL, "steps": [{"weight": "x"}] * 500})
def test_a_mutated_release_file_is_a_policy_or_is_refused_in_a_screenful(content: Any) -> None:
    assert_readable(refusal(yaml.safe_dump(content, allow_unicode=True)))


@given(
    hostile, st.sampled_from(["int", "float", "bool", "null", "timestamp", "binary", "set", "omap", "pairs", "merge"])
)
def test_a_value_under_any_of_yamls_own_tags_is_a_policy_or_is_refused(value: Any, tag: str) -> None:
    text = yaml.safe_dump({**FULL, "drain": value}, allow_unicode=True)

    assert_readable(refusal(text.replace("drain: ", f"drain: !!{tag} ")))


def test_a_file_of_many_mistakes_says_how_many_more_there_are() -> None:
    said = refusal(yaml.safe_dump({**FULL, **{f"key{number}": 1 for number in range(50)}})).splitlines()

    assert said[-1] == f"include/releases/storefront.yaml:1: {50 - MOST_MISTAKES} more mistakes"


LADDER = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40))
MERGED = "\n".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60))
BOMBS = {
    "aliases of aliases": f"a0: &a0 x\n{LADDER}\napp: *a39",
    "merged keys of merged keys": f"a0: &a0 {{x: 1}}\n{MERGED}\napp: *a59",
    "aliases as a key, which is written out": f"a0: &a0 x\n{LADDER}\napp: !!pairs [{{? *a39 : 1}}]",
    "a key that holds itself": "app: &a !!pairs [{? *a : 1}]",
    "a list that holds itself": "app: &a [*a, *a]",
    "a number in base 60 beyond every number": f"app: 1:{'0:' * 300}0.0",
    "a number in base 60 of many places": f"app: 1{':59' * 20_000}",
    "a number of many digits": f"drain: {'9' * 60_000}d",
    "lists in lists": "[" * 60_000,
    "mappings in mappings": "{a: " * 15_000,
    "keys in keys": "? " * 30_000,
    "many keys": "\n".join(f"k{number}:" for number in range(9_000)),
    "many values": f"steps: [{'1,' * 30_000}]",
    "many empty values": f"steps: [{'{},' * 20_000}]",
    "many steps": f"steps: [{'{weight: x},' * 4_900}]",
    "a long tag": f"app: !{'x' * 60_000} y",
    "a long text": f"app: {'x' * 60_000}",
    "a file that is far too long": f"app: {'x' * 5_000_000}",
    "a long comment": f"# {'x' * 500_000}\n{yaml.safe_dump(FULL)}",
}

READ = """
import json, resource, sys, time
from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.release.release_file import read_release_file

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
for name, text in json.load(sys.stdin).items():
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        read_release_file(text, "bomb.yaml")
        said = "taken"
    except InvalidReleasePlan as refused:
        said = str(refused)
    taken, after = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([name, len(said), (after - before) / 1024, taken]), flush=True)
"""
"""Reads them all in a process of its own, so that one that goes off harms no other test."""

MEGABYTES, SECONDS = 100, 5.0
"""What reading one release file may take, whatever is in it. The parser has been seen to take 2 s for 60,000
brackets."""


@pytest.fixture(scope="module")
def readings() -> dict[str, tuple[int, float, float]]:
    """For each bomb the length of what was said, the memory it took, and the processor's time."""
    command = [sys.executable, "-c", READ]
    environment = {"PYTHONPATH": str(ROOT / "plugins")}
    run = subprocess.run(
        command, input=json.dumps(BOMBS), stdout=subprocess.PIPE, text=True, timeout=120, check=False, env=environment
    )
    return {name: tuple(figures) for name, *figures in map(json.loads, run.stdout.splitlines())}


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_release_file_takes_much_memory_or_time(readings: dict[str, tuple[int, float, float]], bomb: str) -> None:
    assert bomb in readings, "the process that read it ended"
    length, megabytes, seconds = readings[bomb]
    assert length <= (MOST_MISTAKES + 1) * LONGEST_SENTENCE
    assert megabytes <= MEGABYTES
    assert seconds <= SECONDS


@settings(max_examples=30)
@given(st.binary(max_size=300))
@example(b"\xff\xfe\x00\x00")
@example(b"\xef\xbb\xbfapp: storefront")
@example(b"\x80app: storefront")
@example(yaml.safe_dump(FULL).encode("utf-16"))
@example(b"app: \x00")
@example(b"a" * (LONGEST_FILE + 1))
def test_any_bytes_on_disk_are_one_import_error_and_the_other_apps_load(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("releases")
    (folder / "broken.yaml").write_bytes(content)
    (folder / "good.yaml").write_text(yaml.safe_dump(FULL), encoding="utf-8")

    dags = {dag.dag_id: dag for dag in release_dags(folder)}

    assert set(dags) == {"canary_release.good", "broken_release.broken"}
    with pytest.raises(InvalidReleasePlan, match=r"/broken\.yaml:\d+: "):
        assert dags["broken_release.broken"].task_group
