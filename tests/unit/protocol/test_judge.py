"""The judge: captures that keep every rule, and captures that break just one."""

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import pytest

from lab_kit.core.errors import InvalidMessage, PayloadTooLarge
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    SpeechStarted,
    StreamEnded,
    TimedWord,
    Timing,
    UtteranceEnd,
)
from lab_kit.dialects.deepgram.conversation import DeepgramConversation
from lab_kit.dialects.lab.conversation import LabReading
from lab_kit.protocol.judge import RULES, breaches, judged
from lab_kit.protocol.judge.capture import MOST_LINE_CHARS, Capture
from lab_kit.protocol.judge.conversation import seen_in

HEAD = {"capture": 1, "dialect": "lab", "wire": "websocket", "bytes_per_s": 32_000.0}
TIMING = dict.fromkeys(
    ("trigger_audio_s", "received_ns", "decided_ns", "submitted_ns", "started_ns", "finished_ns",
     "compute_ns"),
    0,
)  # fmt: skip
RESULT = {"confidence": 0.9, "timing": TIMING}
Row = dict[str, Any]


def server(**message: Any) -> Row:
    return {"at_ms": 0.0, "by": "server", "message": message}


def client(**what: Any) -> Row:
    return {"at_ms": 0.0, "by": "client", **what}


def word(text: str, start_s: float, end_s: float) -> Row:
    return {"text": text, "start_s": start_s, "end_s": end_s, "confidence": 0.9}


def good() -> list[Row]:
    """A stream of two segments, with a lost connection between them."""
    begun = {"session": "s", "request_id": "r", "model": "m", "model_version": "1", "device": "d"}
    first = {"segment": 1, "start_s": 0.4, **RESULT}
    second = {"segment": 2, "start_s": 2.0, **RESULT}
    return [
        {"at_ms": 0.0, "by": "server", "opened": True},
        server(type="session_begun", sequence=1, resume_window_s=30.0, **begun),
        client(sound={"bytes": 64_000}),
        server(type="speech_started", sequence=2, at_s=0.4),
        server(type="interim", sequence=3, revision=1, end_s=1.0, text="it", stable_chars=2,
               **first),
        server(type="interim", sequence=4, revision=2, end_s=1.4, text="it was", stable_chars=2,
               **first),
        server(type="final", sequence=5, revision=3, end_s=1.6, text="It was.", endpoint=True,
               requested=False, words=[word("It", 0.4, 0.9), word("was.", 1.0, 1.6)], **first),
        client(closed={}),
        {"at_ms": 0.0, "by": "server", "opened": True},
        server(type="session_resumed", session="s", after=4, taken=1),
        server(type="final", sequence=5, revision=3, end_s=1.6, text="It was.", endpoint=True,
               requested=False, **first),
        client(sound={"bytes": 64_000}),
        server(type="usage", sequence=6, from_s=0.0, until_s=2.0),
        server(type="speech_started", sequence=7, at_s=2.0),
        server(type="interim", sequence=8, revision=1, end_s=2.5, text="the", stable_chars=0,
               **second),
        client(message={"type": "finalize"}),
        server(type="final", sequence=9, revision=2, end_s=3.0, text="The best.", endpoint=False,
               requested=True, **second),
        client(message={"type": "finish"}),
        server(type="usage", sequence=10, from_s=2.0, until_s=4.0),
        server(type="session_ended", sequence=11, reason="finished", audio_s=4.0, sha256="0"),
        {"at_ms": 0.0, "by": "server", "closed": {"code": "1000"}},
    ]  # fmt: skip


def broken_rules(rows: Iterable[Row], head: Row = HEAD) -> list[str]:
    reading = LabReading() if head["dialect"] == "lab" else DeepgramConversation()
    capture = Capture.read([json.dumps(head), *map(json.dumps, rows)])
    return [breach.rule for breach in judged(seen_in(capture, reading))]


def uncut() -> list[Row]:
    """The same without the lost connection."""
    rows = good()
    return rows[:7] + rows[11:]


def test_a_stream_that_keeps_the_rules_is_not_blamed() -> None:
    assert broken_rules(uncut()) == []
    assert broken_rules([]) == []
    assert broken_rules(uncut()[:5]) == []  # and then it was cut off


def test_a_session_that_goes_on_repeats_what_its_client_had_not_seen() -> None:
    rows = good()
    del rows[6]  # the client has not seen the final that is told again
    assert broken_rules(rows) == []


def change(line: int, **values: Any) -> Callable[[list[Row]], None]:
    def changed(rows: list[Row]) -> None:
        rows[line]["message"].update(values)

    return changed


def insert(line: int, *new: Row) -> Callable[[list[Row]], None]:
    def inserted(rows: list[Row]) -> None:
        rows[line:line] = list(new)

    return inserted


