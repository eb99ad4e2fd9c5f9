"""Two real versions in one server, the same sounds for both, and what the gate makes of it."""

import asyncio
from collections.abc import Iterator

import pytest
from server_process import HANG_S, at_full_service

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.core.errors import LabError, VersionFailed, VersionNotFound
from lab_kit.datasets import Clip, Kind
from lab_kit.experiments.contracts import apart, versions_side_by_side
from lab_kit.measure.version_gate import Gate, decide, differences
from lab_kit.protocol.versions import VersionState

BRIEF_TOKENS = 1.0
"""A limit that cuts every sentence."""


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = at_full_service(Bench.start("side-by-side"))
    yield bench
    bench.stop()


def spoken() -> list[Clip]:
    """Ten short sentences, longer than a word."""
    clips = [clip for clip in datasets.clips(Kind.SYNTHESIZED) if len(clip.words) > 1]
    return sorted(clips, key=lambda clip: clip.duration_s)[:10]


async def states(bench: Bench) -> list[VersionState]:
    return [one.state for one in await bench.operator.versions()]


async def is_unloaded(bench: Bench, version: int) -> None:
    """In a moment: whoever asked it last may still hold it when the answer is there."""
    async with asyncio.timeout(HANG_S):
        while (await states(bench))[version - 1] is not VersionState.UNLOADED:
            await asyncio.sleep(0.02)


async def test_a_hasty_version_is_held_and_the_server_left_as_it_was(bench: Bench) -> None:
    hasty, clips = bench.publish(tokens_per_audio_s=BRIEF_TOKENS), spoken()
    pairs = await versions_side_by_side(bench, 1, hasty, clips, snrs_db=(10.0,))
    assert [pair.clip for pair in pairs] == [clip.id for clip in clips] * 2
    assert {pair.voice for pair in pairs} == {"synthesized voice"}
    assert [pair.noise for pair in pairs] == ["as recorded"] * 10 + ["noise at 10 dB"] * 10
    assert sum(pair.new_errors for pair in pairs) > sum(pair.old_errors for pair in pairs)
    found = differences(pairs, resamples=500, seed=1)
    assert found[0].old < 0.2 < found[0].new
    assert decide(found, 0.01).gate is Gate.HOLD
    assert decide(found, 2.0).gate is Gate.SHIP
    await is_unloaded(bench, hasty)
    assert (await states(bench))[0] is VersionState.READY


async def test_a_version_beside_itself_hears_the_same(bench: Bench) -> None:
    """Who shares a step may round, which is no matter to the words."""
    again = bench.publish()
    await bench.operator.load_version(again)
    pairs = await versions_side_by_side(bench, 1, again, spoken(), snrs_db=())
    assert decide(differences(pairs, resamples=500, seed=1), 0.05).gate is Gate.SHIP
    assert (await states(bench))[again - 1] is VersionState.READY, "it was loaded before"
    await bench.operator.unload_version(again)


async def test_what_cannot_be_compared_is_refused_and_leaves_nothing_loaded(bench: Bench) -> None:
    with pytest.raises(VersionNotFound, match="publish it first"):
        await versions_side_by_side(bench, 1, 99, spoken()[:1])
    damaged, hasty = bench.publish(), bench.publish(tokens_per_audio_s=BRIEF_TOKENS)
    bench.damage(damaged)
    with pytest.raises(VersionFailed):
        await versions_side_by_side(bench, hasty, damaged, spoken()[:1])
    await is_unloaded(bench, hasty)


async def test_a_refusal_in_the_middle_is_raised_as_itself(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = bench.publish()
    far = spoken()[0].samples.repeat(400)  # beyond what a request may hold
    monkeypatch.setattr(Clip, "samples", far)
    with pytest.raises(LabError) as refused:
        await versions_side_by_side(bench, 1, other, spoken()[:3], snrs_db=())
    assert refused.value.expected
    await is_unloaded(bench, other)


def test_no_two_clips_of_the_test_set_share_sound() -> None:
    clips = apart()
    assert len({clip.id for clip in clips}) == len(clips) >= 26
    assert all(clip.is_held_out or clip.kind is Kind.SYNTHESIZED for clip in clips)
