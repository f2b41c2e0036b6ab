"""Releases that do not start, and change nothing."""

from typing import Any

import pytest
from tests.stories.storyteller import Storyteller, Told

WRITES = ("PUT", "PATCH", "DELETE")


def assert_refused(story: Storyteller, told: Told, last: int) -> None:
    assert told.state == "failed"
    assert told.tasks["preflight"] == "failed"
    assert told.xcoms["outcome"]["outcome"] == "refused"
    calls = [call for call in story.simulator.journal(last) if f"/sites/{story.app}" in call["path"]]
    assert [call for call in calls if call["method"] in WRITES or call["path"].endswith(("/start", "/slotsswap"))] == []


def last_call(story: Storyteller) -> int:
    return int(story.simulator.journal()[-1]["n"])


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"weights": [50, 20]}, "Parameter weights: step 2 has weight 20 after 50"),
        ({"bake": "1s, 2s", "weights": [10, 20]}, None),
        ({"bake": "0s"}, "Parameter bake: '0s' is not a duration"),
    ],
)
def test_parameters_that_a_form_cannot_refuse_are_refused_by_preflight(
    story: Storyteller, params: dict[str, Any], sentence: str | None
) -> None:
    if sentence is None:
        story.policy["approval"] = {"timeout": "1s"}
        assert story.tell(**params).tasks["preflight"] == "success"
        return
    url, last = story.package(), last_call(story)
    told = story.tell(package_uri=url, **params)
    assert_refused(story, told, last)
    assert sentence in told.sentence


def test_a_missing_slot_is_refused_with_the_command_that_makes_it(story: Storyteller) -> None:
    story.policy["slot"] = "nowhere"
    url, last = story.package(), last_call(story)
    told = story.tell(package_uri=url)
    assert_refused(story, told, last)
    assert f"az webapp deployment slot create -g contoso-rg -n {story.app} --slot nowhere" in told.sentence


def test_a_rule_that_is_left_over_is_refused_with_the_command_that_clears_it(story: Storyteller) -> None:
    host = f"{story.app}-stage.azurewebsites.net"
    story.simulator.set_rules(story.app, [{"name": "stage", "actionHostName": host, "reroutePercentage": 5}])
    url, last = story.package(), last_call(story)
    told = story.tell(package_uri=url)
    assert_refused(story, told, last)
    assert "already sends 5 % of its users to slot 'stage'" in told.sentence
    assert story.rules()[0]["reroutePercentage"] == 5


def test_an_app_that_does_not_exist_is_refused(story: Storyteller) -> None:
    story.policy["app"] = "no-such-app"
    told = story.tell()
    assert told.tasks["preflight"] == "failed"
    assert "Azure answered 404 ResourceNotFound" in told.sentence
