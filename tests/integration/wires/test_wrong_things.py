"""The table in docs/server.md of what a stream does wrong and what it gets, on every wire.

Each row is done on all wires at once where that is possible, and each wire's outcome is a test of
its own. What a wire cannot do is data too, with the reason.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from server_process import KEY, ServerProcess, at_full_service
from test_openai_realtime import SAID
from wire_callers import LOST, Act, Asked, GoogleCaller, LiveWire, OpenAICaller, WebRtcCaller
from wrong_situations import (
    PHRASES,
    SMALL,
    UNREAD,
    Does,
    Ended,
    Servers,
    Situation,
    as_it_is_reduced,
    on_a_server_with_a_key,
    on_small_limits,
    until_a_limit_of_time,
    until_as_much_is_owed_as_may_be,
    until_they_are_behind,
    while_full,
    while_it_answers_nothing,
    while_it_stops,
    while_nobody_reads,
    while_reduced,
)

from lab_kit.bench import Bench

DOCUMENT = Path(__file__).parents[3] / "docs" / "server.md"
DEEPGRAM, OPENAI, GOOGLE_1, GOOGLE_2, WEBRTC, ASSEMBLYAI, TRANSCRIBE, ELEVENLABS = LiveWire
GOOGLE = (GOOGLE_1, GOOGLE_2)
SOCKETS = (DEEPGRAM, OPENAI, ASSEMBLYAI, ELEVENLABS)


@dataclass(frozen=True, slots=True)
class Gets:
    """What comes of it.

    Attributes:
        code: see `wire_callers.Outcome`.
        words: a pattern that the reason has to match.
        errors: told on the open stream before.
        owed: words that were said before, and come.
        finals: so many of them.
        retry_after: the refusal says when to come back.
    """

    code: int | str
    words: str = ""
    errors: tuple[str, ...] = ()
    owed: str = ""
    finals: int | None = None
    retry_after: bool = False


@dataclass(frozen=True, slots=True)
class Cannot:
    """Why it cannot be done on a wire."""

    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is done wrong.

    Attributes:
        line: words of the line of the document's table, which no other line has.
        gets: for every wire.
        act: what is done; where wires differ, by wire.
        asked: what is asked for when connecting, by wire.
        case: which of several that the words hold.
    """

    line: str
    situation: Situation
    gets: Mapping[LiveWire, Gets | Cannot]
    act: Act | Mapping[LiveWire, Act] | None = None
    asked: Mapping[LiveWire, Asked] = field(default_factory=dict)
    case: str = ""

    @property
    def name(self) -> str:
        """For the test's name."""
        return f"{self.line} ({self.case})" if self.case else self.line

    def on(self, wire: LiveWire) -> Does:
        """What is done on one wire."""
        act = self.act[wire] if isinstance(self.act, Mapping) else self.act
        return Does(act, self.asked.get(wire))

    async def done(self, servers: Servers) -> Mapping[LiveWire, Ended]:
        """How it ends on the wires that can do it."""
        can = [wire for wire, gets in self.gets.items() if isinstance(gets, Gets)]
        return await self.situation(servers, {wire: self.on(wire) for wire in can})


# -- what is done --------------------------------------------------------------------------------


def say_then(wrong: Callable[[Any], Any]) -> Act:
    """Say the clip, then do what is ``wrong``."""

    async def act(caller: Any) -> None:
        await caller.say()
        await wrong(caller)

    return act


async def say(caller: Any) -> None:
    """The clip, and nothing more."""
    await caller.say()


async def say_and_finish(caller: Any) -> None:
    """The clip, and that it was all."""
    await caller.say()
    await caller.finish()


async def too_much(caller: Any) -> None:
    """More sound than one stream may have, in any of the wires' formats."""
    await caller.say(bytes(round(SMALL.stream_audio_s * 2 * 24_000)))


async def in_tiny_pieces(caller: Any) -> None:
    """A sample a message, until the server has had enough."""
    for _ in range(200):
        if caller.is_over:
            return
        await caller.burst(bytes(2), 500)


async def no_command(caller: Any) -> None:
    """Then go on as if nothing had been."""
    await caller.text(b"is that all?")
    await caller.until_error()  # who leaves with the final may leave before
    await caller.until_final()
    await caller.finish()


