"""Renews the pictures in docs/images from a real release: `make screenshots`.

Starts the demonstration, triggers a release, and takes the pictures as it comes by: the form, the graph, the
approval. Look at them before you commit them.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote

from playwright.sync_api import Locator, Page

from demo.airflow_home import REPOSITORY
from demo.browser import signed_in
from demo.playground import DAG_ID, Playground, package_url, set_up
from demo.ports import ANY
from demo.processes import Processes
from demo.progress import APPROVAL
from demo.run_directory import RunDirectory

IMAGES = REPOSITORY / "docs" / "images"
LARGEST = 300 * 1024  # bytes of a picture; they stay in the repository's history for ever

WIDTH, HEIGHT = 1400, 1260  # of the window: the whole graph, readable, with a page beside it
APPROVAL_HEIGHT = 960  # enough for what a manager reads
SPEED = 60.0  # of the simulator, as in `make release`
VERSION = "2.0.0"
BAKE = "30s"  # long enough for some 30 answers each, and for taking a picture meanwhile
NOTE = "Faster search, as agreed in the release meeting."
PICTURED_STEP = "canary_25.watch"
RELEASE_TIMEOUT = 300.0  # seconds for a release to come to a place; it takes two minutes at most
LOOK_AGAIN = 0.5  # seconds

PREFERENCES = {
    "default_dag_view": json.dumps("graph"),
    f"direction-{DAG_ID}": json.dumps("DOWN"),
    f"{DAG_ID}/open-groups": json.dumps(["staging", "production"]),
    # Percent of the window's width for the graph, and for what stands beside it.
    "react-resizable-panels:graph-ltr": json.dumps(
        {"details-panel,main-panel": {"expandToSizes": {}, "layout": [25, 75]}}
    ),
}
"""What a person would choose with the mouse."""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def take(name: str, subject: Page | Locator) -> None:
    """Takes a picture once the page is at rest."""
    page = subject if isinstance(subject, Page) else subject.page
    page.wait_for_load_state("networkidle")
    picture = IMAGES / f"{name}.png"
    picture.parent.mkdir(exist_ok=True)
    # The little map would hide the last tasks of a graph that is as high as the window.
    subject.screenshot(path=picture, animations="disabled", style=".react-flow__minimap {display: none}")
    page.goto("about:blank")  # else its questions to Airflow, every few seconds, would slow the release down
    size = picture.stat().st_size
    if size > LARGEST:
        raise ValueError(f"{picture} has {size} bytes; at most {LARGEST} belong into the repository")
    say(f"{picture.relative_to(REPOSITORY)}: {size // 1024} kB")


def picture_of_the_form(page: Page, url: str) -> None:
    page.goto(f"{url}/dags/{DAG_ID}")
    page.get_by_role("button", name="Trigger").click()
    form = page.locator("[role=dialog][data-state=open]")
    form.locator("#element_version").fill(VERSION)
    form.locator("#element_package_uri").fill("https://contosopackages.blob.core.windows.net/web/web-2.0.0.zip?sv=…")
    form.locator("[name=element_note]").fill(NOTE)
    form.locator(".view-line").first.wait_for()  # the editor of the weights, which comes last
    take("form", form)


def picture_of_the_graph(page: Page, url: str, run_id: str) -> None:
    page.goto(f"{url}/dags/{DAG_ID}/runs/{quote(run_id)}")
    page.locator(".react-flow__node", has_text="canary_25").get_by_text("deferred").wait_for()
    take("graph", page)


def picture_of_the_approval(page: Page, url: str, run_id: str) -> None:
    page.set_viewport_size({"width": WIDTH, "height": APPROVAL_HEIGHT})
    page.goto(f"{url}/dags/{DAG_ID}/runs/{quote(run_id)}/tasks/{APPROVAL}/required_actions")
    page.get_by_role("button", name="Approve", exact=True).wait_for()
    page.locator(".react-flow__node", has_text="ManagerApprovalSensor").get_by_text("deferred").wait_for()
    take("approval", page)


def release(playground: Playground) -> str:
    """Triggers it, as the operator; the run's id."""
    package = package_url(playground.azure, playground.processes.directory.path / "packages", VERSION, {})
    conf = {"version": VERSION, "package_uri": package, "bake": BAKE, "note": NOTE}
    return playground.operator.trigger(DAG_ID, conf, "").dag_run_id


def wait_until_deferred(playground: Playground, run_id: str, task_id: str) -> None:
    def deferred() -> bool:
        tasks = playground.operator.task_instances(DAG_ID, run_id)
        return any(task.task_id == task_id and task.state == "deferred" for task in tasks)

    wait_until(deferred, f"{task_id} waits")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + RELEASE_TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {RELEASE_TIMEOUT:.0f} s in vain until {what}")
        time.sleep(LOOK_AGAIN)


def main() -> None:
    directory = RunDirectory(REPOSITORY / ".run" / "screenshots")
    with directory.held(), Processes(directory) as processes:
        playground = set_up(processes, SPEED, ANY, say)
        url = playground.home.url
        with closing(playground), signed_in(url, playground.manager.user, WIDTH, HEIGHT, PREFERENCES) as page:
            picture_of_the_form(page, url)
            run_id = release(playground)
            wait_until_deferred(playground, run_id, PICTURED_STEP)
            picture_of_the_graph(page, url, run_id)
            wait_until_deferred(playground, run_id, APPROVAL)
            picture_of_the_approval(page, url, run_id)


if __name__ == "__main__":
    main()
