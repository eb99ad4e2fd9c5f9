"""A server whose engines are processes: streams outlive them, and they outlive no server."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import psutil
import pytest
from server_process import eventually, metrics

from lab_kit.bench import Bench
from lab_kit.core.errors import VersionFailed
from lab_kit.datasets import clip
from lab_kit.experiments.load import Stairs
from lab_kit.experiments.load.live_load import CallEnding
from lab_kit.experiments.scale.engines_ended import Ending, end_engines
from lab_kit.protocol.versions import EngineState

CLIPS = (clip("two-cities-best"), clip("two-cities-best-and-worst"))


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench.start(engines=1)
    yield made
    made.stop()


async def test_streams_outlive_their_engines(bench: Bench) -> None:
    endings = [(2.0, Ending.KILLED), (5.0, Ending.STOPPED), (9.0, Ending.LEAVING)]
    seen = await end_engines(bench, bench.operator, 1, Stairs((2,), 14.0), CLIPS, endings)
    assert [one.how for one in seen.ended] == [how for _, how in endings]
    assert len({one.pid for one in seen.ended}) == 3
    assert seen.load.ended(CallEnding.COMPLETE) == 2
    assert seen.load.turns
    assert seen.load.without_final == 0
    assert seen.twice == 0
    rate = seen.load.word_error_rate
    assert rate is not None
    assert rate < 0.25, "what was said, whichever process heard it"
    ended = metrics(bench.url)["lab_engine_processes_ended_total"]
    assert ended == 2, "the one that was told to leave is not one of them"


async def test_they_are_listed_and_go_with_the_server_however_it_ends(bench: Bench) -> None:
    await _both_answer(bench)
    asked, standing_by = await bench.operator.engines(1)
    assert (asked.state, standing_by.state) == (EngineState.ASKED, EngineState.STANDING_BY)
    folders = set(Path(gettempdir()).glob("engines-*"))
    os.kill(bench.pid, signal.SIGKILL)
    await eventually(lambda: not psutil.pid_exists(asked.pid), "the first is gone")
    await eventually(lambda: not psutil.pid_exists(standing_by.pid), "the second is gone")
    left = {folder for folder in folders if folder.exists() and not any(folder.iterdir())}
    assert left == set(), "an empty folder"


async def test_a_version_that_no_process_can_load_fails_with_a_reason(bench: Bench) -> None:
    number = bench.publish(kv="paged")  # which is for Whisper
    with pytest.raises(VersionFailed, match="3 engine processes ended before they were ready"):
        await bench.operator.load_version(number)
    assert (await bench.transcribe(CLIPS[0])).text, "the other goes on"


async def _both_answer(bench: Bench) -> None:
    while len(await bench.operator.engines(1)) < 2 or EngineState.STARTING in [
        one.state for one in await bench.operator.engines(1)
    ]:
        continue
