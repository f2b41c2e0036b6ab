"""The tree of errors."""

import inspect
import pickle
import re

import pytest

from app_service_canary import errors
from app_service_canary.errors import AppServiceCanaryError, AzureAnswer, PermanentError, TransientError

CLASSES = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}
KINDS = sorted(CLASSES.values(), key=lambda kind: kind.__name__)
ANSWERS = [kind for kind in KINDS if issubclass(kind, AzureAnswer)]


def drawn() -> dict[str, str | None]:
    """The parent of each error, as the module's docstring draws the tree."""
    above: list[str] = []
    parents: dict[str, str | None] = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r"(?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+)( {2,}.*)?", line)
        if match and match["name"] in CLASSES:
            depth = len(match["branch"]) // 4
            del above[depth:]
            parents[match["name"]] = above[-1] if above else None
            above.append(match["name"])
    return parents


def test_the_tree_is_drawn_as_it_is() -> None:
    parents = drawn()

    assert set(CLASSES) - {"AzureAnswer"} == set(parents)
    for name, parent in parents.items():
        assert parent is None or CLASSES[parent] in CLASSES[name].__bases__, name


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (AppServiceCanaryError, AzureAnswer)])
def test_every_error_is_either_worth_another_try_or_not(kind: type[Exception]) -> None:
    assert issubclass(kind, TransientError) != issubclass(kind, PermanentError)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_docstring_of_its_own(kind: type[Exception]) -> None:
    assert "__doc__" in vars(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_crosses_processes(kind: type[AppServiceCanaryError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("Slot 'stage' said no.")))  # noqa: S301 - what this test has just written

    assert type(copy) is kind
    assert str(copy) == "Slot 'stage' said no."


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize(
    ("status", "code", "retry_after"), [(None, None, None), (409, "59203", 15.0), (429, "TooManyRequests", 0.0)]
)
def test_what_azure_said_crosses_processes_with_the_error(
    kind: type[AzureAnswer], status: int | None, code: str | None, retry_after: float | None
) -> None:
    error = kind("no", status=status, code=code, retry_after=retry_after)

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - what this test has just written

    assert (status, code, retry_after) == (copy.status, copy.code, copy.retry_after)
