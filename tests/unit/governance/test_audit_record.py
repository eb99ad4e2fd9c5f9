"""A record holds the hash of the one before it, and nothing that cannot be written in one way."""

import json
from hashlib import sha256

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.governance.record import Action, Entry, Head
from lab_kit.governance.tree import EMPTY, Frontier

ENTRY = Entry(
    Action.STREAM_ENDED,
    1_767_225_600_123,
    "acme",
    "sk_live_AAAAAAAA",
    "request",
    "stream",
    {"code": "1000", "submitted_ms": 1_500},
)


def test_a_record_is_one_line_of_all_fields() -> None:
    assert json.loads(Head().line(ENTRY)) == {
        "number": 0,
        "time": "2026-01-01T00:00:00.123Z",
        "action": "stream.ended",
        "tenant": "acme",
        "key_id": "sk_live_AAAAAAAA",
        "request_id": "request",
        "stream_id": "stream",
        "about": {"code": "1000", "submitted_ms": 1_500},
        "previous": None,
    }


def test_each_record_holds_the_hash_of_the_line_before() -> None:
    head, before = Head(), None
    for number in range(5):
        line = head.line(ENTRY)
        told = json.loads(line)
        assert (told["number"], told["previous"]) == (number, before)
        before, head = sha256(b"\x00" + line).hexdigest(), head.after(line)
    assert head.tree.size == 5


def test_a_log_without_records_has_the_empty_root() -> None:
    assert Head() == Head(Frontier(), None)
    assert Head().tree.root == EMPTY


def test_seconds_are_refused() -> None:
    entry = Entry(Action.STREAM_ENDED, 0, about={"submitted_s": 1.5})  # type: ignore[dict-item]
    with pytest.raises(InvalidParameter, match="whole milliseconds"):
        Head().line(entry)
