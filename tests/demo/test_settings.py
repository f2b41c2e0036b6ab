"""Settings: from make variables, refused in one sentence when they make no sense."""

import pytest

from demo.errors import DemonstrationError
from demo.settings import Approval, Settings, read_settings


def test_nothing_set_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_an_empty_variable_counts_as_unset() -> None:
    assert read_settings({"VERSION": "", "PORT": " ", "KEEP": ""}) == Settings()


def test_everything_can_be_set() -> None:
    expected = Settings(
        version="2.1.0-rc.1",
        bad={"SAMPLE_ERROR_RATE": "0.3", "SAMPLE_LATENCY_MS": "50"},
        speed=30.0,
        weights=(5.0, 50.0),
        bake="20s",
        port=9090,
        approval=Approval.AUTO,
        keep=True,
    )
    assert (
        read_settings(
            {
                "VERSION": "2.1.0-rc.1",
                "BAD": "SAMPLE_ERROR_RATE=0.3 SAMPLE_LATENCY_MS=50",
                "SPEED": "30",
                "WEIGHTS": "5, 50",
                "BAKE": "20s",
                "PORT": "9090",
                "APPROVE": "Auto",
                "KEEP": "1",
            }
        )
        == expected
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VERSION", "../2.0"),
        ("BAD", "SAMPLE_ERROR_RATE"),
        ("BAD", "unbalanced='quote"),
        ("SPEED", "0"),
        ("SPEED", "nan"),
        ("SPEED", "inf"),
        ("WEIGHTS", "25,10"),
        ("WEIGHTS", "50,101"),
        ("WEIGHTS", "0,10"),
        ("WEIGHTS", "nan"),
        ("WEIGHTS", ","),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("APPROVE", "maybe"),
        ("KEEP", "perhaps"),
    ],
)
def test_nonsense_is_refused_naming_the_variable_its_value_and_what_is_allowed(name: str, value: str) -> None:
    with pytest.raises(DemonstrationError) as refusal:
        read_settings({name: value})
    assert str(refusal.value).startswith(f"{name}={value!r} is not understood; use ")
