"""What a server is found to keep: the probe for a tenant of its own, and leaks that are planted."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab_kit import client
from lab_kit.audio.files import written_wav
from lab_kit.core.table import Table
from lab_kit.experiments.proof.server import Server
from lab_kit.experiments.retention import (
    Found,
    Kind,
    Mark,
    Places,
    Report,
    found_in,
    in_memory,
    marks_of,
    on_disk,
    probe,
)
from lab_kit.experiments.retention.probe import PHRASE, WORDS, as_sent
from lab_kit.protocol.api_keys import NewKey

TENANT = "probed"
DEBUG_LOG = "debug.log"
_WAIT_S = 60.0
_MOST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Planted:
    """Something that the reader had left behind on purpose.

    Attributes:
        what: it is, as a phrase.
        told: the words that the server had heard.
        found: what a search of all files found of it.
    """

    what: str
    told: str
    found: tuple[Found, ...]


async def probed(server: Server, most_ways: int | None = None) -> Report:
    """Send marked speech by a key of its own, and search before, while it is kept, and after.

    Args:
        most_ways: that it goes in by; None for all.

    Raises:
        LabError: the server refused, or its memory cannot be read.
    """
    address = await _address(server)
    places = _places(server)
    return await probe(address, server.operator, places, most_ways=most_ways)


def found_places(report: Report) -> int:
    """In how many kinds of place something was found once all was deleted."""
    return sum(
        any(_beyond(report, pick(report.left), pick).values())
        for pick in _places_by_name().values()
    )


def places_table(report: Report) -> Table:
    """A row for each kind of place: what was found while it was kept, and once that was deleted."""
    places = _places_by_name()
    rows = [
        (
            name,
            *(str(sum(_beyond(report, pick(found), pick).values())) for found in _both(report)),
            _kinds(_beyond(report, pick(report.left), pick)),
        )
        for name, pick in places.items()
    ]
    heard = sum(map(report.heard, report.answers))
    notes = [
        f"Of {len(report.answers)} ways in {heard} gave words back that were looked for; ways that"
        " speak a text hear nothing.",
        *map(str, report.settings),
    ]
    head = ("place", "found while kept", "found once deleted", "of which")
    return Table("kind of place", head, rows, notes)


def memory_table(report: Report) -> Table:
    """A row for what was still in memory, a few of them, with whose memory it is."""
    rows = [
        (one.owner.removeprefix("memory: "), one.mark.kind, one.mark.name, str(one.times))
        for one in in_memory(report.left)[:_MOST_SHOWN]
    ]
    notes = [f"{len(in_memory(report.left))} such rows; times as counted, with what was there."]
    return Table("finding", ("region", "kind", "what", "times"), rows, notes, left=3)


async def planted_line(server: Server) -> Planted:
    """A debugging line that somebody forgot: what was heard, in a file beside the state.

    It is written by this process, not by the server, whose code has no such line.
    """
    address = await _address(server)
    wav = written_wav(as_sent(PHRASE))
    heard = (
        await client.transcribe(address.url, wav, "audio/wav", "a rare phrase", key=address.key)
    ).text
    with (server.state_folder / DEBUG_LOG).open("a", encoding="utf-8") as file:
        file.write(f"DEBUG heard {heard!r}\n")
    return Planted("a debugging line", heard, _searched(server, address))


def remove_planted_line(server: Server) -> None:
    """Take the file with the forgotten line away."""
    (server.state_folder / DEBUG_LOG).unlink(missing_ok=True)


async def planted_transcription(server: Server) -> Planted:
    """A transcription that is kept for a day and that nobody deletes."""
    address = await _address(server)
    operations = client.Operations(address.url, address.key)
    begun = await operations.transcribe(written_wav(as_sent(PHRASE)))
    done = await operations.wait(begun.name, _WAIT_S)
    heard = (await operations.result(done)).text
    return Planted("a kept transcription", heard, _searched(server, address))


def planted_table(planted: Iterable[Planted]) -> Table:
    """A row for each: which file told of it, and how."""
    rows = []
    for one in planted:
        files = sorted({Path(found.owner).name for found in one.found})
        excerpt = next((found.excerpt for found in one.found if found.excerpt), "-")
        rows.append((one.what, one.told, ", ".join(files) or "no file", excerpt))
    return Table("leak", ("planted", "what was heard", "found in", "there"), rows, left=4)


def _searched(server: Server, address: client.ServerAddress) -> tuple[Found, ...]:
    marks = _marks(address)
    sources = _places(server).on_disk()
    return tuple(found for source in sources for found in found_in(source, marks))


def _marks(address: client.ServerAddress) -> Sequence[Mark]:
    return marks_of(WORDS, as_sent(PHRASE), address.key or "no key")


def _places(server: Server) -> Places:
    folders = (server.state_folder, server.audit_folder)
    return Places(server.pid, folders, (server.trace_file,))


async def _address(server: Server) -> client.ServerAddress:
    made = await server.operator.make_key(NewKey(TENANT))
    return replace(server.address, key=made.key)


def _both(report: Report) -> tuple[list[Found], list[Found]]:
    return report.kept, report.left


def _files(found: Iterable[Found]) -> list[Found]:
    return [one for one in on_disk(found) if one.owner not in _TOLD]


def _told(found: Iterable[Found]) -> list[Found]:
    return [one for one in on_disk(found) if one.owner in _TOLD]


_TOLD = ("metrics", "dead letters")


def _places_by_name() -> dict[str, Callable[[Iterable[Found]], list[Found]]]:
    return {
        "files: state, audit log, traces, server's log, all that is open": _files,
        "what the server tells: metrics, dead letters": _told,
        "memory of the server's process": in_memory,
    }


def _beyond(report: Report, found: list[Found], pick: object) -> dict[Kind, int]:
    """What was not there before; the probe counts that over all places, and it was in memory."""
    if pick is in_memory:
        return report.count(found)
    counts = dict.fromkeys(Kind, 0)
    for one in found:
        counts[one.mark.kind] += one.times
    return counts


def _kinds(counts: dict[Kind, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "-"
