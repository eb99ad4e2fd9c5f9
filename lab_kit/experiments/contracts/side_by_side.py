"""Two versions of a model in one server, asked for the same sounds."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from lab_kit import client, datasets
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import VersionNotFound
from lab_kit.datasets import Clip, Kind
from lab_kit.experiments.sound.confidence import SNRS_DB, in_pink_noise
from lab_kit.measure.accuracy import word_errors
from lab_kit.measure.version_gate import VersionPair
from lab_kit.protocol.versions import VersionState

_AT_ONCE = 4
"""Sounds under way, each for both versions: enough for a few cores, and no server refuses it."""
_VOICES = {"two-cities": "reader of Dickens", "sense": "reader of Austen"}
"""By the beginning of a clip's name; what is not read by a person is synthesized."""


class Server(Protocol):
    """A server whose versions can be loaded, such as a bench."""

    @property
    def url(self) -> str: ...
    @property
    def key(self) -> str | None: ...
    @property
    def model(self) -> str: ...
    @property
    def operator(self) -> client.Operator: ...


def apart() -> tuple[Clip, ...]:
    """Every clip that shares no sound with another: single sentences of three voices.

    Raises:
        DatasetError, ModelStoreError: as `datasets.clips`.
    """
    return (*datasets.clips(is_held_out=True), *datasets.clips(Kind.SYNTHESIZED))


async def versions_side_by_side(
    server: Server,
    old: int,
    new: int,
    clips: Sequence[Clip] | None = None,
    snrs_db: Sequence[float] = SNRS_DB[1:],
) -> tuple[VersionPair, ...]:
    """Have both versions hear every clip, as recorded and in pink noise, and count the errors.

    Both answer from the one server, whoever carries a label; what was not loaded before is unloaded
    again.

    Args:
        clips: no two of which should share sound; by default `apart`.
        snrs_db: speech over noise; none for the clips as recorded alone.

    Raises:
        VersionNotFound, VersionFailed: there is no such version, or it cannot be loaded.
        ConnectionFailed, SystemOverloaded: as `client.Inference`.
    """
    chosen = apart() if clips is None else clips
    conditions = [None, *snrs_db]
    async with (
        loaded(server, old, new),
        _asking(server, old) as ask_old,
        _asking(server, new) as ask_new,
    ):
        room = asyncio.Semaphore(_AT_ONCE)

        async def heard(clip: Clip, snr_db: float | None) -> VersionPair:
            async with room:
                sound: FloatArray = clip.samples if snr_db is None else in_pink_noise(clip, snr_db)
                calls = await asyncio.gather(ask_old.infer(sound), ask_new.infer(sound))
            return _pair(clip, snr_db, *(call.text for call in calls))

        try:
            async with asyncio.TaskGroup() as group:
                asked = [
                    group.create_task(heard(clip, snr_db))
                    for snr_db in conditions
                    for clip in chosen
                ]
        except ExceptionGroup as failed:  # the others were cancelled, so that none outlives this
            raise failed.exceptions[0] from failed
    return tuple(one.result() for one in asked)


@asynccontextmanager
async def loaded(server: Server, *versions: int) -> AsyncIterator[None]:
    """While the block runs, these are ready."""
    there = {one.number: one for one in await server.operator.versions()}
    missing = [version for version in versions if version not in there]
    if missing:
        raise VersionNotFound(
            f"version {missing[0]} of {server.model}",
            f"one of {', '.join(map(str, there))}",
            "publish it first",
        )
    was_idle = [version for version in versions if there[version].state is not VersionState.READY]
    try:
        for version in was_idle:
            await server.operator.load_version(version)
        yield
    finally:
        for version in was_idle:
            await server.operator.unload_version(version)


def _asking(server: Server, version: int) -> client.Inference:
    return client.Inference(server.url, server.key, server.model, str(version))


def _pair(clip: Clip, snr_db: float | None, old: str, new: str) -> VersionPair:
    before, after = word_errors(clip.text, old), word_errors(clip.text, new)
    voice = next((told for begin, told in _VOICES.items() if clip.id.startswith(begin)), None)
    return VersionPair(
        clip.id,
        voice or "synthesized voice",
        "as recorded" if snr_db is None else f"noise at {snr_db:g} dB",
        before.words,
        before.errors,
        after.errors,
    )
