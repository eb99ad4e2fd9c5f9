"""What a server keeps of marked speech, on its disk, in what it tells, and in its memory.

The memory is that of a server started as `HARDENED` says, where what is freed is overwritten. It
is searched once the server has had nothing to do for a few seconds.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from keyed_server import KeyedServer, keyed_server

from lab_kit.client import ServerAddress
from lab_kit.experiments.retention import (
    HARDENED,
    PHRASE,
    WAYS,
    Kind,
    Places,
    Report,
    in_memory,
    on_disk,
    probe,
    search_all,
    send_others,
)
from lab_kit.protocol.api_keys import NewKey

QUIET_S = 8.0
"""More than the server's pause between two times that it looks for garbage."""
MOST_WORDS = 12
"""Of the phrase's, still in memory then: short words that libraries remember, each by itself."""
SPOKEN = 3
"""Ways that answer with sound."""
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Probed:
    """A server that is still running, and what a probe of it saw."""

    server: KeyedServer
    address: ServerAddress
    places: Places
    report: Report


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probed]:
    folder = tmp_path_factory.mktemp("kept")
    traces = folder / "traces"
    environ = {"LAB_TRACE_FILE": str(traces), "LAB_TRACE_SHARE": "1", **HARDENED}
    with keyed_server(folder, environ=environ) as server:
        key = asyncio.run(server.operator.make_key(NewKey("acme"))).key
        places = Places(server.process.pid, (folder / "state",), (server.log, traces))
        report = asyncio.run(probe(server.address(key), server.operator, places, QUIET_S))
        assert traces.stat().st_size  # so there was something to look through
        yield Probed(server, server.address(key), places, report)


def test_every_way_was_taken_and_heard_the_words(probed: Probed) -> None:
    answers = probed.report.answers
    assert [one.way for one in answers] == list(WAYS)
    heard = [one.way for one in answers if probed.report.heard(one)]
    assert len(heard) == len(WAYS) - SPOKEN, set(WAYS) - set(heard)


def test_nothing_is_on_the_disk_or_told_not_even_while_it_is_kept(probed: Probed) -> None:
    assert on_disk(probed.report.kept) == []
    assert on_disk(probed.report.left) == []


def test_sound_and_key_are_out_of_its_memory_and_hardly_a_word_is_left(probed: Probed) -> None:
    left = in_memory(probed.report.left)
    counts = probed.report.count(left)
    assert (counts[Kind.WAVEFORM], counts[Kind.KEY]) == (0, 0), [str(one) for one in left]
    assert counts[Kind.TEXT] <= MOST_WORDS, [str(one) for one in left]


def test_its_memory_goes_to_no_disk(probed: Probed) -> None:
    assert all(setting.is_safe for setting in probed.report.settings), probed.report.settings


async def test_others_who_come_later_bring_nothing_back(probed: Probed) -> None:
    async for _ in send_others(probed.address, 1):
        pass
    await asyncio.sleep(QUIET_S)
    found = await search_all(
        probed.places, probed.server.operator, probed.address, probed.report.marks
    )
    counts = probed.report.count(found)
    assert counts[Kind.WAVEFORM] == 0
    assert counts[Kind.TEXT] <= MOST_WORDS


async def test_a_leak_is_found(probed: Probed) -> None:
    """The last one: it leaves something behind."""
    leak = probed.places.folders[0] / "forgotten.txt"
    leak.write_text(PHRASE)
    found = await search_all(
        probed.places, probed.server.operator, probed.address, probed.report.marks
    )
    assert {one.owner for one in on_disk(found)} == {str(leak)}
    leak.unlink()
