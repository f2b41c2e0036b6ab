"""The list of guards fits the source, names tests that there are, and a guard that no test misses is told."""

import ast
import asyncio
import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from guards.listing import PAPER, ROOT, Edit, Guard, ListInvalid, read_guards
from guards.trial import End, Trial, copy_project, read_report, run_tests, try_without

GUARDS = read_guards(PAPER.read_text(encoding="utf-8"))

SMALL = """
### {name}
It keeps one.

```diff
--- product.py: Thing.work
     def work(self):
-        return 1
+        return 2
```

* `tests/test_product.py::test_one`
"""


def test_the_guards_of_a_release_are_listed() -> None:
    assert len(GUARDS) >= 15


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_each_edit_fits_the_source(guard: Guard) -> None:
    for edit in guard.edits:
        edit.applied((ROOT / edit.path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("test", sorted({test for guard in GUARDS for test in guard.tests}))
def test_each_test_that_is_named_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_a_guard_is_its_edits_and_its_tests() -> None:
    [guard] = read_guards(SMALL.format(name="one"))
    edit = Edit(
        "product.py",
        "Thing.work",
        ("    def work(self):", "        return 1"),
        ("    def work(self):", "        return 2"),
    )
    assert guard == Guard("one", (edit,), ("tests/test_product.py::test_one",))


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("guard 'one' is there twice", SMALL.format(name="one") * 2),
        ("guard 'one' has 1 edits and 0 tests", SMALL.format(name="one").partition("* `")[0]),
        ("guard 'one' has 0 edits and 1 tests", SMALL.format(name="one").replace("```diff", "```")),
        ("found '@@ 1 @@'; a diff's lines begin", SMALL.format(name="one").replace("-        return 1", "@@ 1 @@")),
        ("changes nothing", SMALL.format(name="one").replace("return 2", "return 1")),
        ("expected '--- path: function'", SMALL.format(name="one").replace("--- product.py: Thing.work\n", "")),
    ],
)
def test_a_guard_that_cannot_be_followed_is_refused(expected: str, text: str) -> None:
    with pytest.raises(ListInvalid, match=expected.replace("(", r"\(")):
        read_guards(text)


SOURCE = "class Thing:\n    def work(self):\n        return 1\n\n    def play(self):\n        return 1\n"
RETURN_1, RETURN_2 = ("        return 1",), ("        return 2",)


def test_an_edit_keeps_to_its_function() -> None:
    changed = "class Thing:\n    def work(self):\n        return 1\n\n    def play(self):\n        return 2\n"
    assert Edit("product.py", "Thing.play", RETURN_1, RETURN_2).applied(SOURCE) == changed


@pytest.mark.parametrize(
    ("expected", "edit"),
    [
        ("found 2 times; expected once", Edit("product.py", "Thing", RETURN_1, RETURN_2)),
        ("found 0 times; expected once", Edit("product.py", "", ("return 1",), RETURN_2)),
        ("there is no such function", Edit("product.py", "Thing.rest", RETURN_1, RETURN_2)),
        ("is no Python", Edit("product.py", "Thing.play", RETURN_1, ("        return (",))),
        ("is no Python", Edit("product.py", "Thing.play", RETURN_1, ())),
    ],
)
def test_an_edit_that_does_not_fit_the_source_is_refused(expected: str, edit: Edit) -> None:
    with pytest.raises(ListInvalid, match=expected):
        edit.applied(SOURCE)


@pytest.mark.parametrize(
    ("expected", "inside"),
    [
        (End.PASSED, ""),
        (End.FAILED, '<failure message="assert 1 == 2"/>'),
        (End.MISTAKEN, '<failure message="NameError: name found is not defined"/>'),
        (End.ERROR, '<error message="failed on setup"/>'),
        (End.SKIPPED, "<skipped/>"),
    ],
)
def test_only_a_test_that_fails_by_itself_has_failed(expected: End, inside: str) -> None:
    report = f'<testsuites><testcase file="tests/test_a.py" name="test_one[2]">{inside}</testcase></testsuites>'
    assert read_report(report) == {"tests/test_a.py::test_one": expected}


