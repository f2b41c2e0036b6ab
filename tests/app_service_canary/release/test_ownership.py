"""What this release left, and what others changed."""

from dataclasses import replace

import pytest
from tests.app_service_canary.release.policies import PRODUCTION, SLOT

from app_service_canary.errors import ChangedByOthers
from app_service_canary.release.app_state import AppTarget, Before, SlotState, TrafficRule
from app_service_canary.release.ownership import refuse_another_slot, refuse_foreign, refuse_foreign_content

TARGET = AppTarget("storefront-rg", "storefront", "stage")


def rule(weight: float) -> TrafficRule:
    """The slot's rule with this weight."""
    return TrafficRule("stage", "storefront-stage.azurewebsites.net", weight)


@pytest.mark.parametrize(
    ("found", "left"),
    [
        (None, (None,)),
        (rule(10.0), (10.0,)),
        (rule(0.0), (0.0,)),
        (None, (10.0, None)),
        (rule(10.0), (10.0, None)),
    ],
)
def test_what_this_release_left_is_its_own(found: TrafficRule | None, left: tuple[float | None, ...]) -> None:
    refuse_foreign(TARGET, found, left)


@pytest.mark.parametrize(
    ("found", "left", "said"),
    [
        (rule(10.0), (None,), "Azure says 10 %, this release had left no rule."),
        (rule(0.0), (None,), "Azure says 0 %, this release had left no rule."),
        (rule(12.5), (10.0,), "Azure says 12.5 %, this release had left 10 %."),
        (rule(12.5), (10.0, None), "Azure says 12.5 %, this release had left 10 % or no rule."),
    ],
)
def test_anything_else_is_somebody_elses_and_left_alone(
    found: TrafficRule | None, left: tuple[float | None, ...], said: str
) -> None:
    with pytest.raises(ChangedByOthers) as refused:
        refuse_foreign(TARGET, found, left)
    assert str(refused.value) == (
        f"Somebody changed the traffic rule of slot 'stage' of app 'storefront': {said} It was not overwritten. "
        "If the release shall go on, clear this task: it takes the rule as it is then."
    )


def test_a_rule_that_is_gone_may_have_been_taken_away_by_a_watch_that_died_before_it_could_say_so() -> None:
    with pytest.raises(ChangedByOthers, match=r"Azure says no rule, this release had left 10 %\. .* Or a watch did"):
        refuse_foreign(TARGET, None, (10.0,))


@pytest.mark.parametrize(("found", "deployed"), [("d1", "d1"), ("d1", ""), ("", "")])
def test_what_was_deployed_may_be_promoted_and_so_may_anything_where_that_is_not_known(
    found: str, deployed: str
) -> None:
    refuse_foreign_content(TARGET, "deployment", found, deployed)


def test_what_somebody_else_deployed_is_not_promoted() -> None:
    with pytest.raises(ChangedByOthers, match=r"holds image web:9, and this release brought web:2: somebody"):
        refuse_foreign_content(TARGET, "image", "web:9", "web:2")


def test_a_slot_of_whose_content_azure_tells_nothing_is_not_promoted() -> None:
    with pytest.raises(ChangedByOthers, match=r"holds no deployment that Azure tells of, and this release brought d1:"):
        refuse_foreign_content(TARGET, "deployment", "", "d1")


BEFORE = Before(PRODUCTION.deployment_id, SLOT.deployment_id, slot_running=True)


@pytest.mark.parametrize(
    ("before", "found"),
    [
        (BEFORE, SLOT),
        (BEFORE, replace(SLOT, deployment_id="")),
        (replace(BEFORE, slot_deployment_id=None), SLOT),
    ],
    ids=["the same", "Azure does not say", "it was not known"],
)
def test_the_slot_that_was_deployed_to_is_promoted(before: Before, found: SlotState) -> None:
    refuse_another_slot(TARGET, before, found)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "is gone: somebody deleted it."),
        (replace(SLOT, deployment_id="new"), f"has deploymentId new, and had {SLOT.deployment_id} for this release: "),
    ],
)
def test_another_slot_of_that_name_is_not_promoted(found: SlotState | None, said: str) -> None:
    with pytest.raises(ChangedByOthers) as refused:
        refuse_another_slot(TARGET, BEFORE, found)
    assert str(refused.value).startswith(f"Slot 'stage' of app 'storefront' {said}")