def drop(line: int) -> Callable[[list[Row]], None]:
    def dropped(rows: list[Row]) -> None:
        del rows[line]
        renumber(rows)

    return dropped


def without(*lines: int) -> Callable[[list[Row]], None]:
    def dropped(rows: list[Row]) -> None:
        for line in lines:
            del rows[line]

    return dropped


def renumber(rows: list[Row]) -> None:
    """So that a change breaks its own rule alone, and not that of the numbers."""
    number = 0
    for row in rows:
        if "sequence" in row.get("message", {}):
            number += 1
            row["message"]["sequence"] = number


ERROR = {
    "code": "INTERNAL", "reason": "INTERNAL", "message": "", "received": "", "expected": "",
    "next_step": "", "retryable": False,
}  # fmt: skip
FATAL = server(type="error", sequence=0, fatal=True, error=ERROR)
EXTRA = server(type="speech_started", sequence=0, at_s=3.9)
SECOND_FINAL = server(
    type="final", sequence=0, segment=1, revision=4, start_s=1.6, end_s=1.6, text="", endpoint=True,
    requested=False, **RESULT,
)  # fmt: skip
LATE_INTERIM = server(
    type="interim", sequence=0, segment=1, revision=4, start_s=1.6, end_s=1.7, text="it",
    stable_chars=0, **RESULT,
)  # fmt: skip
BROKEN: list[tuple[str, str, Callable[[list[Row]], None]]] = [
    ("begins-once", "late", lambda rows: rows.insert(4, rows.pop(1))),
    ("begins-once", "twice", lambda rows: rows.insert(2, deepcopy(rows[1]))),
    ("nothing-after-the-end", "after the end", insert(16, EXTRA)),
    ("nothing-after-the-end", "after the connection", insert(17, EXTRA)),
    ("nothing-after-the-end", "two ends", lambda rows: rows.insert(15, deepcopy(rows[15]))),
    ("numbers", "a hole", change(5, sequence=7)),
    ("numbers", "twice", change(4, sequence=2)),
    ("times", "ends before it begins", change(6, end_s=0.3, words=[])),
    ("times", "inside another final", change(12, start_s=1.0)),
    ("times", "words out of order", change(6, words=[word("was", 1.0, 1.2), word("It", 0.4, 0.9)])),
    ("times", "a word behind its result", change(6, words=[word("It", 0.4, 1.9)])),
    ("times", "a word that ends first", change(6, words=[word("It", 0.9, 0.5)])),
    ("future", "a result", change(5, end_s=2.5)),
    ("future", "a mark", change(3, at_s=9.0)),
    ("final-is-final", "a second final", insert(7, SECOND_FINAL)),
    ("final-is-final", "an interim", insert(7, LATE_INTERIM)),
    ("interim-has-final", "none", drop(12)),
    ("revisions", "a hole", change(5, revision=3)),
    ("revisions", "the first is two", change(10, revision=2)),
    ("revisions", "more stable than there is", change(4, stable_chars=3)),
    ("marks", "speech that is over", change(9, at_s=1.0)),
    ("asked-for", "nobody had asked", change(6, requested=True)),
    ("usage", "a gap", change(8, from_s=0.5)),
    ("usage", "an overlap", change(14, from_s=1.0)),
    ("usage", "less than there was", change(15, audio_s=5.0)),
    ("reason", "well after a fatal error", insert(15, FATAL)),
    ("reason", "well, and not finished", without(15, 13)),
    ("reason", "a result after a fatal error", insert(10, FATAL)),
]


@pytest.mark.parametrize(
    ("rule", "spoil"), [(b[0], b[2]) for b in BROKEN], ids=[f"{b[0]}, {b[1]}" for b in BROKEN]
)
def test_each_broken_rule_is_found(rule: str, spoil: Callable[[list[Row]], None]) -> None:
    rows = uncut()
    renumber(rows)
    spoil(rows)
    if rule != "numbers":
        renumber(rows)
    assert set(broken_rules(rows)) == {rule}


def test_every_rule_has_captures_that_break_it() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


def test_a_resumed_session_that_leaves_something_out_is_found() -> None:
    rows = good()
    rows[9]["message"]["after"] = 5
    assert "numbers" in broken_rules(rows)  # 5 comes again, and the client has it
    rows = good()
    rows[9]["message"]["after"] = 9
    assert "numbers" in broken_rules(rows)  # beyond what was told


def test_a_breach_names_the_line_of_the_file() -> None:
    rows = uncut()
    renumber(rows)
    rows[6]["message"]["requested"] = True
    capture = Capture.read([json.dumps(HEAD), *map(json.dumps, rows)])
    (breach,) = judged(seen_in(capture, LabReading()))
    assert breach.line == 8  # the head is the first line
    assert str(breach).startswith("line 8: asked-for: ")


# -- captures ------------------------------------------------------------------------------------


