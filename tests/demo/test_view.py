"""The views: a screen that fits its terminal, and a log that says each change once."""

import io
from collections.abc import Sequence
from datetime import timedelta

import pytest
from rich.console import Console
from tests.demo.releases import TASKS, picture, printed, progress, task

from demo.picture import Picture, Share, VersionTraffic
from demo.view import LineView, LiveView, clock, screen, view_for, visible


def drawn(shown: Picture, width: int, height: int) -> list[str]:
    return printed(screen(shown, "Release 2.0.0 of contoso-web", width, height), width, height)


def logged(pictures: Sequence[Picture]) -> list[str]:
    output = io.StringIO()
    view = LineView(Console(file=output, width=200))
    for each in pictures:
        view.show(each)
    return output.getvalue().splitlines()


def line_with(lines: list[str], word: str) -> str:
    return next(line for line in lines if word in line)


@pytest.mark.parametrize("width", [80, 110, 160])
def test_a_tall_screen_shows_every_task(width: int) -> None:
    text = "\n".join(drawn(picture(progress("swap", "deferred")), width, 60))
    assert [each for each in TASKS if each not in text] == []


@pytest.mark.parametrize(("width", "height"), [(80, 24), (110, 24), (130, 40), (200, 30)])
def test_the_screen_fits_its_terminal_and_shows_the_current_task(width: int, height: int) -> None:
    lines = drawn(picture(progress("approval", "deferred")), width, height)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert "waiting" in line_with(lines, "approval")


def test_a_task_is_shown_with_its_state_its_seconds_and_what_it_left_behind() -> None:
    lines = drawn(picture(progress("canary_10.watch", "deferred"), seconds=57), 130, 40)
    assert "✓ preflight       success 10.0 s production is on 1.0.0" in line_with(lines, "preflight")
    assert "● canary_10.watch waiting  7.0 s" in line_with(lines, "canary_10.watch")


def test_the_screen_tells_shares_versions_and_who_must_act() -> None:
    shown = picture(progress("approval", "deferred"), who_must_act="the manager, as asked above")
    text = "\n".join(drawn(shown, 130, 40))
    for expected in (
        "requested  50 % of new users",
        "observed   10.5 % (7.5–14.5)",
        "1.0.0       1,234         0  3 ms  8 ms",
        "now   ask the manager: promote or put back",
        "next  swap the slot into production",
        "who   the manager, as asked above",
        "01:15",
    ):
        assert expected in text


def test_in_a_log_each_change_of_state_is_one_line() -> None:
    first = picture(progress("deploy", "running"), seconds=21)
    second = picture(progress("deploy", "success"), seconds=30)
    lines = logged([first, first, second])
    assert lines == [
        "00:21  preflight: success in 10.0 s — production is on 1.0.0",
        "00:21  start_slot: success in 10.0 s",
        "00:21  deploy: running",
        "00:21  traffic: 0 % requested, 10.5 % (7.5–14.5) observed; "
        "1.0.0: 1234 requests, 0 failed, p50 3 ms, p95 8 ms; 2.0.0: 56 requests, 0 failed, p50 3 ms, p95 5 ms",
        "00:30  deploy: success in 10.0 s",
    ]


def test_in_a_log_the_first_failed_request_is_told_at_once_and_more_of_them_at_the_usual_pace() -> None:
    calm = picture(progress("deploy"), seconds=21)
    failing = picture(progress("deploy"), seconds=22, versions=[VersionTraffic("1.0.0", 1300, 2, 3.0, 8.0)])
    worse = picture(progress("deploy"), seconds=23, versions=[VersionTraffic("1.0.0", 1310, 5, 3.0, 8.0)])
    told = [line for line in logged([calm, failing, worse]) if "traffic" in line]
    assert len(told) == 2
    assert "1300 requests, 2 failed" in told[1]


def test_in_a_log_traffic_is_told_again_after_a_while() -> None:
    shown = [picture(progress("deploy"), seconds=second) for second in (21, 30, 37)]
    assert [line[:15] for line in logged(shown) if "traffic" in line] == ["00:21  traffic:", "00:37  traffic:"]


def test_in_a_log_who_must_act_is_told_once() -> None:
    waiting = picture(progress("approval", "deferred"), who_must_act="the manager, as asked above")
    assert len([line for line in logged([waiting, waiting]) if line.endswith("the manager, as asked above")]) == 1


def test_without_any_request_the_share_is_not_a_number() -> None:
    assert str(Share(0)) == "no requests"


def test_a_terminal_gets_a_live_screen_and_a_file_gets_lines() -> None:
    assert isinstance(view_for(Console(force_terminal=True, file=io.StringIO()), ""), LiveView)
    assert isinstance(view_for(Console(file=io.StringIO()), ""), LineView)


def test_the_screen_is_lent_and_taken_back() -> None:
    output = io.StringIO()
    with LiveView(Console(force_terminal=True, file=output, width=130, height=40), "Release") as view:
        view.show(picture(progress("approval", "deferred")))
        with view.aside():
            assert view.live is None
        assert view.live is not None
        view.show(picture(progress("swap", "deferred")))
    assert view.live is None
    assert "swap the slot into production" in output.getvalue()


def test_a_low_screen_shows_the_tasks_around_the_first_unfinished() -> None:
    tasks = [task(f"task_{number}", "success" if number < 10 else None) for number in range(20)]
    assert [each.task_id for each in visible(tasks, 4)] == ["task_8", "task_9", "task_10", "task_11"]
    ended = [task(f"task_{number}", "success") for number in range(20)]
    assert [each.task_id for each in visible(ended, 2)] == ["task_18", "task_19"]


def test_elapsed_time_is_told_in_minutes_and_seconds() -> None:
    assert clock(timedelta(minutes=61, seconds=7.9)) == "61:07"
