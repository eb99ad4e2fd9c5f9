"""WebSocket frames by a state machine: what RFC 6455 allows, and now and then what it does not.

The client knows whether it is between messages or inside one, so that most of what it sends is
legal and gets deep. A server that ends such a connection says why, in a close frame; where it does
not, a client library would tell its caller 1006.
"""

import base64
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from urllib.parse import urlencode

from attempts import CLOSED, Attempt, Kind, Outcome, Target
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from mutation import as_text, mutated, wrong_kind
from wire import UPGRADE, Connection, head, meanwhile, talked, upgraded

from lab_kit.dialects.amazon.client import audio_frame
from lab_kit.dialects.amazon.event_stream import Frame, encoded
from lab_kit.dialects.amazon.options import SOCKET_PATH

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
LISTEN = "/v1/listen?" + urlencode({"encoding": "linear16", "sample_rate": "16000"})
OPUS = "/v1/listen?" + urlencode({"encoding": "opus", "sample_rate": "48000"})
REALTIME = "/v1/realtime?intent=transcription"
STREAM_INPUT = "/v1/text-to-speech/anybody/stream-input?output_format=pcm_16000"
SCRIBE = "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&include_timestamps=true"
STREAMING = "/v3/ws?" + urlencode({"sample_rate": "16000", "format_turns": "True"})
TRANSCRIBE = (
    SOCKET_PATH
    + "?"
    + urlencode({"language-code": "en-US", "media-encoding": "pcm", "sample-rate": "16000"})
)
MOST_MOVES = 40
EVENT_BYTES = 990_000
"""The longest message may have ten thousand more."""
DEAR_EVENTS = 8
"""At once."""
FRAGMENTS = 50_000
"""Empty ones, of one message; a server that keeps them all stands still for seconds."""
SOUND = bytes(3_200)
COMMANDS = [{"type": kind} for kind in ("KeepAlive", "Finalize", "CloseStream", "Configure")]
_INPUT = {
    "format": {"type": "audio/pcm", "rate": 24_000},
    "transcription": {"model": "moonshine-tiny-en"},
    "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 300},
}
_SOUND_64 = base64.b64encode(SOUND).decode()
EVENTS = [
    {"type": "session.update", "session": {"type": "transcription", "audio": {"input": _INPUT}}},
    {"type": "input_audio_buffer.append", "audio": _SOUND_64},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
]
TEXTS = [
    {"text": " ", "generation_config": {"chunk_length_schedule": [50]}, "voice_settings": None},
    {"text": "So. ", "try_trigger_generation": True},
    {"text": "Go on. ", "flush": True},
    {"text": ""},
]
CHUNKS = [
    {"message_type": "input_audio_chunk", "audio_base_64": _SOUND_64, "sample_rate": 16_000},
    {"message_type": "input_audio_chunk", "audio_base_64": "", "commit": True},
]
TURNS = [{"type": kind} for kind in ("KeepAlive", "ForceEndpoint", "Terminate")]
TURNS += [{"type": "UpdateConfiguration", "max_turn_silence": 300, "vad_threshold": 0.4}]
NAMES = ["type", "session", "audio", "input", "format", "turn_detection", "rate"]
NAMES += ["transcription", "silence_duration_ms", "CloseStream", "input_audio_buffer.append"]
NAMES += ["text", "flush", "generation_config", "message_type", "audio_base_64", "commit"]


class State(Enum):
    """Where the client is."""

    BETWEEN = auto()
    INSIDE = auto()
    CUT_OFF = auto()
    """In the middle of a frame whose rest will not come: nothing more can be said."""


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    is_last: bool = True,
    reserved: int = 0,
    is_masked: bool = True,
    claimed: int | None = None,
) -> bytes:
    """One frame as a client sends it, masked with zeros.

    Args:
        claimed: the length that the head tells; None tells the payload's.
    """
    length = len(payload) if claimed is None else claimed
    mask = 0x80 * is_masked
    first = bytes([0x80 * is_last | reserved << 4 | opcode])
    if length < 126:
        head = bytes([mask | length])
    elif length < 2**16:
        head = bytes([mask | 126]) + length.to_bytes(2, "big")
    else:
        head = bytes([mask | 127]) + length.to_bytes(8, "big")
    return first + head + bytes(4) * is_masked + payload


FAREWELL = frame(CLOSE, (1000).to_bytes(2, "big"))