def test_a_capture_survives_being_written() -> None:
    capture = Capture.read([json.dumps(HEAD), *map(json.dumps, good())])
    assert Capture.read(capture.text()) == capture


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["nonsense"],
        ["[]"],
        ["[" * 100_000],
        [json.dumps({**HEAD, "capture": 2})],
        [json.dumps({**HEAD, "bytes_per_s": 0})],
        [json.dumps({**HEAD, "bytes_per_s": float("nan")})],
        [json.dumps(HEAD), '{"at_ms": 1}'],
        [json.dumps(HEAD), '{"at_ms": 1, "by": "nobody"}'],
        [json.dumps(HEAD), '{"at_ms": 1, "by": "client", "dance": 1}'],
    ],
)
def test_what_is_no_capture_is_refused(lines: list[str]) -> None:
    with pytest.raises(InvalidMessage):
        Capture.read(lines)


def test_what_is_far_too_long_is_refused() -> None:
    with pytest.raises(PayloadTooLarge):
        Capture.read([" " * (MOST_LINE_CHARS + 1)])


@pytest.mark.parametrize("message", [{}, {"type": "final"}, {"type": "dance"}])
def test_a_message_that_is_none_of_the_schemas_is_refused(message: Row) -> None:
    with pytest.raises(InvalidMessage):
        broken_rules([server(**message)])


@pytest.mark.parametrize(
    "values", [{"start": "0"}, {"start": None}, {"start": float("nan")}, {"channel": "x"}]
)
def test_a_provider_s_message_of_another_form_is_refused(values: Row) -> None:
    alternative = {"transcript": "a", "words": []}
    message = {
        "type": "Results", "start": 0.0, "duration": 1.0, "is_final": True,
        "channel": {"alternatives": [alternative]},
    }  # fmt: skip
    head = {**HEAD, "dialect": "deepgram"}
    assert broken_rules([client(sound={"bytes": 64_000}), server(**message)], head) == []
    with pytest.raises(InvalidMessage):
        broken_rules([server(**{**message, **values})], head)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (good(), None),
        (good()[:2], None),
        (good()[:1], "said nothing"),
        ([], "said nothing"),
        ([*good()[:5], {"at_ms": 0.0, "by": "server", "closed": {}}], "lost without a word"),
        ([*good()[:5], client(closed={"why": "hung up"})], "hung up"),
        ([*good()[:5], client(closed={})], None),
    ],
)
def test_too_little_to_judge(rows: list[Row], why: str | None) -> None:
    unheard = Capture.read([json.dumps(HEAD), *map(json.dumps, rows)]).unheard()
    assert (unheard is None) == (why is None)
    assert (why or "") in (unheard or "")


def test_deepgrams_messages_are_read_without_what_is_ours() -> None:
    """As the provider's own server sends them."""

    def results(start: float, duration: float, text: str, is_final: bool) -> Row:
        alternative = {"transcript": text, "confidence": 0.9, "words": []}
        return server(
            type="Results", start=start, duration=duration, is_final=is_final,
            channel={"alternatives": [alternative]},
        )  # fmt: skip

    head = {**HEAD, "dialect": "deepgram"}
    rows = [
        {"at_ms": 0.0, "by": "server", "opened": True},
        client(sound={"bytes": 64_000}),
        results(0.0, 1.0, "it was", False),
        results(0.0, 1.6, "it was", True),
        client(message={"type": "CloseStream"}),
        server(type="Metadata", duration=2.0),
        {"at_ms": 0.0, "by": "server", "closed": {"code": "1000"}},
    ]
    assert broken_rules(rows, head) == []
    rows[3] = results(0.0, 9.0, "it was", True)
    assert broken_rules(rows, head) == ["future"]
    rows[3] = server(type="Results", start=0.0)
    with pytest.raises(InvalidMessage, match="Results without"):
        broken_rules(rows, head)


# -- what our own client has heard ---------------------------------------------------------------

AT = Timing(1.5, 10, 20, 30, 40, 50, 60)
FIRST = Interim(1, 0.4, 1.0, "it was", 2, 0.8, AT)
FINAL = Final(2, 0.4, 1.6, "It was.", 0.9, True, False, AT, (TimedWord("It", 0.4, 0.8, 0.9),))
EVENTS: list[Event] = [SpeechStarted(0.4), FIRST, FINAL, UtteranceEnd(1.6), StreamEnded(4.0, "", 1)]


def test_events_are_judged_by_the_same_rules() -> None:
    assert breaches(EVENTS) == []
    assert "after the end of the stream" in breaches([*EVENTS, FINAL])[0]
    assert "6 stable characters" not in str(breaches(EVENTS))
    assert "before its final" in str(breaches([UtteranceEnd(3.0), FINAL]))
    assert "no final followed" in str(breaches([FIRST, EVENTS[-1]]))
