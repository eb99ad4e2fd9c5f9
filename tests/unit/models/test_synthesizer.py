"""The voice speaks what it is given, the same each time, and refuses what it cannot speak."""

import subprocess
import sys

import numpy as np
import pytest

from lab_kit.core.errors import InvalidParameter, NotInstalled
from lab_kit.models.synthesizer import MAX_TEXT_CHARACTERS, Synthesizer


@pytest.fixture(scope="module")
def synthesizer() -> Synthesizer:
    return Synthesizer()


def test_speaks(synthesizer: Synthesizer) -> None:
    speech = synthesizer.speak("Good morning.")
    assert speech.samples.dtype == np.float32
    assert speech.samples.ndim == 1
    assert speech.sample_rate_hz == 24_000
    assert 0.5 < speech.duration_s < 3.0
    assert 0.05 < np.abs(speech.samples).max() <= 1.0


def test_same_seed_same_samples(synthesizer: Synthesizer) -> None:
    first = synthesizer.speak("Again.", seed=3).samples
    assert np.array_equal(first, synthesizer.speak("Again.", seed=3).samples)
    assert not np.array_equal(first, synthesizer.speak("Again.", seed=4).samples)


def test_faster_is_shorter(synthesizer: Synthesizer) -> None:
    slow, fast = (synthesizer.speak("Take your time.", speed=speed) for speed in (0.8, 1.6))
    assert fast.duration_s < 0.7 * slow.duration_s


@pytest.mark.parametrize("text", ["", "  \n", "..."])
def test_nothing_to_say(synthesizer: Synthesizer, text: str) -> None:
    with pytest.raises(InvalidParameter, match="nothing to say"):
        synthesizer.speak(text)


def test_too_much_to_say(synthesizer: Synthesizer) -> None:
    with pytest.raises(InvalidParameter, match="1,001 characters"):
        synthesizer.speak("x" * (MAX_TEXT_CHARACTERS + 1))


@pytest.mark.parametrize("speed", [0.0, 0.4, 2.1, float("nan")])
def test_speed_out_of_range(synthesizer: Synthesizer, speed: float) -> None:
    with pytest.raises(InvalidParameter, match="speed"):
        synthesizer.speak("Hello.", speed=speed)


def test_without_hibari(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hibari", None)
    with pytest.raises(NotInstalled, match="hibari-tts"):
        Synthesizer().speak("Hello.")


def test_import_and_construction_load_no_runtime() -> None:
    code = (
        "import sys; from lab_kit.models.synthesizer import Synthesizer; Synthesizer();"
        "import lab_kit.models.store.store, lab_kit.models.store.catalog;"
        "print({'hibari', 'onnxruntime', 'silero_vad', 'torch'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
