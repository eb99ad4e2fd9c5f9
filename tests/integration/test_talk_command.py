"""``lab talk``: what was said and what was answered, in a terminal, with real models."""

import re

import pytest
from server_process import plain

from lab_kit.bench import Bench
from lab_kit.cli import main


def test_a_clip_is_said_and_answered(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["talk", "--say", "speech-opening-hours", "--url", bench.url]) == 0
    told = capsys.readouterr()
    you, lab = told.out.splitlines()[:2]
    assert plain(you.removeprefix("you")) == "what time do you open on sunday"
    assert re.fullmatch(r"lab    .+  \(\d+ ms after you\)", lab)
    assert "stands in for its speed" in told.err


def test_an_unknown_clip_is_named(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["talk", "--say", "speech-of-nobody", "--url", bench.url]) == 1
    assert "speech-of-nobody" in capsys.readouterr().err
