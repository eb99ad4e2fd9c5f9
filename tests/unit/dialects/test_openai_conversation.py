"""A Realtime conversation without a socket: what is asked, what is told, in which order."""

import base64
import json
from typing import Any

import pytest

from lab_kit.core.errors import InvalidMessage, SystemOverloaded
from lab_kit.core.events import Final, Timing
from lab_kit.core.replies import (
    AddItem,
    AskReply,
    CancelReply,
    CutItem,
    FunctionCall,
    Outcome,
    RemoveItem,
    ReplyBegun,
    ReplyCalled,
    ReplyEnded,
    ReplyOptions,
    ReplyPiece,
    ReplyTiming,
    Role,
)
from lab_kit.dialects.openai.conversation import client
from lab_kit.dialects.openai.conversation.client import AnswerEnded, AnswerSound, AnswerText
from lab_kit.dialects.openai.conversation.items import MOST_ITEMS
from lab_kit.dialects.openai.conversation.server import ConversationSession
from lab_kit.protocol.live import Ask, Audio, Input, Reply

TIMING = ReplyTiming(1.5, 1, 2, 3, 4, 5, 6, 7, is_ahead=True, dropped=2)
FINAL = Final(1, 0.4, 1.5, "What is new?", 0.9, True, False, Timing(1.5, 10, 20, 30, 40, 50, 60))
TOOL = {"type": "function", "name": "look", "parameters": {"type": "object"}}


@pytest.fixture
def session() -> ConversationSession:
    return ConversationSession("any", "1", 1_000)


def say(session: ConversationSession, kind: str, /, **fields: Any) -> list[Input]:
    return list(session.parse(json.dumps({"type": kind, **fields})))


def told(inputs: list[Input]) -> list[dict[str, Any]]:
    return [json.loads(one.message) for one in inputs if isinstance(one, Reply)]


def asked(inputs: list[Input]) -> list[Any]:
    return [one.request for one in inputs if isinstance(one, Ask)]


def code(inputs: list[Input]) -> str:
    (error,) = told(inputs)
    assert error["type"] == "error"
    return str(error["error"]["code"])


def message(text: str, role: str = "user", **about: Any) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": role, "content": content, **about}


def reply(session: ConversationSession, *events: Any) -> list[dict[str, Any]]:
    return [json.loads(one) for event in events for one in session.render_reply(event)]


# -- what is chosen ---------------------------------------------------------------------------


