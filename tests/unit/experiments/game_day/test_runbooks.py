"""Each fault has a page with the same headings, whose commands exist."""

import argparse
import json
import re
import shlex
from pathlib import Path

import pytest

from lab_kit import cli
from lab_kit.experiments.game_day import RUNBOOKS, Fault

ROOT = Path(__file__).parents[4]
PAGES = ROOT / "docs" / "runbooks"
HEADINGS = ["Sign", "Check", "Contain", "Mend", "Verify"]
CONTRACT = json.loads((ROOT / "docs" / "contract" / "openapi.json").read_text("utf-8"))
PUBLIC = {("GET", "/readyz"), ("GET", "/metrics")}
"""Beside the contract: for probes and for Prometheus."""
OF_THE_SYSTEM = {"ps", "kill"}


def commands(page: str) -> list[list[str]]:
    """What stands in a page's fences, a line each."""
    fences = re.findall(r"```\n(.*?)```", page, re.DOTALL)
    return [shlex.split(line) for fence in fences for line in fence.splitlines()]


def page(fault: Fault) -> str:
    return (PAGES / RUNBOOKS[fault].page).read_text("utf-8")


def asked(words: list[str]) -> tuple[str, str]:
    """The method and the path of a request by curl."""
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    (url,) = [word for word in words if word.startswith("$LAB_URL")]
    return method, url.removeprefix("$LAB_URL")


def is_served(method: str, path: str) -> bool:
    def fits(known: str) -> bool:
        return re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", known), path) is not None

    served = any(
        fits(known) and method.lower() in methods for known, methods in CONTRACT["paths"].items()
    )
    return served or (method, path) in PUBLIC


@pytest.mark.parametrize("fault", Fault)
def test_a_runbook_has_the_five_headings_on_one_page(fault: Fault) -> None:
    text = page(fault)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert len(text.splitlines()) <= 70, "one page"


@pytest.mark.parametrize("fault", Fault)
def test_its_commands_are_taken_by_what_they_are_for(fault: Fault) -> None:
    found = commands(page(fault))
    assert found
    for words in found:
        if words[0] == "lab":
            assert isinstance(cli._parser().parse_args(words[1:]), argparse.Namespace)
        elif words[0] == "curl":
            assert is_served(*asked(words)), words
        else:
            assert words[0] in OF_THE_SYSTEM, words


def test_what_is_not_served_would_be_found() -> None:
    assert not is_served("DELETE", "/operator/label/canary")
    assert not is_served("POST", "/operator/labels/canary")
    with pytest.raises(SystemExit):
        cli._parser().parse_args(["ledger", "recount"])


def test_the_list_of_pages_has_each_once() -> None:
    listed = re.findall(r"\]\(([a-z-]+\.md)\)", (PAGES / "README.md").read_text("utf-8"))
    assert sorted(listed) == sorted(book.page for book in RUNBOOKS.values())
    assert {file.name for file in PAGES.glob("*.md")} == {*listed, "README.md"}
