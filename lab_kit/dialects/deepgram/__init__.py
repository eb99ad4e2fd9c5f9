"""Deepgram's live dialect: `GET /v1/listen` as a WebSocket.

What a stream is asked for (`options`), the server's side (`server`: client messages in, events
out), the client's (`client`: server messages in) and our errors in the provider's words
(`errors`). Fields named ``lab`` are ours; the provider's SDK keeps unknown fields, so they do no
harm there and carry timings to our own client.

Source: Deepgram (2025), API reference "Live Audio", developers.deepgram.com; field names and
strictness as the deepgram-sdk 7.17 parses them.
"""

from lab_kit.dialects.deepgram.client import StampedEvent, parse_message
from lab_kit.dialects.deepgram.errors import (
    GOING_AWAY,
    MAX_HEADER_CHARACTERS,
    NORMAL,
    CloseFrame,
    PayloadError,
    Refusal,
    close_frame,
    error_message,
    refusal,
)
from lab_kit.dialects.deepgram.options import (
    DEFAULT_ENDPOINT_MS,
    MAX_CHANNELS,
    MIN_ENDPOINT_S,
    MIN_UTTERANCE_END_S,
    PATH,
    PRIORITY,
    RTC_PATH,
    check_query,
    parse_query,
    query_for,
)
from lab_kit.dialects.deepgram.server import (
    MODEL_UUID,
    Command,
    MessageWriter,
    parse_command,
    stamp,
)

__all__ = [
    "DEFAULT_ENDPOINT_MS",
    "GOING_AWAY",
    "MAX_CHANNELS",
    "MAX_HEADER_CHARACTERS",
    "MIN_ENDPOINT_S",
    "MIN_UTTERANCE_END_S",
    "MODEL_UUID",
    "NORMAL",
    "PATH",
    "PRIORITY",
    "RTC_PATH",
    "CloseFrame",
    "Command",
    "MessageWriter",
    "PayloadError",
    "Refusal",
    "StampedEvent",
    "check_query",
    "close_frame",
    "error_message",
    "parse_command",
    "parse_message",
    "parse_query",
    "query_for",
    "refusal",
    "stamp",
]