async def not_understood(caller: Any) -> None:
    """Nothing but a choice that the server does not understand."""
    await caller.until_error()
    await caller.finish()


async def much_text(caller: Any) -> None:
    """A text of more than a megabyte, then go on as if nothing had been."""
    await caller.text(b"x" * 1_000_001)
    await caller.until_error()
    await caller.until_final()
    await caller.finish()


async def keep_alive_for_good(caller: Any) -> None:
    """Until the server ends it."""
    await caller.say()
    await caller.until_final()
    for _ in range(240):  # of the minute after which a test is believed to hang
        await caller.keep_alive()
        await asyncio.sleep(0.25)
        if caller.is_over:
            return


async def one_phrase(caller: Any) -> None:
    """Part of the clip, and a pause behind it."""
    await caller.say(caller.phrase)


async def many_phrases(caller: Any) -> None:
    """More of them than may be owed."""
    for _ in range(PHRASES):
        await one_phrase(caller)


async def many_phrases_heard_out(caller: Any) -> None:
    """The same, and an end once all of them were heard, which some wires need."""
    await many_phrases(caller)
    if isinstance(caller, OpenAICaller):
        await caller.until_final(PHRASES)
    await caller.finish()


async def sixteen_finals(caller: Any) -> None:
    """Of the 64 events that may wait for a client."""
    for _ in range(16):
        await caller.finalize()


def not_utf_8(caller: GoogleCaller) -> Any:
    """Protobuf's strings are UTF-8, which its parser checks."""
    return caller.text(caller.configuration.replace(b"en-US", b"\xff\xfe-US"))


async def not_utf_8_to_the_library(caller: WebRtcCaller) -> None:
    """Whose failure ends the connection, without a word."""
    await caller.text(b"\xff\xfe")
    await caller.until_let_go()


def without_opus(offer: str) -> str:
    """An offer of what telephones speak."""
    return offer.replace(" opus/", " speex/")


ODD = say_then(lambda caller: caller.audio(bytes(3_201)))
FOREIGN_PAGE = Asked(headers={"origin": "https://elsewhere.example"})
FOREIGN_HOST = Asked(host="elsewhere.example")


def asked(field: str, value: Any, *wires: LiveWire) -> dict[LiveWire, Asked]:
    """The same choice on several wires."""
    return {wire: Asked(options={field: value}) for wire in wires}


def on_google(gets: Gets | Cannot, second: Gets | Cannot | None = None) -> dict[
    LiveWire, Gets | Cannot
]:  # fmt: skip
    """Both versions get the same, where there is no ``second``."""
    return {GOOGLE_1: gets, GOOGLE_2: second or gets}


# -- what comes of it ----------------------------------------------------------------------------

NO_PAGE = Cannot("no web page can make such a call: browsers do not give pages HTTP/2's frames")
NO_CLASS = Cannot("the dialect has no word for a stream's class: all of its are interactive")
NO_OPUS = Cannot("the dialect has no Opus here")
NO_FRAMES = Cannot("a message is not sent as frames that somebody could count")
PACKETS = Cannot("the sound is Opus packets, which are whole")
SDP_SAYS = Cannot("Opus itself has its rate and its channels")
ONE_CHANNEL = Cannot("the dialect's sound has one channel, and no word for more")
NO_END = Cannot("the dialect has no word for the end: its clients close the socket")

FORBIDDEN = Gets(403, '"FORBIDDEN"')
FORBIDDEN_PAGES = dict.fromkeys((*SOCKETS, WEBRTC, TRANSCRIBE), FORBIDDEN)
FORBIDDEN_PAGES |= on_google(NO_PAGE)
BAD_QUERY = Gets(400, '"err_code":"INVALID_QUERY_PARAMETER","err_msg":".*"request_id"')
BAD_UPDATE = Gets(1000, errors=("invalid_parameter",))
BAD_CONFIG = Gets("INVALID_ARGUMENT")
NO_KEEP_ALIVE = Cannot("the dialect has no word for it: an event without sound is the end")
BAD_EVENT = Gets(1008, "^BadRequestException: ", owed=SAID)
TOO_MANY = "messages with .* s of sound"
TOO_MUCH = "more than 10 s of audio"
OVERLOADED = r"^SYSTEM_OVERLOADED: "


