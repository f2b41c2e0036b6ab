"""A fault that makes no sense is refused with the member, its value and what is allowed."""

import pytest

from app_service_simulator.faults.fault import Fault, read
from app_service_simulator.faults.kinds import KINDS

SWAP = {"operation": "WebApps_SwapSlotSlot"}


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ([], r"\[\] is no fault; an object is expected, with operation, "),
        ({"do": "reset"}, "operation or path is needed"),
        ({**SWAP}, "do is None: Field required"),
        ({**SWAP, "do": "tantrum"}, "do is 'tantrum': there are throttled, "),
        ({**SWAP, "do": "reset", "nht": 1}, "a fault has no member nht; there are operation, "),
        ({**SWAP, "do": "reset", "nth": 0}, "nth is 0: Input should be greater than or equal to 1"),
        ({**SWAP, "do": "reset", "nth": 1, "probability": 0.5}, "nth and probability exclude each other"),
        ({**SWAP, "do": "reset", "seed": 1}, "seed is of use with probability only"),
        ({**SWAP, "do": "reset", "when": "during"}, "when is 'during': Input should be 'before' or 'after'"),
        ({**SWAP, "do": "truncated", "when": "before"}, "truncated acts after the effect"),
        ({**SWAP, "do": "throttled", "seconds": 1}, "throttled has no option seconds; its options: retry_after"),
        ({**SWAP, "do": "arm_error", "code": "Teapot"}, "arm_error needs status"),
        ({**SWAP, "do": "kill", "process": 1}, "process is 1: a process id above 1 or 'caller' is expected"),
        ({**SWAP, "do": "kill", "process": -5}, "process is -5: a process id above 1"),
        ({**SWAP, "do": "callback", "url": "http://example.com/"}, "an http:// address at 127.0.0.1, "),
        ({**SWAP, "do": "callback", "url": "https://127.0.0.1/"}, "an http:// address at 127.0.0.1, "),
        ({**SWAP, "do": "ends_with", "ending": "rain"}, "ending is 'rain': there are no_ping, "),
        (
            {**SWAP, "do": "ends_with", "ending": "no_ping", "prepared": True, "when": "after"},
            "prepared is for swaps that end before their cut-over",
        ),
        ({**SWAP, "do": "late_effect", "seconds": 1, "answer": "kill"}, "answer is 'kill': Input should be "),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(wanted: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read(wanted)


@pytest.mark.parametrize("do", KINDS)
def test_every_kind_can_be_ordered_and_says_what_it_does(do: str) -> None:
    given = {"status": 400, "code": "X", "url": "http://127.0.0.1/", "ending": "no_ping", "seconds": 1.0}
    needed = {name: given[name] for name, default in KINDS[do].options.items() if default is ...}
    fault = read({**SWAP, "do": do, **needed})
    assert fault.moment == KINDS[do].moments[0]
    assert fault.as_json() == {**SWAP, "do": do, **needed}
    assert KINDS[do].meaning


def test_an_option_left_out_has_the_kinds_default() -> None:
    assert Fault(operation="*", do="throttled").option("retry_after") == 1
    assert Fault(operation="*", do="throttled", retry_after=0).option("retry_after") == 0
