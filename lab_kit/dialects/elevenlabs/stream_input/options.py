"""What a socket for texts is asked for: by its address, and by its first message."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from lab_kit.core.shown import shown
from lab_kit.dialects.elevenlabs.errors import Unprocessable
from lab_kit.dialects.elevenlabs.speech.options import OutputFormat, parse_format, unprocessable
from lab_kit.protocol.imitated import check_imitated, check_language

PATH = "/v1/text-to-speech/{voice_id}/stream-input"
USUAL_SCHEDULE = (120, 160, 250, 290)
USUAL_INACTIVITY_S, LONGEST_INACTIVITY_S = 20, 180
QUERY_IMITATED = frozenset(
    {
        *("model_id", "output_format", "inactivity_timeout", "auto_mode", "language_code"),
        *("sync_alignment", "enable_logging", "seed", "optimize_streaming_latency"),
    }
)
"""What has its effect, or none that could be seen: times come with every piece of sound."""
_SWITCHES = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """What the address asks for.

    Attributes:
        inactivity_s: how long no message may come.
        is_auto: texts are spoken sentence by sentence, without a schedule.
    """

    format: OutputFormat
    inactivity_s: float
    is_auto: bool


@checked(frozen=True, slots=True)
class _Generation:
    chunk_length_schedule: (
        Annotated[list[Annotated[int, Field(ge=50, le=500)]], Field(min_length=1, max_length=100)]
        | None
    ) = None


_generation: TypeAdapter[_Generation | None] = TypeAdapter(_Generation | None)


def parse_query(query: Mapping[str, str]) -> SocketOptions:
    """The options of a socket.

    Raises:
        Unprocessable: a value has no meaning here.
    """
    auto = query.get("auto_mode", "false").lower()
    if auto not in _SWITCHES:
        raise Unprocessable(
            ("query", "auto_mode"), f"auto_mode={shown(auto)}", "true or false", "send one of them"
        )
    return SocketOptions(parse_format(query), _inactivity_s(query), _SWITCHES[auto])


def check_query(query: Mapping[str, str]) -> None:
    """Make sure that an address asks for nothing that is not imitated.

    Raises:
        InvalidParameter: it does.
    """
    asked = dict(query)
    if asked.get("apply_text_normalization") == "auto":
        del asked["apply_text_normalization"]
    check_imitated(asked, QUERY_IMITATED)
    check_language("language_code", asked.get("language_code"))


def parse_schedule(config: Any) -> tuple[int, ...]:
    """How many characters wait before the first, the second, … text is spoken.

    Raises:
        Unprocessable: it is none.
    """
    try:
        told = _generation.validate_python(config)
    except ValidationError as error:
        raise unprocessable(error, "generation_config") from error
    schedule = None if told is None else told.chunk_length_schedule
    return USUAL_SCHEDULE if schedule is None else tuple(schedule)


def _inactivity_s(query: Mapping[str, str]) -> float:
    text = query.get("inactivity_timeout", str(USUAL_INACTIVITY_S))
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= LONGEST_INACTIVITY_S:
        raise Unprocessable(
            ("query", "inactivity_timeout"),
            f"inactivity_timeout={shown(text)}",
            f"seconds, 1 to {LONGEST_INACTIVITY_S}",
            f"leave it out for {USUAL_INACTIVITY_S}",
        )
    return float(value)