def told_by_assemblyai(code: int, words: str, owed: str = "") -> Gets:
    """In its message, and by a close with the same code."""
    return Gets(code, words, (str(code),), owed=owed)


def told_by_elevenlabs(word: str, reason: str, owed: str = "", code: int = 1008) -> Gets:
    """In a message of that type, and in the reason of the close."""
    return Gets(code, f"^{word}: {reason}", (word,), owed=owed)


def everywhere_overloaded(words: str) -> dict[LiveWire, Gets | Cannot]:
    """A stream that is ended for the server's sake."""
    closed = Gets(1011, f"{OVERLOADED}{words}")
    return {
        DEEPGRAM: closed,
        OPENAI: replace(closed, errors=("server_overloaded",)),
        **on_google(Gets("RESOURCE_EXHAUSTED", words)),
        WEBRTC: closed,
        ASSEMBLYAI: told_by_assemblyai(1013, words),
        TRANSCRIBE: Gets(1011, f"^ServiceUnavailableException: {words}"),
        ELEVENLABS: told_by_elevenlabs("resource_exhausted", words, code=1011),
    }


def everywhere_refused(words: str) -> dict[LiveWire, Gets | Cannot]:
    """A stream that is refused for now."""
    refused = Gets(503, words, retry_after=True)
    return {
        DEEPGRAM: replace(refused, words=f'"TOO_MANY_REQUESTS".*{words}'),
        OPENAI: replace(refused, words=f'{words}.*"server_overloaded"'),
        **on_google(Gets("RESOURCE_EXHAUSTED", words)),
        WEBRTC: replace(refused, words=f'"SYSTEM_OVERLOADED".*{words}'),
        ASSEMBLYAI: told_by_assemblyai(1013, words),
        TRANSCRIBE: Gets(1011, f"^ServiceUnavailableException: .*{words}"),
        ELEVENLABS: replace(refused, words=f'"system_busy".*{words}'),
    }


def everywhere_idle(words: str) -> dict[LiveWire, Gets | Cannot]:
    """A stream on which nothing comes."""
    closed = Gets(1011, f"^NET-0001: {words}", owed=SAID)
    return {
        DEEPGRAM: closed,
        OPENAI: Gets(1008, f"^STREAM_IDLE: {words}", ("stream_idle",), owed=SAID),
        **on_google(Gets("OUT_OF_RANGE", "Audio Timeout Error", owed=SAID)),
        WEBRTC: closed,
        ASSEMBLYAI: told_by_assemblyai(4031, words, SAID),
        TRANSCRIBE: replace(BAD_EVENT, words="^BadRequestException: .* no new audio .* 5 seconds"),
        ELEVENLABS: told_by_elevenlabs("insufficient_audio_activity", words, SAID),
    }


def where_there_are_classes(gets: Gets) -> dict[LiveWire, Gets | Cannot]:
    """On Deepgram's wires."""
    return {
        **dict.fromkeys((DEEPGRAM, WEBRTC), gets),
        **dict.fromkeys((OPENAI, *GOOGLE, ASSEMBLYAI, TRANSCRIBE, ELEVENLABS), NO_CLASS),
    }


def given_way(kind: str) -> dict[LiveWire, Gets | Cannot]:
    """A stream of that class gives way to others."""
    words = f"{OVERLOADED}a stream of class {kind} gives way"
    return where_there_are_classes(Gets(1011, words, owed=SAID))


NO_ANSWER = "a final is owed, and no answer came for 8 s"
BAD_DATA = Gets(1008, "^DATA-0000: ", owed=SAID)
GONE_ON = Gets(1000, errors=("SchemaError",), owed=SAID)
NOT_PROTOBUF = Gets("INVALID_ARGUMENT", "bytes that are no StreamingRecognizeRequest", owed=SAID)
CHANGED = "unknown encoding, rate, channels"