@dataclass(slots=True)
class Machine:
    """The client's side: what it may send next, and where that takes it."""

    chance: random.Random
    messages: Sequence[object]
    state: State = State.BETWEEN

    def move(self) -> bytes:
        """The next bytes."""
        allowed = _BETWEEN if self.state is State.BETWEEN else _INSIDE
        # one move in eight breaks the protocol
        return self.chance.choice(_ILLEGAL if self.chance.random() < 0.125 else allowed)(self)

    def _text(self) -> bytes:
        message = self.chance.choice(self.messages)
        if self.chance.random() < 0.5:
            message = wrong_kind(self.chance, message, NAMES)
        return frame(TEXT, as_text(self.chance, message))

    def _sound(self) -> bytes:
        return frame(BINARY, SOUND[: self.chance.choice((0, 1, 2, 640, 3_200))])

    def _begin(self) -> bytes:
        self.state = State.INSIDE
        return frame(self.chance.choice((TEXT, BINARY)), b'{"a', is_last=False)

    def _go_on(self) -> bytes:
        return frame(CONTINUATION, b" " * self.chance.randrange(200), is_last=False)

    def _go_on_with_nothing(self) -> bytes:
        return frame(CONTINUATION, is_last=False) * self.chance.choice((1, 10, 1_000))

    def _end(self) -> bytes:
        self.state = State.BETWEEN
        return frame(CONTINUATION, b'":1}')

    def _ping(self) -> bytes:
        return frame(self.chance.choice((PING, PONG)), bytes(self.chance.randrange(126)))

    def _odd_frame(self) -> bytes:
        return self.chance.choice(
            (
                frame(self.chance.choice((3, 7, 11, 15)), b"x"),
                frame(BINARY, SOUND, reserved=self.chance.randint(1, 7)),
                frame(BINARY, SOUND, is_masked=False),
                frame(TEXT, b"\xff\xfe\xed"),
                frame(TEXT, b"\xed\xa0\x80"),
                frame(PING, bytes(126)),
                frame(PING, b"x", is_last=False),
                frame(CLOSE, self.chance.choice((b"\x00", b"\x03\xee", b"\x03\xe8\xff"))),
            )
        )

    def _out_of_turn(self) -> bytes:
        if self.state is State.BETWEEN:
            return frame(CONTINUATION, b"x")
        return frame(BINARY, SOUND)

    def _claim_too_much(self) -> bytes:
        self.state = State.CUT_OFF
        claimed = self.chance.choice((2**63, 2**63 - 1, 2**32, 1_000_001, 5_000))
        return frame(self.chance.choice((TEXT, BINARY, CLOSE)), b"{", claimed=claimed)


_Move = Callable[[Machine], bytes]
_PING = Machine._ping
_BETWEEN: tuple[_Move, ...] = (Machine._text, Machine._sound, Machine._begin, _PING)
_INSIDE: tuple[_Move, ...] = (Machine._go_on, Machine._go_on_with_nothing, Machine._end, _PING)
_ILLEGAL: tuple[_Move, ...] = (Machine._odd_frame, Machine._out_of_turn, Machine._claim_too_much)


async def close_code(connection: Connection) -> tuple[int, str] | None:
    """Read frames until the close; its code and reason, 1005 without one; None if there is none."""
    while head := await connection.exactly(2):
        length = head[1] & 0x7F
        if wide := {126: 2, 127: 8}.get(length):
            length = int.from_bytes(await connection.exactly(wide) or b"", "big")
        payload = await connection.exactly(length)
        if payload is not None and head[0] & 0x0F == CLOSE:
            return int.from_bytes(payload[:2], "big") or 1005, payload[2:].decode(errors="replace")
    return None


def _judged(closed: tuple[int, str] | None, said: str) -> Outcome:
    if closed is None:
        return Outcome("1006", f"ended without a close frame after {said}")
    code, reason = closed
    if code == 1011 and not reason:
        return Outcome("1011", f"the server failed after {said}")
    return Outcome(str(code))


def dialogue(path: str, messages: Sequence[object], closes_with: int | None = None) -> Attempt:
    """A connection on which the machine makes its moves.

    Args:
        closes_with: the code by which the provider refuses whoever has no key, after the upgrade;
            None where it refuses the upgrade.
    """

    async def attempt(target: Target, chance: random.Random) -> Sequence[Outcome]:
        async def talk(connection: Connection) -> Outcome:
            if closes_with is not None and target.key is None:
                return await _refused(target, connection, path, closes_with)
            refused = await upgraded(target, connection, path)
            return refused or await _moved(connection, Machine(chance, messages))

        return await talked(target, talk)

    return attempt


async def _refused(target: Target, connection: Connection, path: str, code: int) -> Outcome:
    """Nobody is let in without a key, though the upgrade is answered."""
    await connection.send([head(target, "GET", path, *UPGRADE)])
    await connection.status()
    closed = await close_code(connection)
    if closed is None or closed[0] != code:
        return Outcome("let in", f"closed with {closed} without a key")
    return Outcome(str(code))


