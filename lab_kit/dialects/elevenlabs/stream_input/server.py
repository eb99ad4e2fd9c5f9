"""The server's side of a socket for texts: which text is spoken when, and what is told of it.

A good message never has a field ``message``: the SDK takes that for an error.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lab_kit.core.errors import InvalidMessage, LabError, PayloadTooLarge
from lab_kit.core.shown import shown
from lab_kit.dialects.elevenlabs.errors import POLICY, status_of
from lab_kit.dialects.elevenlabs.speech.options import check_spoken, parse_settings
from lab_kit.dialects.elevenlabs.stream_input.options import parse_schedule
from lab_kit.protocol.character_times import PieceTimes

MOST_MESSAGE_CHARS = 65_536
MOST_WAITING = 20_000
"""Characters that wait for more: twenty minutes of speech."""
MOST_FRAME_BYTES = 480_000
"""Of sound; in base64 and with its times it stays below the million that clients take."""
_IMITATED = frozenset(
    {
        *("text", "voice_settings", "generation_config", "generator_config"),
        *("try_trigger_generation", "flush", "xi_api_key", "xi-api-key", "authorization"),
    }
)
_ENDS = (
    re.compile(r"[.!?…][\"'”’)\]]*\s"),
    re.compile(r"[,;:—–]\s"),
    re.compile(r"\s"),
)
"""Where a text is cut, the best first: behind a sentence, a clause, a word."""


@dataclass(frozen=True, slots=True)
class TextMessage:
    """One message.

    Attributes:
        text: empty at the end.
        tries: speak what makes sense by now.
        flush: speak all that waits.
        fields: all that it says.
    """

    text: str
    tries: bool
    flush: bool
    fields: dict[str, Any]


def parse_message(message: bytes | str, is_strict: bool) -> TextMessage:
    """What a client says.

    Raises:
        InvalidMessage: it is no such message.
        PayloadTooLarge: it is far longer than one.
        InvalidParameter: ``is_strict``, and something in it is not imitated.
    """
    if len(message) > MOST_MESSAGE_CHARS:
        raise PayloadTooLarge(
            f"a message of {len(message):,} characters",
            f"at most {MOST_MESSAGE_CHARS:,}",
            "send the text in parts",
        )
    try:
        told: Any = json.loads(message) if isinstance(message, str) else None
        text = told["text"]
        if not isinstance(told, dict) or not isinstance(text, str):
            raise TypeError("text")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidMessage(
            f"a message that is none: {shown(message)}",
            'JSON text such as {"text": "Hello. "}',
            "send such messages",
        ) from error
    if is_strict:
        check_spoken(told, _IMITATED)
    tries, flush = told.get("try_trigger_generation"), told.get("flush")
    return TextMessage(text, tries is True, flush is True, told)


class Texts:
    """Texts as they come, cut into what is spoken.

    Attributes:
        speed: that the first message chose.

    Args:
        is_auto: sentences are spoken as soon as they are whole.
    """

    def __init__(self, is_auto: bool, is_strict: bool) -> None:
        self.speed = 1.0
        self._is_auto = is_auto
        self._is_strict = is_strict
        self._schedule: Sequence[int] | None = None
        self._spoken = 0
        self._text = ""

    @property
    def waiting(self) -> int:
        """Characters that wait."""
        return len(self._text)

    def hear(self, message: bytes | str) -> tuple[list[str], bool]:
        """What is to be spoken now, and whether the client has finished.

        Raises:
            LabError: see `parse_message`; or a choice has no meaning, or too much waits.
        """
        told = parse_message(message, self._is_strict)
        if self._schedule is None:
            self._schedule = parse_schedule(told.fields.get("generation_config"))
            self.speed = parse_settings(told.fields.get("voice_settings"))
        self._add(told.text)
        if told.flush or not told.text:
            return self._all(), not told.text
        return list(self._ready(told.tries or self._is_auto)), False

    def _add(self, text: str) -> None:
        """What is only a space keeps a socket open, and parts what stands before it from the rest.

        Raises:
            PayloadTooLarge: too much waits.
        """
        if not text.strip():
            text = " " if self._text and not self._text[-1].isspace() else ""
        if len(self._text) + len(text) > MOST_WAITING:
            raise PayloadTooLarge(
                f"{len(self._text) + len(text):,} characters that wait to be spoken",
                f"at most {MOST_WAITING:,}",
                "end words with a space, or flush",
            )
        self._text += text

    def _all(self) -> list[str]:
        return list(self._taken(len(self._text)))

    def _ready(self, tries: bool) -> Iterator[str]:
        assert self._schedule is not None
        due = self._schedule[min(self._spoken, len(self._schedule) - 1)]
        is_due = not self._is_auto and len(self._text) >= due
        for end in _ENDS if is_due else _ENDS[:tries]:
            if ends := [found.end() for found in end.finditer(self._text)]:
                yield from self._taken(ends[-1])
                return

    def _taken(self, until: int) -> Iterator[str]:
        """What stands before ``until``; where there is nothing to say, it waits for the rest."""
        text = self._text[:until]
        if any(letter.isalnum() for letter in text):
            self._text = self._text[until:]
            self._spoken += 1
            yield text


def frames(data: bytes, times: PieceTimes | None) -> Iterator[str]:
    """A piece of sound, with its times from its own beginning; what is long comes in several."""
    if not data and times is None:
        return
    for start in range(0, max(1, len(data)), MOST_FRAME_BYTES):
        alignment = None if times is None or start else _alignment(times)
        body = {
            "audio": b64encode(data[start : start + MOST_FRAME_BYTES]).decode(),
            "isFinal": None,
            "normalizedAlignment": alignment,
            "alignment": alignment,
        }
        yield json.dumps(body)


def final() -> str:
    """The last message of a socket that ends well."""
    return json.dumps(
        {"audio": None, "isFinal": True, "normalizedAlignment": None, "alignment": None}
    )


def failed(error: LabError) -> str:
    """The last message of one that does not."""
    code = 1011 if error.http_status >= 500 else POLICY
    return json.dumps({"message": str(error), "error": status_of(error), "code": code})


def _alignment(times: PieceTimes) -> dict[str, Any]:
    told = times.characters_from(0.0)
    starts_ms = [round(at_s * 1_000) for at_s in told.starts_s]
    ends_ms = [round(at_s * 1_000) for at_s in told.ends_s]
    return {
        "chars": told.characters,
        "charStartTimesMs": starts_ms,
        "charDurationsMs": [end - start for start, end in zip(starts_ms, ends_ms, strict=True)],
    }