TABLE = (
    Row(
        "comes from a web page of another site",
        on_small_limits,
        FORBIDDEN_PAGES,
        asked=dict.fromkeys(LiveWire, FOREIGN_PAGE),
    ),
    Row(
        "under another site's name",
        on_small_limits,
        FORBIDDEN_PAGES,
        asked=dict.fromkeys(LiveWire, FOREIGN_HOST),
    ),
    Row(
        "wrong key",
        on_a_server_with_a_key,
        {
            DEEPGRAM: Gets(401, '"err_code":"INVALID_AUTH","err_msg":".*"request_id"'),
            OPENAI: Gets(401, '"invalid_api_key"'),
            **on_google(Gets("UNAUTHENTICATED", "not valid here")),
            WEBRTC: Gets(401, '"UNAUTHENTICATED"'),
            ASSEMBLYAI: told_by_assemblyai(1008, "^Unauthorized Connection: Missing"),
            TRANSCRIBE: Gets(1008, "^BadRequestException: The security token"),
            ELEVENLABS: Gets(401, '"invalid_api_key"'),
        },
    ),
    Row(
        CHANGED,
        on_small_limits,
        {
            DEEPGRAM: BAD_QUERY,
            OPENAI: BAD_UPDATE,
            **on_google(replace(BAD_CONFIG, words="encoding number 9")),
            WEBRTC: Gets(400, "without a codec that is spoken here"),
            ASSEMBLYAI: told_by_assemblyai(3006, "^encoding: 'speex'"),
            TRANSCRIBE: Gets(1008, "^BadRequestException: media-encoding='speex'"),
            ELEVENLABS: Gets(422, "audio_format='pcm_4000'"),
        },
        act={wire: not_understood if wire is OPENAI else None for wire in LiveWire},
        asked={
            **asked("encoding", "speex", DEEPGRAM, ASSEMBLYAI),
            **asked("format", {"type": "audio/speex"}, OPENAI),
            **asked("encoding", 9, *GOOGLE),
            **asked("media-encoding", "speex", TRANSCRIBE),
            **asked("audio_format", "pcm_4000", ELEVENLABS),
            WEBRTC: Asked(offer=without_opus),
        },
        case="encoding",
    ),
    Row(
        CHANGED,
        on_small_limits,
        {
            DEEPGRAM: BAD_QUERY,
            OPENAI: BAD_UPDATE,
            **on_google(replace(BAD_CONFIG, words="sample rate 4,000 Hz")),
            WEBRTC: SDP_SAYS,
            ASSEMBLYAI: told_by_assemblyai(3006, "^sample rate 4,000 Hz"),
            TRANSCRIBE: Gets(1008, "^BadRequestException: sample-rate='4000'"),
            ELEVENLABS: Cannot("the rate is part of the encoding's name"),
        },
        act={wire: not_understood if wire is OPENAI else None for wire in LiveWire},
        asked={
            **asked("sample_rate", "4000", DEEPGRAM, ASSEMBLYAI),
            **asked("format", {"type": "audio/pcm", "rate": 4_000}, OPENAI),
            **asked("sample_rate_hertz", 4_000, *GOOGLE),
            **asked("sample-rate", "4000", TRANSCRIBE),
        },
        case="rate",
    ),
    Row(
        CHANGED,
        on_small_limits,
        {
            DEEPGRAM: BAD_QUERY,
            OPENAI: ONE_CHANNEL,
            **on_google(replace(BAD_CONFIG, words="audio_channel_count 99")),
            WEBRTC: SDP_SAYS,
            ASSEMBLYAI: ONE_CHANNEL,
            TRANSCRIBE: Gets(1008, "^BadRequestException: number-of-channels='99'"),
            ELEVENLABS: ONE_CHANNEL,
        },
        asked={
            **asked("channels", "99", DEEPGRAM),
            **asked("audio_channel_count", 99, *GOOGLE),
            TRANSCRIBE: Asked(
                options={"enable-channel-identification": "true", "number-of-channels": "99"}
            ),
        },
        case="channels",
    ),
    Row(
        "odd byte counts",
        on_small_limits,
        {
            DEEPGRAM: BAD_DATA,
            OPENAI: Gets(1008, "^INVALID_AUDIO_FORMAT: ", ("invalid_audio_format",), owed=SAID),
            **on_google(Gets("INVALID_ARGUMENT", "3,201 bytes", owed=SAID)),
            WEBRTC: PACKETS,
            ASSEMBLYAI: told_by_assemblyai(3006, "3,201 bytes", SAID),
            TRANSCRIBE: replace(BAD_EVENT, words="^BadRequestException: .* 3,201 bytes"),
            ELEVENLABS: told_by_elevenlabs("input_error", ".* 3,201 bytes", SAID),
        },
        ODD,
    ),
    Row(
        "no Opus packet",
        until_a_limit_of_time,
        {
            DEEPGRAM: replace(BAD_DATA, owed=""),
            OPENAI: NO_OPUS,
            **on_google(NO_OPUS),
            # it counts as lost, which is silence in its place; and with nothing else there is none
            WEBRTC: Gets(1011, "^NET-0001: ", owed=SAID),
            ASSEMBLYAI: told_by_assemblyai(3006, "no opus packet"),
            TRANSCRIBE: NO_OPUS,
            ELEVENLABS: NO_OPUS,
        },
        {
            **dict.fromkeys((DEEPGRAM, ASSEMBLYAI), lambda caller: caller.audio(b"RIFF")),
            WEBRTC: say_then(WebRtcCaller.no_opus_packet),
        },
        asked=asked("encoding", "opus", DEEPGRAM, ASSEMBLYAI),
    ),
    Row(
        "too much audio",
        on_small_limits,
        {
            DEEPGRAM: replace(BAD_DATA, words=f"^DATA-0000: .*{TOO_MUCH}"),
            OPENAI: Gets(
                1008, f"^PAYLOAD_TOO_LARGE: .*{TOO_MUCH}", ("payload_too_large",), owed=SAID
            ),
            **on_google(
                Gets("OUT_OF_RANGE", TOO_MUCH, owed=SAID), Gets("ABORTED", TOO_MUCH, owed=SAID)
            ),
            WEBRTC: replace(BAD_DATA, words=f"^DATA-0000: .*{TOO_MUCH}"),
            ASSEMBLYAI: told_by_assemblyai(3008, f"^Session Expired: .*{TOO_MUCH}", SAID),
            TRANSCRIBE: replace(BAD_EVENT, words=f"^BadRequestException: .*{TOO_MUCH}"),
            ELEVENLABS: told_by_elevenlabs("session_time_limit_exceeded", f".*{TOO_MUCH}", SAID),
        },
        say_then(too_much),
    ),
    Row(
        "thousands of messages with next to no sound",
        on_small_limits,
        {
            DEEPGRAM: replace(BAD_DATA, words=f"^DATA-0000: .*{TOO_MANY}"),
            OPENAI: Gets(
                1008, f"^PAYLOAD_TOO_LARGE: .*{TOO_MANY}", ("payload_too_large",), owed=SAID
            ),
            **on_google(Cannot("a caller who writes on hears of its end from its own library")),
            WEBRTC: Cannot("each of its packets holds 20 ms"),
            ASSEMBLYAI: told_by_assemblyai(3007, f"^Audio Transmission.*{TOO_MANY}", SAID),
            TRANSCRIBE: replace(BAD_EVENT, words=f"^BadRequestException: .*{TOO_MANY}"),
            ELEVENLABS: told_by_elevenlabs("session_time_limit_exceeded", f".*{TOO_MANY}", SAID),
        },
        say_then(in_tiny_pieces),
    ),
    Row(
        "audio faster than it is recognized",
        until_as_much_is_owed_as_may_be,
        {
            DEEPGRAM: Gets(1000, finals=PHRASES),
            OPENAI: Gets(1000, finals=PHRASES),
            **on_google(Gets("OK", finals=PHRASES)),
            WEBRTC: Gets(1000, finals=PHRASES),
            ASSEMBLYAI: Gets(1000, finals=PHRASES),
            TRANSCRIBE: Gets(1000, finals=PHRASES),
            ELEVENLABS: Gets(1000, finals=PHRASES),
        },
        many_phrases_heard_out,
    ),
    Row(
        "a message of more than a megabyte",
        on_small_limits,
        {
            DEEPGRAM: Gets(1009),
            OPENAI: Gets(1009),
            **on_google(
                Gets("INVALID_ARGUMENT", "exceeds the limit: 10485760", owed=SAID),
                Gets("INVALID_ARGUMENT", "maximum of 25600 bytes", owed=SAID),
            ),
            WEBRTC: GONE_ON,
            ASSEMBLYAI: Gets(1009),
            TRANSCRIBE: Gets(1009),
            ELEVENLABS: Gets(1009),
        },
        {
            **dict.fromkeys((*SOCKETS, TRANSCRIBE), lambda caller: caller.audio(bytes(1_000_002))),
            GOOGLE_1: say_then(lambda caller: caller.audio(bytes(10_485_762))),
            GOOGLE_2: say_then(lambda caller: caller.audio(bytes(25_602))),
            WEBRTC: say_then(much_text),
        },
    ),
    Row(
        "of more than 256 frames",
        on_small_limits,
        {
            DEEPGRAM: Gets(1009, "256 frames"),
            OPENAI: Gets(1009, "256 frames"),
            **on_google(Gets("INVALID_ARGUMENT", "more than 64 fields", owed=SAID)),
            WEBRTC: NO_FRAMES,
            ASSEMBLYAI: Gets(1009, "256 frames"),
            TRANSCRIBE: Gets(1009, "256 frames"),
            ELEVENLABS: Gets(1009, "256 frames"),
        },
        {
            **dict.fromkeys((*SOCKETS, TRANSCRIBE), lambda caller: caller.send([b"ab"] * 1_025)),
            **dict.fromkeys(GOOGLE, say_then(lambda caller: caller.text(b"\x1a\x00" * 4_097))),
        },
    ),
    Row(
        "text that is not UTF-8",
        on_small_limits,
        {
            DEEPGRAM: Gets(1007),
            OPENAI: Gets(1007),
            **on_google(NOT_PROTOBUF),
            WEBRTC: Gets(LOST),
            ASSEMBLYAI: Gets(1007),
            TRANSCRIBE: Gets(1007),
            ELEVENLABS: Gets(1007),
        },
        {
            **dict.fromkeys(LiveWire, lambda caller: caller.text(b"\xff\xfe")),
            **dict.fromkeys(GOOGLE, say_then(not_utf_8)),
            WEBRTC: not_utf_8_to_the_library,
        },
    ),
    Row(
        "text that is no command",
        on_small_limits,
        {
            DEEPGRAM: GONE_ON,
            OPENAI: Gets(1000, errors=("invalid_message",), owed=SAID),
            **on_google(NOT_PROTOBUF),
            WEBRTC: GONE_ON,
            ASSEMBLYAI: told_by_assemblyai(3006, "^Invalid JSON: 'is that all[?]'", SAID),
            TRANSCRIBE: replace(BAD_EVENT, words="Unexpected WebSocket frame received"),
            ELEVENLABS: Gets(1000, errors=("input_error",), owed=SAID),
        },
        {
            **dict.fromkeys(LiveWire, say_then(no_command)),
            **dict.fromkeys(
                (*GOOGLE, TRANSCRIBE), say_then(lambda caller: caller.text(b"is that all?"))
            ),
        },
    ),
    Row(
        "silence on the wire for ten seconds",
        until_a_limit_of_time,
        everywhere_idle("no audio and no KeepAlive for 5 s"),
        say,
    ),
    Row("more streams than fit", while_full, everywhere_refused("16 streams are open")),
    Row("a reduced service", while_reduced, everywhere_refused("the service is at level")),
    Row(
        "KeepAlive and no audio for five minutes",
        until_a_limit_of_time,
        {**everywhere_idle("no audio for 8 s, whatever else was sent"), TRANSCRIBE: NO_KEEP_ALIVE},
        keep_alive_for_good,
    ),
    *(
        Row(
            "class `batch` or `standard` while the server is full",
            as_it_is_reduced,
            given_way(kind),
            say,
            asked("lab_priority", kind, DEEPGRAM, WEBRTC),
            kind,
        )
        for kind in ("batch", "standard")
    ),
    Row(
        "class `batch`, owed a final for four seconds",
        until_they_are_behind,
        given_way("batch"),
        say,
        asked("lab_priority", "batch", DEEPGRAM, WEBRTC),
    ),
    Row(
        "it has ended",
        while_it_answers_nothing,
        {**everywhere_overloaded(NO_ANSWER), OPENAI: NO_END, ELEVENLABS: NO_END},
        say_and_finish,
    ),
    Row(
        "is held back, and the finals it waits for bring no answer",
        while_it_answers_nothing,
        everywhere_overloaded(NO_ANSWER),
        many_phrases,
    ),
    Row(
        "results left unread",
        while_nobody_reads,
        {
            DEEPGRAM: Gets(1008, "^SLOW-CONSUMER: "),
            OPENAI: Gets(1008, "^SLOW_CONSUMER: "),
            **on_google(Gets("ABORTED", "wait unread|took no result")),
            WEBRTC: Gets(1008, "^SLOW-CONSUMER: "),
            ASSEMBLYAI: Gets(3005, "^Session Cancelled: "),
            TRANSCRIBE: Gets(1008, "^SLOW_CONSUMER: "),
            ELEVENLABS: Gets(1008, "^queue_overflow: "),
        },
        {
            **dict.fromkeys(LiveWire, sixteen_finals),
            **dict.fromkeys((*GOOGLE, ASSEMBLYAI, TRANSCRIBE), one_phrase),
        },
        asked=dict.fromkeys(LiveWire, Asked(reads_little=True)),
    ),
    Row(
        "the server is told to stop",
        while_it_stops,
        {
            DEEPGRAM: Gets(1001, errors=("SchemaError",), owed=SAID),
            OPENAI: Gets(1001, owed=SAID),
            # its caller cannot know how much of the clip was taken by then, nor can the last one's
            **on_google(Gets("ABORTED", "the server stops", owed="it was")),
            WEBRTC: Gets(1001, errors=("SchemaError",), owed=SAID),
            ASSEMBLYAI: told_by_assemblyai(1001, "the server stops", "it was"),
            TRANSCRIBE: Gets(1001, "^ServiceUnavailableException: the server stops", owed="it was"),
            ELEVENLABS: Gets(1001, errors=("input_error",), owed=SAID),
        },
        say,
    ),
)


