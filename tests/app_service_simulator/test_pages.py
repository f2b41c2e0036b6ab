from html.parser import HTMLParser

import pytest

from app_service_simulator import pages

PAGES = {name: page for name, page in vars(pages).items() if name.isupper() and isinstance(page, bytes)}


class Outline(HTMLParser):
    """Which tags are open, and the text of the heading."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.heading = ""

    def handle_starttag(self, tag, attributes):
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["h1"]:
            self.heading += data


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_well_formed_html_with_a_heading(name):
    outline = Outline()
    outline.feed(PAGES[name].decode())
    assert outline.open == []
    assert outline.heading


def test_the_page_of_a_stopped_app_has_app_service_s_words():
    assert b"<h1>Error 403 - This web app is stopped.</h1>" in pages.STOPPED
    assert b"is currently stopped and does not accept any requests." in pages.STOPPED


def test_the_page_of_an_unknown_host_has_app_service_s_words():
    assert b"<h1>404 Web Site not found.</h1>" in pages.NOT_FOUND
