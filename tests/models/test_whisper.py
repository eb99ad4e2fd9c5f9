"""Whisper hears what an independent implementation hears in the very same file of weights."""

from collections.abc import Callable, Iterator, Sequence

import ctranslate2
import numpy as np
import pytest
import torch

from lab_kit import datasets
from lab_kit.core.errors import PayloadTooLarge
from lab_kit.datasets import Clip
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.models.device import Device, choose_device
from lab_kit.models.kv_pool import KvPool
from lab_kit.models.store.store import ModelFiles, ModelStore
from lab_kit.models.whisper.model import DecodeRow, EncodedSpeech, Whisper, use_threads, warm_up

NAMES = ("two-cities-best", "two-cities-authorities", "speech-train-at")
POSITIONS = 64
"""Room for each clip of the tests; none of them says more."""


@pytest.fixture(scope="module")
def files() -> ModelFiles:
    return ModelStore().path("whisper-tiny-en")


@pytest.fixture(scope="module")
def whisper(files: ModelFiles) -> Iterator[Whisper]:
    threads = torch.get_num_threads()
    use_threads(1)  # several that spin for a busy core take many times as long
    model = Whisper(files.paths, Device("cpu", choose_device().name, workers=1))
    warm_up(model)
    yield model
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [datasets.clip(name) for name in NAMES]


@pytest.fixture(scope="module")
def encoded(whisper: Whisper, clips: list[Clip]) -> list[EncodedSpeech]:
    return [whisper.encode([clip.samples])[0] for clip in clips]


@pytest.fixture(scope="module")
def alone(whisper: Whisper, encoded: list[EncodedSpeech]) -> list[list[int]]:
    """Each clip decoded with nobody beside it."""
    return [greedy(whisper, [clip])[0] for clip in encoded]


def contiguous(count: int) -> list[list[int]]:
    return [list(range(n * POSITIONS, (n + 1) * POSITIONS)) for n in range(count)]


def scattered(count: int) -> list[list[int]]:
    """The same slots, dealt out in an order without any order."""
    dealt = np.random.default_rng(7).permutation(count * POSITIONS).reshape(count, POSITIONS)
    return [row.tolist() for row in dealt]


def greedy(
    whisper: Whisper, encoded: Sequence[EncodedSpeech], slots: list[list[int]] | None = None
) -> list[list[int]]:
    """Decode clips together until the last has ended; who has ended takes no part any more."""
    slots = slots or contiguous(len(encoded))
    pool = KvPool.for_model(whisper, len(encoded) * POSITIONS)
    said = [list(whisper.prompt) for _ in encoded]
    fed = [0] * len(encoded)
    going = list(range(len(encoded)))
    while going:
        rows = [
            DecodeRow(tuple(said[n][fed[n] :]), tuple(slots[n][: len(said[n])]), encoded[n])
            for n in going
        ]
        for n, choices in zip(going, whisper.decode(rows, pool), strict=True):
            fed[n] = len(said[n])
            said[n].append(choices[-1].token)
        going = [n for n in going if said[n][-1] != whisper.end_token]
    return [tokens[len(whisper.prompt) : -1] for tokens in said]


def heard_by_ctranslate2(files: ModelFiles, whisper: Whisper, clips: list[Clip]) -> list[list[int]]:
    reference = ctranslate2.models.Whisper(
        str(files.folder), compute_type="float32", intra_threads=1
    )
    mel = whisper.features([clip.samples for clip in clips])
    return [
        reference.generate(
            ctranslate2.StorageView.from_array(mel[n : n + 1]),
            [list(whisper.prompt)],
            beam_size=1,
            max_length=whisper.max_tokens,
        )[0].sequences_ids[0]
        for n in range(len(clips))
    ]


def error(whisper: Whisper, clips: list[Clip], heard: list[list[int]]) -> float:
    truth = " ".join(clip.text for clip in clips)
    return word_error_rate(truth, " ".join(whisper.text(tokens) for tokens in heard))


def test_another_implementation_hears_the_same(
    files: ModelFiles, whisper: Whisper, clips: list[Clip], alone: list[list[int]]
) -> None:
    theirs = heard_by_ctranslate2(files, whisper, clips)
    assert alone == theirs
    assert error(whisper, clips, alone) == error(whisper, clips, theirs)


def test_it_hears_almost_every_word(
    whisper: Whisper, clips: list[Clip], alone: list[list[int]]
) -> None:
    assert error(whisper, clips, alone) < 0.15
    for clip, tokens in zip(clips, alone, strict=True):
        assert len(tokens) < whisper.token_limit(len(clip.samples))


@pytest.mark.parametrize("slots", [contiguous, scattered])
def test_neighbours_and_places_change_no_word(
    whisper: Whisper,
    encoded: list[EncodedSpeech],
    alone: list[list[int]],
    slots: Callable[[int], list[list[int]]],
) -> None:
    assert greedy(whisper, encoded, slots(len(encoded))) == alone


def test_encoding_together_changes_no_word(
    whisper: Whisper, clips: list[Clip], alone: list[list[int]]
) -> None:
    together = whisper.encode([clip.samples for clip in clips[:2]])
    assert [clip.samples for clip in together] == [len(clip.samples) for clip in clips[:2]]
    assert greedy(whisper, together) == alone[:2]


def test_rows_of_any_length_share_a_pass(
    whisper: Whisper, encoded: list[EncodedSpeech], alone: list[list[int]]
) -> None:
    """One row begins, one checks a draft and one takes a step, in a single pass."""
    pool = KvPool.for_model(whisper, 3 * POSITIONS)
    places = scattered(3)
    begun = (*whisper.prompt, *alone[2][:3])
    whisper.decode([DecodeRow(begun, tuple(places[2][: len(begun)]), encoded[2])], pool)
    drafted = (*whisper.prompt, *alone[1])
    rows = [
        DecodeRow(whisper.prompt, tuple(places[0][: len(whisper.prompt)]), encoded[0]),
        DecodeRow(drafted, tuple(places[1][: len(drafted)]), encoded[1]),
        DecodeRow((alone[2][3],), tuple(places[2][: len(begun) + 1]), encoded[2]),
    ]
    first, checked, step = whisper.decode(rows, pool)
    assert [len(first), len(checked), len(step)] == [len(whisper.prompt), len(drafted), 1]
    assert first[-1].token == alone[0][0]
    assert [c.token for c in checked[len(whisper.prompt) - 1 :]] == [*alone[1], whisper.end_token]
    assert step[0].token == alone[2][4]


def test_places_change_probabilities_by_rounding_only(
    whisper: Whisper, encoded: list[EncodedSpeech], alone: list[list[int]]
) -> None:
    tokens = (*whisper.prompt, *alone[2])
    chances = []
    for places in (contiguous(2)[0], scattered(2)[0]):
        pool = KvPool.for_model(whisper, 2 * POSITIONS)
        head, tail = tokens[:4], tokens[4:]
        whisper.decode([DecodeRow(head, tuple(places[:4]), encoded[2])], pool)
        row = DecodeRow(tail, tuple(places[: len(tokens)]), encoded[2])
        chances.append([c.log_probability for c in whisper.decode([row], pool)[0]])
    np.testing.assert_allclose(chances[0], chances[1], atol=1e-4)


def test_more_than_it_hears_at_once_is_refused(whisper: Whisper) -> None:
    with pytest.raises(PayloadTooLarge, match=r"31\.0 s.*at most 30 s.*cut it"):
        whisper.encode([np.zeros(31 * 16_000, np.float32)])
