"""A browser in which somebody is signed in to Airflow, for pictures and tests of its pages.

Headless Chromium as Debian packages it, so that Playwright need not download its own; Playwright itself comes with
requirements-dev.txt. Nothing that `make release` runs imports this.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from demo.airflow_home import User

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",  # which needs rights that a container may not have; only our own pages are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 60_000  # milliseconds for something to appear; Airflow's pages are 7 MB of script on a busy machine


@contextmanager
def signed_in(url: str, user: User, width: int, height: int, preferences: Mapping[str, str]) -> Iterator[Page]:
    """A window of this size on Airflow at `url`, in light colours and UTC.

    Args:
        preferences: what Airflow's pages keep in the browser (localStorage), by its key.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="light", locale="en-GB", timezone_id="UTC"
        )
        context.add_init_script(f"Object.assign(localStorage, {json.dumps({'theme': 'light', **preferences})})")
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(url)
        page.fill("input[name=username]", user.name)
        page.fill("input[name=password]", user.password)
        page.click("button[type=submit]")
        page.wait_for_url(f"{url}/")
        yield page
        browser.close()
