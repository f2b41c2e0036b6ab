"""What can be chosen, and what the program says when it cannot go on."""

import pytest
from chaos.__main__ import Choices
from chaos.cases import discover
from tests.chaos.releases import PROMOTED, record

from demo.errors import DemonstrationError

CASES = discover(record("promoted", PROMOTED))


def test_without_choices_every_case_runs_on_sqlite() -> None:
    choices = Choices.of({"PATH": "/bin", "CASES": ""})
    assert choices.database == "sqlite"
    assert set(choices.of_all(CASES)) == set(CASES)


def test_so_many_cases_are_taken_as_are_asked_for() -> None:
    assert len(Choices.of({"CASES": "5"}).of_all(CASES)) == 5


def test_one_case_is_taken_by_name() -> None:
    [case] = Choices.of({"CASE": "swap POST after"}).of_all(CASES)
    assert case.name == "promoted swap POST SwapSlotSlot 1 after"


def test_a_name_that_no_case_has_is_answered_with_those_there_are() -> None:
    with pytest.raises(DemonstrationError, match="No case is called 'swop'") as refused:
        Choices.of({"CASE": "swop"}).of_all(CASES)
    assert "promoted swap scheduler ended" in str(refused.value)


@pytest.mark.parametrize("wrong", [{"CASES": "many"}, {"CASES": "0"}, {"DATABASE": "mysql"}, {"ABREAST": "0"}])
def test_a_choice_that_cannot_be_used_is_named_with_its_value(wrong: dict[str, str]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(DemonstrationError, match=f"{name}={value}"):
        Choices.of(wrong)
