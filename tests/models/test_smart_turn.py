"""What the network hears in how people speak, with its graph cut to what it needs."""

import numpy as np
import pytest

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import clip
from lab_kit.gateway.versions.engine_factory import TURNS
from lab_kit.models.smart_turn import SmartTurn, open_smart_turn
from lab_kit.models.store.store import ModelStore

PUBLISHED = ModelStore().path(TURNS)["smart-turn-v3.2-cpu.onnx"]
SENTENCES = ("speech-opening-hours", "speech-book-table", "speech-password", "sense-leisure")
SILENCE_S = 0.1


@pytest.fixture(scope="module")
def network() -> SmartTurn:
    return open_smart_turn(PUBLISHED)


def said_until(name: str, word: int) -> FloatArray:
    """The clip up to the end of a word, and a moment of a quiet room."""
    said = clip(name)
    end = round(said.words[word].end_s * SAMPLE_RATE_HZ)
    room = np.random.default_rng(1).normal(0, 1e-3, round(SILENCE_S * SAMPLE_RATE_HZ))
    return np.append(said.samples[:end], room).astype(np.float32)


@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence_sounds_more_finished_than_its_beginning(network: SmartTurn, name: str) -> None:
    whole = network.completeness(said_until(name, -1))
    begun = network.completeness(said_until(name, len(clip(name).words) // 2))
    assert whole > 0.5 > begun


@pytest.mark.parametrize("count", [0, 1, 8_000, 8 * 16_000, 20 * 16_000])
def test_any_length_is_judged(network: SmartTurn, count: int) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, count).astype(np.float32)
    assert 0 <= network.completeness(sound) <= 1


def test_what_was_said_longer_ago_than_it_hears_changes_nothing(network: SmartTurn) -> None:
    lately = clip("two-cities").samples[: 8 * SAMPLE_RATE_HZ]
    before = np.full(SAMPLE_RATE_HZ, 0.5, np.float32)
    assert network.completeness(np.append(before, lately)) == network.completeness(lately)
