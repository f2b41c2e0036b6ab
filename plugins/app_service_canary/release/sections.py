"""What the sections of a release file have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from app_service_canary.release.durations import format_duration, parse_duration

Duration = Annotated[
    timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str, when_used="json")
]
"""Written and kept as people write it: `15m`."""

UrlPath = Annotated[str, Field(pattern=r"^/\S*$")]


class Section(BaseModel):
    """Unknown keys are refused, and nothing is changed once it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
