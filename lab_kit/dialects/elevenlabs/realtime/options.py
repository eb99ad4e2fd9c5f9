"""What a stream asks for, by its address."""

from collections.abc import Mapping
from dataclasses import dataclass

from lab_kit.core.events import StreamOptions
from lab_kit.core.shown import shown
from lab_kit.dialects.elevenlabs.errors import Unprocessable
from lab_kit.protocol.imitated import check_imitated, check_language

PATH = "/v1/speech-to-text/realtime"
USUAL_FORMAT = "pcm_16000"
USUAL_SILENCE_S = 1.5
_SHORTEST_S, _LONGEST_S = 0.3, 3.0
FORMATS = {
    **{f"pcm_{hz}": ("linear16", hz, 2) for hz in (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)},
    "ulaw_8000": ("mulaw", 8_000, 1),
}
"""Encoding, samples a second, bytes a sample."""
IMITATED = frozenset(
    {
        *("model_id", "audio_format", "commit_strategy", "include_timestamps", "language_code"),
        *("vad_silence_threshold_secs", "enable_logging"),
    }
)
"""What has its effect, or none that could be seen."""
MOST_MODEL_CHARS = 200


@dataclass(frozen=True, slots=True)
class RealtimeOptions:
    """What is asked for.

    Attributes:
        silence_s: that commits what was said; None leaves that to the client.
        has_times: commits are told once more, with the times of their words.
        steps: the optional steps that every result passes, by name.
    """

    model_id: str
    audio_format: str
    silence_s: float | None
    has_times: bool
    steps: tuple[str, ...] = ()

    @property
    def rate_hz(self) -> int:
        """Samples a second."""
        return FORMATS[self.audio_format][1]

    @property
    def bytes_per_s(self) -> int:
        """Of the sound, before base64."""
        _, rate_hz, sample_bytes = FORMATS[self.audio_format]
        return rate_hz * sample_bytes

    @property
    def stream(self) -> StreamOptions:
        """What it asks of the recognizer."""
        encoding, rate_hz, _ = FORMATS[self.audio_format]
        return StreamOptions(
            encoding,
            rate_hz,
            endpoint_silence_s=self.silence_s,
            speech_events=False,
            postprocess=self.steps,
        )


def parse_query(query: Mapping[str, str], steps: tuple[str, ...] = ()) -> RealtimeOptions:
    """The options of a stream; unknown names are ignored.

    Raises:
        Unprocessable: a value has no meaning, or the model is not named.
    """
    model_id = query.get("model_id", "")
    if not 0 < len(model_id) <= MOST_MODEL_CHARS:
        raise Unprocessable(
            ("query", "model_id"),
            f"model_id={shown(model_id)}",
            "a model's name; any is taken",
            "send model_id=scribe_v2_realtime",
        )
    audio_format = _one_of(query, "audio_format", USUAL_FORMAT, tuple(FORMATS))
    strategy = _one_of(query, "commit_strategy", "manual", ("manual", "vad"))
    has_times = _one_of(query, "include_timestamps", "false", ("true", "false")) == "true"
    silence_s = _silence_s(query)
    return RealtimeOptions(
        model_id, audio_format, silence_s if strategy == "vad" else None, has_times, steps
    )


def check_query(query: Mapping[str, str]) -> None:
    """Make sure that a stream asks for nothing that is not imitated.

    Raises:
        InvalidParameter: it does.
    """
    check_imitated(query, IMITATED)
    check_language("language_code", query.get("language_code"))


def _one_of(query: Mapping[str, str], name: str, usual: str, known: tuple[str, ...]) -> str:
    value = query.get(name, usual)
    if value not in known:
        raise Unprocessable(
            ("query", name),
            f"{name}={shown(value)}",
            f"one of {', '.join(known)}",
            f"send one of these, or leave it out for {usual}",
        )
    return value


def _silence_s(query: Mapping[str, str]) -> float:
    name = "vad_silence_threshold_secs"
    text = query.get(name, str(USUAL_SILENCE_S))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not _SHORTEST_S <= value <= _LONGEST_S:
        raise Unprocessable(
            ("query", name),
            f"{name}={shown(text)}",
            f"seconds, {_SHORTEST_S} to {_LONGEST_S}",
            f"leave it out for {USUAL_SILENCE_S}",
        )
    return value