# -- the tests -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    barrier = tmp_path_factory.mktemp("engine") / "barrier"
    keyed = at_full_service(Bench.start(KEY)).address
    small = ServerProcess(SMALL, send_buffer_bytes=4_096)
    held = ServerProcess(UNREAD, send_buffer_bytes=4_096, barrier=barrier)
    with small, held:
        yield Servers(small, held, keyed)


@pytest.fixture(scope="module")
def done(servers: Servers) -> Callable[[Row], Mapping[LiveWire, Ended]]:
    """Does a row once, on all wires, and keeps how it ended; rows that only wait do so together."""
    kept: dict[str, Mapping[LiveWire, Ended]] = {}

    async def do(rows: Sequence[Row]) -> None:
        ended = await asyncio.gather(*(row.done(servers) for row in rows))
        kept.update(zip((row.name for row in rows), ended, strict=True))

    def ended(row: Row) -> Mapping[LiveWire, Ended]:
        if row.name not in kept:
            waiting = [other for other in TABLE if other.situation is until_a_limit_of_time]
            asyncio.run(do(waiting if row in waiting else [row]))
        return kept[row.name]

    return ended


POSSIBLE = [
    pytest.param(row, wire, gets, id=f"{row.name}-{wire}")
    for row in TABLE
    for wire, gets in row.gets.items()
    if isinstance(gets, Gets)
]


