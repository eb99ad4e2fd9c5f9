"""The probe: send marked speech by every way, delete what was asked to be kept, and look for it.

What is there before anything was sent is not of this probe's caller: a voice brings a dictionary.
So a mark counts where there is more of it than before. An empty list says something only beside the
answers that came back: a way whose answer did not hold the words proves nothing of them.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from lab_kit import client
from lab_kit.audio.pcm import FloatArray, to_float, to_pcm16
from lab_kit.core.units import samples
from lab_kit.datasets.caller import TAIL_S, caller
from lab_kit.experiments.retention.entries import Answer, Sender, send_by_every_way, server_of
from lab_kit.experiments.retention.marks import Kind, Mark, marks_of
from lab_kit.experiments.retention.places import Found, Places, Setting, Source, found_in, told

PHRASE = "The walrus juggled marmalade beside the lighthouse, and the accordion sneezed."
"""Nobody says it, and its rare words are recognized."""
HARDENED = {
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0",
}
"""The environment of a server whose memory is overwritten as it is freed: all of it comes from
glibc, which fills what it is given back. Without it, what was freed stays until it is used again.
[Source: the GNU C Library's manual, Memory Allocation Tunables]"""
WORDS = ("walrus", "juggled", "marmalade", "lighthouse", "accordion", "sneezed")
OTHER_PHRASE = "Good morning. The trains are late today, and the weather is fine."
"""What others say."""


@dataclass(slots=True)
class Report:
    """What a probe saw.

    Attributes:
        answers: what came back by each way.
        marks: what was looked for.
        before: how often each was there before it was sent.
        kept: found while what was asked to be kept was there.
        left: found once that was deleted.
        settings: what becomes of the process's memory when it fails.
    """

    marks: tuple[Mark, ...]
    before: Counter[Mark]
    answers: list[Answer] = field(default_factory=list)
    kept: list[Found] = field(default_factory=list)
    left: list[Found] = field(default_factory=list)
    settings: tuple[Setting, ...] = ()

    def heard(self, answer: Answer) -> bool:
        """Whether an answer held a word that was looked for."""
        told = answer.told.lower()
        return any(one.name in told for one in self.marks if one.kind is Kind.TEXT)

    def count(self, found: Iterable[Found]) -> dict[Kind, int]:
        """How often anything of each kind was found, beyond what was there before."""
        counts = dict.fromkeys(Kind, 0)
        for mark, times in (times_of(found) - self.before).items():
            counts[mark.kind] += times
        return counts


def on_disk(found: Iterable[Found]) -> list[Found]:
    """What is not in memory alone: in files, in the log, or told."""
    return [one for one in found if not one.is_in_memory]


def in_memory(found: Iterable[Found]) -> list[Found]:
    """What is in the process's memory."""
    return [one for one in found if one.is_in_memory]


def times_of(found: Iterable[Found]) -> Counter[Mark]:
    """How often each mark was found."""
    times: Counter[Mark] = Counter()
    for one in found:
        times[one.mark] += one.times
    return times


async def probe(
    address: client.ServerAddress,
    operator: client.Operator,
    places: Places,
    quiet_s: float = 0.0,
    most_ways: int | None = None,
) -> Report:
    """Do all of it.

    Args:
        quiet_s: between the last deletion and the last search.
        most_ways: that the marked speech goes in by; None for all.

    Raises:
        LabError: the server refused, or its memory cannot be read.
    """
    audio = as_sent(PHRASE)
    marks = marks_of(WORDS, audio, address.key or "no key")
    # the first text that is spoken loads the voice, and its dictionary
    async for _ in client.synthesize(address.url, OTHER_PHRASE, key=address.key):
        pass
    report = Report(marks, times_of(await search_all(places, operator, address, marks)))
    async for answer in send_by_every_way(Sender(address, audio, PHRASE), most_ways):
        report.answers.append(answer)
    report.kept = await search_all(places, operator, address, marks)
    for answer in report.answers:
        if answer.forget is not None:
            await answer.forget()
    await asyncio.sleep(quiet_s)
    report.left = await search_all(places, operator, address, marks)
    report.settings = places.settings()
    return report


async def send_others(address: client.ServerAddress, rounds: int) -> AsyncIterator[int]:
    """Others' speech by every way, ``rounds`` times; gives the number of each that is over."""
    sender = Sender(address, as_sent(OTHER_PHRASE), OTHER_PHRASE)
    for number in range(1, rounds + 1):
        async for answer in send_by_every_way(sender):
            if answer.forget is not None:
                await answer.forget()
        yield number


async def search_all(
    places: Places,
    operator: client.Operator,
    address: client.ServerAddress,
    marks: Sequence[Mark],
) -> list[Found]:
    """Search what the server tells, its files, and its memory.

    Raises:
        LabError: it cannot be reached, or its memory cannot be read.
    """
    async with server_of(address) as server:
        metrics = (await server.get("/metrics")).raise_for_status().text
    letters = repr(await operator.dead_letters())
    answers: list[Source] = [told("metrics", metrics), told("dead letters", letters)]
    # one after the other: each is open only while it is searched
    sources = chain(answers, places.on_disk(), places.in_memory())
    return [one for source in sources for one in found_in(source, marks)]


def as_sent(phrase: str) -> FloatArray:
    """The phrase spoken, its samples as PCM16 has them, with silence that ends the last word."""
    silence = np.zeros(samples(TAIL_S), np.float32)
    return to_float(to_pcm16(np.concatenate([caller(phrase).audio, silence])), "linear16")
