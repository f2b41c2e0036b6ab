"""What sections of a release file have in common."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from app_service_canary.release.sections import Duration, Section, UrlPath


class Example(Section):
    pause: Duration
    path: UrlPath = "/"


def test_a_duration_is_kept_as_people_write_it() -> None:
    read = Example.model_validate({"pause": "1h30m"})
    assert read.pause == timedelta(minutes=90)
    assert read.model_dump(mode="json") == {"pause": "1h30m", "path": "/"}
    assert Example.model_validate(read.model_dump(mode="json")) == read


@pytest.mark.parametrize("content", [{"pause": "1h", "other": 1}, {"pause": "soon"}, {"pause": "1h", "path": "cart"}])
def test_unknown_keys_and_values_are_refused(content: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Example.model_validate(content)
