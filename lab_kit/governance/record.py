"""Records of what a server did: who, what, when, by which rule; never a sound, a word or a key.

Each is one line of JSON that holds the hash of the line before it. So a record that is changed,
taken out, put in or moved no longer fits the next one, and whoever changes that one too has to go
on to the end, where a signed checkpoint does not fit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from lab_kit.core.clock import wall_clock_of
from lab_kit.governance.canonical import Value, canonical
from lab_kit.governance.tree import Frontier, leaf_hash


class Action(StrEnum):
    """What a record may be about."""

    LOG_OPENED = "log.opened"
    LOG_CLOSED = "log.closed"
    LOG_TORN = "log.torn"
    LOG_LOST = "log.lost"
    CALL_ADMITTED = "call.admitted"
    CALL_REFUSED = "call.refused"
    CALLS_COUNTED = "calls.counted"
    OPERATOR_CHANGED = "operator.changed"
    STREAM_OPENED = "stream.opened"
    STREAM_ENDED = "stream.ended"
    RECORDING_OPENED = "recording.opened"
    RECORDING_ENDED = "recording.ended"
    INFERENCE_OPENED = "inference.opened"
    INFERENCE_ENDED = "inference.ended"
    SPEECH_OPENED = "speech.opened"
    SPEECH_ENDED = "speech.ended"
    KEY_MADE = "key.made"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    DATA_DELETED = "data.deleted"
    POLICY_DECIDED = "policy.decided"


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, before it has its place in the log.

    Attributes:
        at_ms: since 1970.
        tenant: whose it was, or whom it was done to; None for the server's own.
        key_id: of the API key that was shown.
        about: the rest, by name; depends on the action.
    """

    action: Action
    at_ms: int
    tenant: str | None = None
    key_id: str | None = None
    request_id: str | None = None
    stream_id: str | None = None
    about: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a log: all that the next record needs of those before it.

    Attributes:
        tree: of all records.
        last: the hash of the last line; None for a log without.
    """

    tree: Frontier = field(default_factory=Frontier)
    last: bytes | None = None

    def line(self, entry: Entry) -> bytes:
        """The entry as the next record, without its line break.

        Raises:
            InvalidParameter: it holds what no record can.
        """
        return canonical(
            {
                "number": self.tree.size,
                "time": wall_clock_of(entry.at_ms),
                "action": entry.action,
                "tenant": entry.tenant,
                "key_id": entry.key_id,
                "request_id": entry.request_id,
                "stream_id": entry.stream_id,
                "about": entry.about,
                "previous": None if self.last is None else self.last.hex(),
            }
        )

    def after(self, line: bytes) -> Self:
        """The end of the log with that line behind it."""
        leaf = leaf_hash(line)
        return type(self)(self.tree.appended(leaf), leaf)
