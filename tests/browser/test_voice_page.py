"""The server's own page in a browser: speak, read, and see how long each final took."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hang import HANG_S
from notebook_page import eventually
from playwright.sync_api import Page

from lab_kit.client import ServerAddress
from lab_kit.experiments.networks.fault_proxy import between
from lab_kit.experiments.networks.network import Network

KEY = "right"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server that asks for a key."""
    command = [sys.executable, "-m", "lab_kit.cli", "serve", "--port", "0", "--ready-json"]
    environment = {**os.environ, "LAB_SERVER_KEY": KEY}
    with subprocess.Popen(
        [*command, "--with-parent"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        hung = threading.Timer(HANG_S, server.kill)
        hung.start()
        ready = next((line for line in server.stdout if line.startswith("{")), None)
        hung.cancel()
        assert ready is not None, f"no server within {HANG_S:.0f} s"
        yield str(json.loads(ready)["url"])
        server.terminate()


@pytest.mark.parametrize("wire", ["socket", "events"])
def test_what_is_spoken_to_the_page_is_shown_with_its_delay(
    url: str, page: Page, shots: list[Path], wire: str
) -> None:
    page.goto(url)
    page.locator("#key").fill(KEY)
    page.locator("#wire").select_option(wire)
    page.locator("#speak").click()
    said = {"best", "worst", "times"}
    turns = page.locator("#turns li")

    def heard() -> bool:
        told = " ".join([*turns.all_inner_texts(), page.locator("#text").inner_text()])
        return said <= set(re.findall("[a-z]+", told.lower()))

    eventually("the words come out", heard)
    eventually("a final has come", turns.count)
    delay = re.match(r"(\d+) ms", turns.first.inner_text().strip())
    assert delay
    assert int(delay.group(1)) < 20_000, "of this stream and clock; a slow machine may take seconds"
    for folder in shots:
        page.screenshot(path=folder / "voice-page.png")
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=folder / "voice-page-dark.png")
    page.locator("#speak").click()
    eventually("it has stopped", lambda: page.locator("#note").inner_text() == "")
    assert page.locator("#speak").inner_text() == "Speak"
    count = turns.count()
    for _ in range(2):  # again, and at once again: the stream before may still answer
        page.locator("#speak").click()
        page.get_by_text("Listening.").wait_for()
        page.locator("#speak").click()
    page.locator("#speak").click()
    eventually("it hears again", lambda: turns.count() > count)
    assert page.locator("#speak").inner_text() == "Stop"
    assert all(int(told.split()[0]) < 60_000 for told in turns.all_inner_texts())


@pytest.mark.parametrize("wire", ["socket", "events"])
def test_a_page_whose_connections_are_lost_goes_on(url: str, page: Page, wire: str) -> None:
    """Every connection is reset when it is two seconds old."""
    with between(ServerAddress(url), Network(reset_after_s=2.0)) as address:
        page.goto(address.url)
        page.locator("#key").fill(KEY)
        page.locator("#wire").select_option(wire)
        page.locator("#speak").click()
        turns = page.locator("#turns li")
        eventually("finals come, longer than a connection lives", lambda: turns.count() >= 4)
        assert page.locator("#speak").inner_text() == "Stop"
        page.locator("#speak").click()
        eventually("it has stopped", lambda: page.locator("#note").inner_text() == "")


@pytest.mark.parametrize(
    ("key", "told"), [("wrong", "is a key needed"), ("a key, a comma", "cannot send a key")]
)
def test_a_key_that_opens_nothing_is_told(url: str, page: Page, key: str, told: str) -> None:
    page.goto(url)
    page.locator("#key").fill(key)
    page.locator("#speak").click()
    note = page.locator("#note")
    eventually("it says so", lambda: told in note.inner_text())
    assert page.locator("#speak").inner_text() == "Speak"


@pytest.mark.parametrize("microphone", ["refused"], indirect=True)
def test_a_refused_microphone_is_told_and_no_stream_is_left(url: str, page: Page) -> None:
    page.goto(url)
    page.locator("#key").fill(KEY)
    page.locator("#speak").click()
    note = page.locator("#note")
    eventually("it says what to do", lambda: "Allow it for this page" in note.inner_text())
    assert page.locator("#speak").inner_text() == "Speak"


def test_without_a_script_the_page_says_what_it_is(url: str, page: Page) -> None:
    page.route("**/voice.js", lambda route: route.abort())
    page.goto(url)
    assert page.locator("#voice").is_hidden()
    assert "Ready:" in page.locator(".state").inner_text()