@pytest.mark.parametrize(("row", "wire", "gets"), POSSIBLE)
def test_what_a_stream_does_wrong_gets_what_the_document_says(
    done: Callable[[Row], Mapping[LiveWire, Ended]], row: Row, wire: LiveWire, gets: Gets
) -> None:
    ended = done(row)[wire]
    if isinstance(ended, BaseException):
        raise ended
    assert (ended.code, ended.errors) == (gets.code, gets.errors), ended
    assert re.search(gets.words, ended.reason), ended
    assert gets.owed in ended.said, ended
    if gets.finals is not None:
        assert ended.finals == gets.finals, ended
    if gets.retry_after:
        assert int(ended.headers["retry-after"]) >= 1


def lines_of_document() -> list[str]:
    """What is done wrong, by the left column of the document's table."""
    text = DOCUMENT.read_text("utf-8")
    table = text.partition("| what a stream does wrong |")[2].partition("\n\n")[0]
    return [line.split("|")[1].strip() for line in table.splitlines()[2:]]


@pytest.mark.parametrize("line", lines_of_document())
def test_every_line_of_the_document_has_a_row(line: str) -> None:
    assert any(row.line in line for row in TABLE)


def test_every_row_is_of_one_line_and_speaks_of_every_wire() -> None:
    lines = lines_of_document()
    assert [sum(row.line in line for line in lines) for row in TABLE] == [1] * len(TABLE)
    assert all(set(row.gets) == set(LiveWire) for row in TABLE)
    assert len({row.name for row in TABLE}) == len(TABLE)
