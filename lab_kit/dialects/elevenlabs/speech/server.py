"""What an answer says: its headers, sound with the times of its characters, and what there is."""

import json
from base64 import b64encode
from typing import Any

from lab_kit.protocol.character_times import CharacterTimes, PieceTimes

JSON_LINES = "application/json"
"""What the provider calls its lines."""
VOICE = "lab"
_PCM_MEDIA_TYPE = "audio/pcm"
MODELS = ("eleven_multilingual_v2", "eleven_flash_v2_5", "scribe_v1", "scribe_v2_realtime")


def headers(text: str, request_id: str) -> dict[str, str]:
    """What an answer says about itself; a character costs one."""
    return {"request-id": request_id, "character-cost": str(len(text))}


def media_type(name: str, usual: str) -> str:
    """What the provider calls a format's content."""
    return _PCM_MEDIA_TYPE if name.startswith("pcm_") else usual


def line(data: bytes, times: CharacterTimes | None) -> bytes:
    """A piece of sound on its line."""
    body = {"audio_base64": b64encode(data).decode(), **_alignments(times)}
    return json.dumps(body).encode() + b"\n"


class WholeAnswer:
    """All of the sound in one object, written while it is made: none of it is kept but its times.

    The sound is base64 in the middle of it, so it is written in threes of bytes.
    """

    def __init__(self) -> None:
        self._times = CharacterTimes([], [], [])
        self._rest = b""

    def begin(self) -> bytes:
        """What stands before the sound."""
        return b'{"audio_base64": "'

    def add(self, data: bytes, times: CharacterTimes | None) -> bytes:
        """Some of the sound."""
        if times is not None:
            self._times.extend(times)
        whole = self._rest + data
        ready = len(whole) - len(whole) % 3
        self._rest = whole[ready:]
        return b64encode(whole[:ready])

    def finish(self) -> bytes:
        """The rest of it, and the times of all its characters."""
        rest = json.dumps(_alignments(self._times))
        return b64encode(self._rest) + b'", ' + rest[1:].encode()


class Clock:
    """Tells the times of pieces that follow one another, from the first one's beginning."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def times(self, piece: PieceTimes | None) -> CharacterTimes | None:
        """Of the next one's characters; None of what has none."""
        if piece is None:
            return None
        told = piece.characters_from(self._now_s)
        self._now_s += piece.duration_s
        return told


def voices() -> dict[str, Any]:
    """The voice that there is."""
    return {"voices": [voice()], "has_more": False}


def voice() -> dict[str, Any]:
    """It answers to any name; this is its own."""
    return {
        "voice_id": VOICE,
        "name": "hibari",
        "category": "premade",
        "description": "The one voice of this server, whatever voice is asked for.",
        "labels": {"language": "en"},
        "high_quality_base_model_ids": [],
        "settings": {"speed": 1.0},
    }


def models(recognizer: str) -> list[dict[str, Any]]:
    """What may be asked for: two names of the voice, and two of the recognizer."""
    english = [{"language_id": "en", "name": "English"}]
    return [
        {
            "model_id": name,
            "name": f"{name}: {recognizer if name.startswith('scribe') else 'hibari'}",
            "can_do_text_to_speech": not name.startswith("scribe"),
            "can_do_voice_conversion": False,
            "can_be_finetuned": False,
            "can_use_style": False,
            "can_use_speaker_boost": False,
            "serves_pro_voices": False,
            "token_cost_factor": 1.0,
            "languages": english,
        }
        for name in MODELS
    ]


def _alignments(times: CharacterTimes | None) -> dict[str, Any]:
    """The text is spoken as it is, so that what is normalized is the same."""
    if times is None:
        return {"alignment": None, "normalized_alignment": None}
    told = {
        "characters": times.characters,
        "character_start_times_seconds": [round(at_s, 4) for at_s in times.starts_s],
        "character_end_times_seconds": [round(at_s, 4) for at_s in times.ends_s],
    }
    return {"alignment": told, "normalized_alignment": told}