def test_a_session_is_told_with_all_that_may_be_chosen(session: ConversationSession) -> None:
    created = json.loads(session.greet()[0])["session"]
    assert created["type"] == "realtime"
    assert created["output_modalities"] == ["audio"]
    assert created["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert created["audio"]["input"]["transcription"] is None
    assert session.options.pause_events


def test_only_what_is_named_changes(session: ConversationSession) -> None:
    audio = {"output": {"speed": 1.2}, "input": {"turn_detection": {"type": "semantic_vad"}}}
    change = {"type": "realtime", "instructions": "Be brief.", "audio": audio, "tools": [TOOL]}
    (updated,) = told(say(session, "session.update", session=change))
    assert updated["session"]["audio"]["output"]["voice"] == "hibari-heart"
    settings = session.settings
    assert (settings.instructions, settings.reply.speed) == ("Be brief.", 1.2)
    assert settings.reply.functions[0].name == "look"
    assert session.options.unfinished_silence_s is not None


def test_who_answers_and_who_yields_is_the_client_s_to_choose(session: ConversationSession) -> None:
    assert (session.settings.answers, session.settings.yields) == (True, True)
    turns = {"type": "server_vad", "create_response": False, "interrupt_response": False}
    audio = {"input": {"turn_detection": turns}}
    say(session, "session.update", session={"type": "realtime", "audio": audio})
    assert (session.settings.answers, session.settings.yields) == (False, False)
    audio = {"input": {"turn_detection": None}}
    say(session, "session.update", session={"type": "realtime", "audio": audio})
    assert (session.settings.answers, session.settings.yields) == (False, False)


@pytest.mark.parametrize(
    "change",
    [
        {"output_modalities": ["audio", "text"]},
        {"instructions": 7},
        {"max_output_tokens": 0},
        {"tools": [{"type": "mcp"}]},
        {"tools": [TOOL | {"parameters": {"x": "y" * 20_000}}]},
        {"audio": {"output": {"speed": 9}}},
        {"audio": {"output": "loud"}},
        {"audio": {"input": {"format": {"type": "mp3"}}}},
    ],
)
def test_a_value_without_a_meaning_is_refused_and_changes_nothing(
    session: ConversationSession, change: dict[str, Any]
) -> None:
    before = session.settings
    assert code(say(session, "session.update", session={"type": "realtime", **change})) == (
        "invalid_parameter"
    )
    assert session.settings == before


# -- items ------------------------------------------------------------------------------------


def test_an_item_is_added_told_and_forgotten(session: ConversationSession) -> None:
    inputs = say(session, "conversation.item.create", item=message("Hello.", id="one"))
    (added,) = asked(inputs)
    assert isinstance(added, AddItem)
    assert (added.name, added.said.role, added.said.text) == ("one", Role.USER, "Hello.")
    assert [event["type"] for event in told(inputs)] == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    inputs = say(session, "conversation.item.create", item=message("B", id="two"))
    assert told(inputs)[0]["previous_item_id"] == "one"
    (retrieved,) = told(say(session, "conversation.item.retrieve", item_id="one"))
    assert retrieved["item"]["content"][0]["text"] == "Hello."
    deleting = say(session, "conversation.item.delete", item_id="one")
    assert asked(deleting) == [RemoveItem("one")]
    assert code(say(session, "conversation.item.retrieve", item_id="one")) == "item_not_found"


def test_an_item_s_name_is_given_once_and_its_place_is_known(session: ConversationSession) -> None:
    say(session, "conversation.item.create", item=message("A", id="one"))
    again = say(session, "conversation.item.create", item=message("B", id="one"))
    assert code(again) == "invalid_parameter"
    item = message("B", id="two")
    behind = say(session, "conversation.item.create", item=item, previous_item_id="one")
    assert asked(behind)[0].after == "one"
    unknown = say(session, "conversation.item.create", item=message("C"), previous_item_id="none")
    assert code(unknown) == "item_not_found"


@pytest.mark.parametrize(
    "item",
    [
        None,
        {"type": "message", "role": "user", "content": []},
        {"type": "message", "role": "nobody", "content": [{"type": "input_text", "text": "A"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_image"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AA=="}]},
        {"type": "function_call_output", "output": "sunny"},
        {"type": "mcp_call"},
        message("x" * 20_000),
    ],
)
def test_what_is_no_item_is_refused(session: ConversationSession, item: Any) -> None:
    assert code(say(session, "conversation.item.create", item=item)) == "invalid_parameter"


def test_old_items_make_room(session: ConversationSession) -> None:
    for number in range(MOST_ITEMS + 1):
        say(session, "conversation.item.create", item=message("A", id=f"item {number}"))
    assert code(say(session, "conversation.item.retrieve", item_id="item 0")) == "item_not_found"


# -- turns and answers ------------------------------------------------------------------------


def test_a_turn_becomes_an_item_with_a_name_in_history(session: ConversationSession) -> None:
    events = [json.loads(one) for one in session.render(FINAL, 5)]
    assert events[1]["type"] == "input_audio_buffer.committed"
    assert session.turn == "turn 1"
    deleting = say(session, "conversation.item.delete", item_id=events[1]["item_id"])
    assert asked(deleting) == [RemoveItem("turn 1")]
    session.render(Final(2, 2, 3, "A", 0.9, False, False, FINAL.timing), 6)
    assert session.turn is None


def test_a_spoken_answer_is_told_in_small_pieces_of_sound(session: ConversationSession) -> None:
    sound = bytes(12_000)
    events = reply(
        session,
        ReplyBegun(1, ReplyOptions()),
        ReplyPiece(1, "Of course,", sound, TIMING),
        ReplyPiece(1, "sir.", sound),
        ReplyEnded(1, Outcome.COMPLETED, prompt_tokens=9, tokens=4),
    )
    deltas = [event for event in events if event["type"] == "response.output_audio.delta"]
    assert b"".join(base64.b64decode(event["delta"]) for event in deltas) == sound * 2
    assert max(len(base64.b64decode(event["delta"])) for event in deltas) == 4_800
    assert [("lab" in event) for event in deltas] == [True, *[False] * (len(deltas) - 1)]
    assert deltas[0]["lab"]["timing"]["dropped"] == 2
    done = events[-1]["response"]
    assert done["usage"] == {"total_tokens": 13, "input_tokens": 9, "output_tokens": 4}
    assert done["output"][0]["content"] == [
        {"type": "output_audio", "transcript": "Of course, sir."}
    ]


def test_our_own_client_reads_an_answer(session: ConversationSession) -> None:
    begun = ReplyBegun(1, ReplyOptions())
    events = [begun, ReplyPiece(1, "Yes.", bytes(480), TIMING), ReplyEnded(1, Outcome.COMPLETED)]
    messages = [one for event in events for one in session.render_reply(event)]
    read = [found for one in messages if (found := client.parse(one)) is not None]
    sound = next(one for one in read if isinstance(one, AnswerSound))
    assert (sound.pcm24, sound.timing) == (bytes(480), TIMING)
    assert AnswerText("Yes.") in read
    assert read[-1] == AnswerEnded("completed", "", 0)


@pytest.mark.parametrize(
    ("outcome", "status", "reason"),
    [
        (Outcome.INTERRUPTED, "cancelled", "turn_detected"),
        (Outcome.CANCELLED, "cancelled", "client_cancelled"),
        (Outcome.CUT, "incomplete", "max_output_tokens"),
    ],
)
def test_an_answer_that_is_not_whole_says_why(
    session: ConversationSession, outcome: Outcome, status: str, reason: str
) -> None:
    reply(session, ReplyBegun(1, ReplyOptions()), ReplyPiece(1, "Yes.", bytes(480)))
    done = reply(session, ReplyEnded(1, outcome))[-1]["response"]
    assert (done["status"], done["status_details"]["reason"]) == (status, reason)
    assert done["output"][0]["status"] == "incomplete"


def test_a_failure_names_itself(session: ConversationSession) -> None:
    error = SystemOverloaded("nobody", "somebody", "try again")
    reply(session, ReplyBegun(1, ReplyOptions()))
    done = reply(session, ReplyEnded(1, Outcome.FAILED, error))[-1]["response"]
    assert done["status_details"]["error"]["code"] == "server_overloaded"


def test_a_call_is_an_item_of_its_own(session: ConversationSession) -> None:
    call = FunctionCall("call_1", "look", '{"at": 1}')
    events = reply(
        session,
        ReplyBegun(1, ReplyOptions(functions=())),
        ReplyPiece(1, "A moment.", bytes(480)),
        ReplyCalled(1, call),
        ReplyEnded(1, Outcome.COMPLETED),
    )
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call"]
    deleting = say(session, "conversation.item.delete", item_id=output[1]["id"])
    assert asked(deleting) == [RemoveItem("call call_1")]


def test_one_answer_at_a_time_is_asked_for_and_cancelled(session: ConversationSession) -> None:
    (request,) = asked(say(session, "response.create"))
    assert request == AskReply(session.settings.reply, None)
    assert code(say(session, "response.cancel")) == "response_cancel_not_active"
    reply(session, ReplyBegun(1, ReplyOptions()))
    assert code(say(session, "response.create")) == "conversation_already_has_active_response"
    assert asked(say(session, "response.cancel")) == [CancelReply()]


def test_a_single_answer_may_be_made_otherwise(session: ConversationSession) -> None:
    response = {"instructions": "Shout.", "output_modalities": ["text"], "tool_choice": "none"}
    (request,) = asked(say(session, "response.create", response=response))
    assert (request.instructions, request.options.is_spoken) == ("Shout.", False)
    assert session.settings.reply.is_spoken
    for outside in ({"conversation": "none"}, {"input": []}):
        assert code(say(session, "response.create", response=outside)) == "invalid_parameter"


def test_an_answer_is_cut_where_its_client_stopped(session: ConversationSession) -> None:
    events = reply(session, ReplyBegun(3, ReplyOptions()), ReplyPiece(3, "Yes.", bytes(480)))
    item = next(event for event in events if event["type"] == "conversation.item.added")["item"]
    about = {"item_id": item["id"], "content_index": 0}
    cutting = say(session, "conversation.item.truncate", **about, audio_end_ms=250)
    assert asked(cutting) == [CutItem("reply 3", 0.25)]
    wrong = say(session, "conversation.item.truncate", **about, audio_end_ms=-1)
    assert code(wrong) == "invalid_parameter"
    say(session, "conversation.item.create", item=message("A", id="one"))
    user = {"item_id": "one", "content_index": 0, "audio_end_ms": 0}
    assert code(say(session, "conversation.item.truncate", **user)) == "invalid_parameter"


def test_sound_is_heard_as_in_a_transcription(session: ConversationSession) -> None:
    sound = base64.b64encode(bytes(480)).decode()
    assert say(session, "input_audio_buffer.append", audio=sound) == [Audio(bytes(480))]
    assert code(say(session, "input_audio_buffer.commit")) == "input_audio_buffer_commit_empty"


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", '{"type": "error", "error": {}}'])
def test_our_own_client_refuses_what_is_no_event(text: str) -> None:
    with pytest.raises(InvalidMessage):
        client.parse(text)
