"""The answer to a recording."""

from collections.abc import Sequence
from typing import Any

from lab_kit.core.events import Final
from lab_kit.dialects.elevenlabs.recording.options import RecordingOptions
from lab_kit.dialects.elevenlabs.words import LANGUAGE, word_objects


def answer(
    asked: RecordingOptions, finals: Sequence[Final], audio_s: float, name: str
) -> dict[str, Any]:
    """All that was said. The model hears English alone, so the language is certain."""
    words = list(word_objects([word for final in finals for word in final.words]))
    if not asked.has_times:
        for word in words:
            del word["start"], word["end"]
    return {
        "language_code": LANGUAGE,
        "language_probability": 1.0,
        "text": " ".join(final.text for final in finals if final.text),
        "words": words,
        "transcription_id": name,
        "audio_duration_secs": audio_s,
    }
