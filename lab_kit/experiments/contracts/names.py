"""A new version takes production: which of the names that clients ask by follow it."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit import client
from lab_kit.core.errors import VersionNotFound
from lab_kit.core.table import Table
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip
from lab_kit.experiments.contracts.side_by_side import Server, loaded

PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Answer:
    """Which version of the model answered, and what it heard."""

    version: str
    text: str


@dataclass(frozen=True, slots=True)
class Named:
    """One name that a client can ask by.

    Attributes:
        name: as in ``?model=``.
        before, after: production was moved.
    """

    name: str
    before: Answer
    after: Answer


async def promoted(server: Server, version: int, clip: Clip) -> tuple[Named, ...]:
    """Ask by three names, move production to a version, ask again, and move it back.

    Raises:
        VersionNotFound: there is no such version, or production is carried by none.
        VersionConflict: production moved meanwhile.
        LabError: as `client.transcribe`.
    """
    carrying = [one.number for one in await server.operator.versions() if PRODUCTION in one.labels]
    if not carrying:
        raise VersionNotFound("production without a version", "one that carries it", "set it")
    old = carrying[0]
    names = (server.model, f"{server.model}@{old}", PRODUCTION)
    async with loaded(server, old, version):
        before = [await _ask(server, name, clip) for name in names]
        await server.operator.set_label(PRODUCTION, version)
        try:
            after = [await _ask(server, name, clip) for name in names]
        finally:
            await server.operator.set_label(PRODUCTION, old)
    return tuple(map(Named, names, before, after))


async def _ask(server: Server, name: str, clip: Clip) -> Answer:
    kind = f"audio/l16;rate={SAMPLE_RATE_HZ}"
    call = await client.transcribe(
        server.url, clip.pcm16, kind, clip.id, key=server.key, model=name
    )
    return Answer(call.version or "", call.text)


def names_table(found: Sequence[Named]) -> Table:
    """A row for each name, with the version that answered and its text."""
    head = ("asked for", "before", "after", "text after")
    rows = [(one.name, one.before.version, one.after.version, one.after.text) for one in found]
    moved = sum(one.before.version != one.after.version for one in found)
    note = f"{moved} of {len(found)} names followed production to its new version."
    return Table("name", head, rows, [note], left=4)
