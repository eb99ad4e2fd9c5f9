"""Sound that was redacted, heard again: what was taken out cannot be heard, the rest can."""

import httpx
import pytest
import soxr

from lab_kit import Bench
from lab_kit.audio.files import written_wav
from lab_kit.measure.accuracy import bare_words
from lab_kit.models.synthesizer import Synthesizer


@pytest.mark.parametrize(
    ("said", "left", "gone"),
    [
        (
            "My phone number is four one five, five five five, zero one nine two. Thank you.",
            "thank",
            {"415", "555", "0192", "four", "five", "nine"},
        ),
        ("Please ask for Mrs. Thompson at the desk.", "desk", {"thompson"}),
    ],
)
def test_what_was_taken_out_of_the_text_cannot_be_heard(
    bench: Bench, said: str, left: str, gone: set[str]
) -> None:
    speech = Synthesizer().speak(said)
    sound = soxr.resample(speech.samples, speech.sample_rate_hz, 16_000)
    with httpx.Client(base_url=bench.address.url, timeout=30) as http:
        wav = written_wav(sound)
        before = bare_words(http.post("/v1/audio:transcribe", content=wav).json()["text"])
        redacted = http.post("/v1/audio:redact", content=wav).raise_for_status()
        after = bare_words(
            http.post("/v1/audio:transcribe", content=redacted.content).json()["text"]
        )
    assert gone & set(before)
    assert left in after
    assert not gone & set(after)
    assert len(redacted.content) == len(wav)
