"""What hypothesis makes of something that is well formed: nearly right, which gets further than nonsense."""

from typing import Any

from hypothesis import strategies as st
from tests.app_service_canary.release.strategies import junk

Path = tuple[Any, ...]
"""Keys of mappings and positions in lists, from outside to inside."""

SECRET = "c2VjcmV0LW9mLXRoZS1wYWNrYWdl"
"""Of the shared access signature in every address here; nothing that people read may show it."""

SIGNED = f"https://contoso.blob.core.windows.net/web/web.zip?sv=2024-11-04&sr=b&sig={SECRET}%3D"

SIGNS = ["", " ", "\x00", "\n", "\u202e", "\ud800", "𝟙", "٣"]
NUMBERS_AS_TEXT = ["1e999", "-0", "NaN", "0x1F", "null", "~"]
TEMPLATES = ["{{ params }}", "%(x)s", "{0}", "${x}", "<script>", "[a](b)", "'; drop table dag_run; --"]
odd_text = st.sampled_from([*SIGNS, *NUMBERS_AS_TEXT, *TEMPLATES, "../../etc/passwd", "x" * 5000, SIGNED])
odd_numbers = st.sampled_from([0, -1, 2**31, 2**63, 10**400, 0.1 + 0.2, 1e-320, -0.0, float("nan"), float("inf"), True])
hostile = junk | odd_text | odd_numbers | st.text(max_size=30)
"""Any value that JSON or YAML can carry, and those that have broken programs before."""


def paths(value: Any, before: Path = ()) -> list[Path]:
    """Where something stands in a value of mappings and lists, itself included."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [before, *[path for key, part in inner for path in paths(part, (*before, key))]]


def put(value: Any, path: Path, new: Any) -> Any:
    """The value with something else at one place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


def without(value: Any, path: Path) -> Any:
    """The value without what stands at one place."""
    *above, last = path
    parent = value
    for key in above:
        parent = parent[key]
    rest = dict(parent) if isinstance(parent, dict) else list(parent)
    del rest[last]
    return put(value, tuple(above), rest)


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """The value with one to three places replaced, removed, or wrapped once more."""
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths(value)))
        how = draw(st.sampled_from(["replace", "replace", "remove", "wrap"]))
        if how == "replace" or not path:
            value = put(value, path, draw(hostile))
        elif how == "remove":
            value = without(value, path)
        else:
            value = put(value, path, draw(st.sampled_from([[value], {"value": value}, [[], {}]])))
    return value