def test_a_failure_of_one_parameter_is_a_failure() -> None:
    cases = [
        f'<testcase file="a.py" name="test_one[{at}]">{inside}</testcase>'
        for at, inside in enumerate(["", '<failure message="assert 1 == 2"/>', ""])
    ]
    assert read_report(f"<testsuites>{''.join(cases)}</testsuites>") == {"a.py::test_one": End.FAILED}


def test_every_test_of_a_guard_has_to_fail() -> None:
    trial = Trial({"a.py::test_one": End.FAILED, "a.py::test_two": End.PASSED}, 1.0)
    assert trial.others_than(End.FAILED, ["a.py::test_one"]) == []
    assert trial.others_than(End.FAILED, ["a.py::test_one", "a.py::test_two", "a.py::test_three"]) == [
        "passed: a.py::test_two",
        "not run: a.py::test_three",
    ]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one module and one test, in git."""
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (root / "product.py").write_text(SOURCE)
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    (root / ".gitignore").write_text("secrets\n")
    (root / "secrets").write_text("not to be copied")
    (root / "tests" / "test_product.py").write_text(
        "from product import Thing\n\n\ndef test_one():\n    assert Thing().work() == 1\n\n\n"
        "def test_two():\n    assert Thing().play() == 1\n"
    )
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Path:
    copy_project(project, tmp_path / "copy")
    return tmp_path / "copy"


def test_what_git_leaves_out_is_not_copied(copy: Path) -> None:
    assert (copy / "product.py").read_text() == SOURCE
    assert not (copy / "secrets").exists()


async def test_without_its_guard_a_test_fails_and_the_project_stays_as_it_was(project: Path, copy: Path) -> None:
    [guard] = read_guards(SMALL.format(name="one"))
    assert (await run_tests(guard.tests, copy)).ends == {guard.tests[0]: End.PASSED}
    assert (await try_without(guard, copy)).ends == {guard.tests[0]: End.FAILED}
    assert (project / "product.py").read_text() == SOURCE


async def test_a_test_that_nothing_keeps_from_passing_is_told(copy: Path) -> None:
    [guard] = read_guards(SMALL.format(name="one").replace("test_one", "test_two"))
    assert (await try_without(guard, copy)).others_than(End.FAILED, guard.tests) == [
        "passed: tests/test_product.py::test_two"
    ]


@pytest.mark.parametrize(
    ("expected", "content", "limit"),
    [
        ("pytest ended with 4: ERROR", "import nowhere\n", 60.0),
        ("pytest had not ended after 2 s", "import threading\n\ndef test_one():\n    threading.Event().wait()\n", 2.0),
    ],
)
async def test_tests_that_do_not_come_to_an_end_are_no_red_tests(
    copy: Path, expected: str, content: str, limit: float
) -> None:
    (copy / "tests" / "test_product.py").write_text(content)
    trial = await run_tests(["tests/test_product.py::test_one"], copy, limit=limit)
    assert trial.ends == {}
    assert trial.trouble.startswith(expected)


def has_ended(process: int) -> bool:
    """Whether a process is gone, or is only waiting to be forgotten by whoever adopted it."""
    try:
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_what_was_begun_is_ended_when_somebody_interrupts_it(copy: Path) -> None:
    (copy / "tests" / "test_product.py").write_text(
        "import os, pathlib, threading\n\ndef test_one():\n"
        "    pathlib.Path('begun').write_text(str(os.getpid()))\n    threading.Event().wait()\n"
    )
    run = asyncio.create_task(run_tests(["tests/test_product.py::test_one"], copy))
    while not ((copy / "begun").exists() and (copy / "begun").read_text()):  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.05)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert has_ended(int((copy / "begun").read_text()))


def test_a_name_that_is_no_guards_is_refused_with_those_there_are() -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "guards", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert refused.stderr.startswith("there is no guard 'nothing'; there are: ")
    assert GUARDS[0].name in refused.stderr