async def _moved(connection: Connection, machine: Machine) -> Outcome:
    said = b""
    async with meanwhile(close_code(connection)) as closing:
        for _ in range(machine.chance.randint(1, MOST_MOVES)):
            if closing.done() or machine.state is State.CUT_OFF:
                break
            said = machine.move()
            if not await connection.send([said]):
                break
        if machine.state is State.CUT_OFF:
            connection.half_close()
            closed = await closing
            return CLOSED if closed is None else _judged(closed, repr(said[:80]))
        await connection.send([FAREWELL])
        return _judged(await closing, repr(said[:80]))


async def _fragments(target: Target, chance: random.Random) -> Sequence[Outcome]:
    """One message of empty fragments: refused before there are many."""

    async def talk(connection: Connection) -> Outcome:
        if refused := await upgraded(target, connection, LISTEN):
            return refused
        begun = frame(TEXT, b"x", is_last=False)
        many = frame(CONTINUATION, is_last=False) * FRAGMENTS
        async with meanwhile(close_code(connection)) as closing:
            await connection.send([begun, many, frame(CONTINUATION), FAREWELL])
            closed = await closing
        if closed is not None and closed[0] == 1000:
            return Outcome("taken", f"the server took {FRAGMENTS:,} empty fragments as one message")
        return _judged(closed, f"{FRAGMENTS:,} empty fragments")

    return await talked(target, talk)


def signed(target: Target, path: str) -> str:
    """The path with the target's key, as Amazon's clients sign it."""
    key = target.key or ""
    request = AWSRequest("GET", f"http://localhost{path}")
    SigV4QueryAuth(Credentials(key, key), "transcribe", "us-east-1", expires=300).add_auth(request)
    return str(request.url).removeprefix("http://localhost")


async def _events(target: Target, chance: random.Random) -> Sequence[Outcome]:
    """Event-stream frames, some of them damaged, some whole around headers of any kind."""

    def event() -> bytes:
        sound = SOUND[: chance.choice((2, 640, 3_200))]
        match chance.randrange(4):
            case 0:
                return mutated(chance, audio_frame(sound))
            case 1:
                names = (":date", ":chunk-signature", ":message-type", "x" * 200)
                headers = {name: chance.choice((True, 1, "event", b"x" * 32)) for name in names}
                return encoded(Frame(headers, mutated(chance, audio_frame(sound))))
            case _:
                return audio_frame(sound)

    # without a key it is one that nobody has: a socket is opened to be told so
    asked = target if target.key is not None else replace(target, key="nobodys")

    async def talk(connection: Connection) -> Outcome:
        if refused := await upgraded(asked, connection, signed(asked, TRANSCRIBE)):
            return refused
        async with meanwhile(close_code(connection)) as closing:
            said = b""
            for _ in range(chance.randint(1, MOST_MOVES)):
                said = event()
                if closing.done() or not await connection.send([frame(BINARY, said)]):
                    break
            await connection.send([FAREWELL])
            closed = await closing
        if target.key is None:
            is_told = closed is not None and closed[1].startswith("UNAUTHENTICATED: ")
            return Outcome("401", None if is_told else "let in with a key that nobody has")
        return _judged(closed, repr(said[:80]))

    return await talked(target, talk)


def dear(inside: str, piece: str, last: str) -> Attempt:
    """Realtime events of a megabyte of small pieces, which take a parser of JSON long.

    Args:
        inside: what the event's second member is, with the place for the pieces.
    """
    event = inside.replace("...", piece * (EVENT_BYTES // len(piece)) + last).encode()

    async def attempt(target: Target, chance: random.Random) -> Sequence[Outcome]:
        async def talk(connection: Connection) -> Outcome:
            if refused := await upgraded(target, connection, REALTIME):
                return refused
            async with meanwhile(close_code(connection)) as closing:
                await connection.send([frame(TEXT, event)] * DEAR_EVENTS + [FAREWELL])
                return _judged(await closing, repr(event[:80]))

        return await talked(target, talk)

    return attempt


KIND = Kind(
    {
        "listen": dialogue(LISTEN, COMMANDS),
        "realtime": dialogue(REALTIME, EVENTS),
        "opus": dialogue(OPUS, COMMANDS),
        "stream input": dialogue(STREAM_INPUT, TEXTS),
        "scribe": dialogue(SCRIBE, CHUNKS),
        "streaming": dialogue(STREAMING, TURNS, closes_with=1008),
        "events": _events,
        "empty fragments": _fragments,
        "many numbers": dear('{"type": "x", "a": [...]}', "1,", "1"),
        "many digits": dear('{"type": "x", "a": [...]}', "9" * 4_300 + ",", "1"),
        "many names": dear('{"type": "x", "a": {...}}', '"a":1,', '"b":1'),
        "many depths": dear('{"type": "x", "a": [...]}', "[],", "[]"),
    },
    at_once=6,
)
