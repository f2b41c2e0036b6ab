"""What hypothesis makes of a release."""

from datetime import timedelta

from hypothesis import strategies as st

from app_service_canary.release.durations import LONGEST
from app_service_canary.release.observation import Answer, Observation, Side

durations = st.integers(1, int(LONGEST.total_seconds())).map(lambda seconds: timedelta(seconds=seconds))

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
"""Any value that JSON or YAML can carry."""


def seen(*answers: tuple[Side, bool], sides: tuple[Side, ...] = tuple(Side)) -> Observation:
    """What was seen after these answers, good or bad."""
    observation = Observation.of(*sides)
    for side, good in answers:
        observation = observation.and_then(answer(side, good))
    return observation


def answer(side: Side = Side.SLOT, good: bool = True, **changes: object) -> Answer:
    """One answer to `GET /health`."""
    problem = "" if good else "answered 500"
    values: dict[str, object] = {"status": 200 if good else 500, "seconds": 0.1, "problem": problem, **changes}
    return Answer(side=side, asked="GET /health", good=good, **values)  # type: ignore[arg-type]
