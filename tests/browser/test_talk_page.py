"""The server's own page in a browser: talk, be answered, and see how long the silence was."""

import re
from pathlib import Path

from notebook_page import eventually
from playwright.sync_api import Page

from lab_kit.bench import Bench


def test_who_talks_to_the_page_is_answered(page: Page, shots: list[Path]) -> None:
    bench = Bench.start()
    page.goto(bench.url)
    page.locator("#talk").click()
    said = page.locator("#said li")
    eventually("it has heard", lambda: said.filter(has_text="you ").count())
    eventually("it has answered", lambda: said.filter(has_text="lab ").count())
    delay = page.locator("#age")
    eventually("the silence is told", lambda: "the limit" in delay.inner_text())
    assert re.match(r"-?\d+ ms, \d+ (inside|over) the limit", delay.inner_text())
    assert page.locator("#stages rect").count() == 4
    for folder in shots:
        page.screenshot(path=folder / "talk-page.png", full_page=True)
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=folder / "talk-page-dark.png", full_page=True)
    page.locator("#talk").click()
    assert page.locator("#talk").inner_text() == "Talk"
