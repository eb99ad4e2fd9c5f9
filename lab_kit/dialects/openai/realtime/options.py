"""What may be asked: a session's sound and turns, chosen before its first audio.

Source: OpenAI (2025), API reference, "Realtime", as openai 3.57 sends and parses it.
"""

import copy
from typing import Any

from lab_kit.core.errors import InvalidMessage, InvalidParameter
from lab_kit.core.events import StreamOptions

PATH = "/v1/realtime"
KEY_SUBPROTOCOL = "openai-insecure-api-key."
LEAST_COMMIT_S = 0.1
MIN_SILENCE_MS = 100
_FORMATS = {
    "audio/pcm": ("linear16", 24_000, 2),
    "audio/pcmu": ("mulaw", 8_000, 1),
    "audio/pcma": ("alaw", 8_000, 1),
}
"""Encoding, samples a second, bytes a sample."""
_DEFAULTS: dict[str, Any] = {
    "format": {"type": "audio/pcm", "rate": 24_000},
    "transcription": {"model": "moonshine-tiny-en"},
    "noise_reduction": None,
    "turn_detection": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 200,
    },
}
_SETTLED = ("format", "turn_detection")


def default_input() -> dict[str, Any]:
    """The ``audio.input`` of a session that nothing was said about."""
    return copy.deepcopy(_DEFAULTS)


def stream_options(audio_input: dict[str, Any]) -> StreamOptions:
    """What ``audio.input`` asks of the recognizer."""
    encoding, rate_hz, _ = _FORMATS[audio_input["format"]["type"]]
    turns = audio_input["turn_detection"]
    silence_s = None
    if turns is not None:
        silence_s = max(MIN_SILENCE_MS, turns.get("silence_duration_ms", 500)) / 1000
    return StreamOptions(encoding, rate_hz, endpoint_silence_s=silence_s)


def bytes_per_s(audio_input: dict[str, Any]) -> int:
    """Bytes of a second of the session's sound, before base64."""
    _, rate_hz, sample_bytes = _FORMATS[audio_input["format"]["type"]]
    return rate_hz * sample_bytes


def updated_input(current: dict[str, Any], session: Any) -> dict[str, Any]:
    """The ``audio.input`` after a `session.update` with ``session``.

    Raises:
        InvalidMessage: it is no session.
        InvalidParameter: a value has no meaning here.
    """
    if not isinstance(session, dict) or "type" not in session:
        raise InvalidMessage(
            "session.update without session.type", "transcription", 'add "type": "transcription"'
        )
    if session["type"] != "transcription":
        raise InvalidParameter(
            f"session.type '{session['type']}'",
            "transcription: this server does not speak",
            'send "type": "transcription"',
        )
    audio = session.get("audio") or {}
    changes = audio.get("input") or {} if isinstance(audio, dict) else {}
    return _merged(current, changes)


def needs_another_session(current: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether ``wanted`` changes what stays as it is from the first audio on."""
    return any(wanted[name] != current[name] for name in _SETTLED)


def _merged(current: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Only what is named changes; null clears.

    Raises:
        InvalidParameter: a value has no meaning here.
    """
    merged = current | {name: changes[name] for name in current if name in changes}
    kind = (merged["format"] or {}).get("type")
    if kind not in _FORMATS:
        raise InvalidParameter(
            f"format '{kind}'", f"one of {', '.join(_FORMATS)}", "set format.type to one of these"
        )
    rate_hz = _FORMATS[kind][1]
    if merged["format"].get("rate", rate_hz) != rate_hz:
        raise InvalidParameter(
            f"{kind} at {merged['format']['rate']} Hz",
            f"{rate_hz} Hz",
            f"resample to {rate_hz:,} Hz, or leave format.rate out",
        )
    turns = merged["turn_detection"]
    if turns is not None and turns.get("type") != "server_vad":
        raise InvalidParameter(
            f"turn_detection '{turns.get('type')}'",
            "server_vad or null",
            "set turn_detection.type to server_vad, or turn_detection to null to commit yourself",
        )
    return merged
