"""A stream held with any server in order to judge it: every message of both sides is recorded."""

import asyncio
import time
from contextlib import suppress
from importlib import import_module

from lab_kit.audio.pcm import FloatArray, to_pcm16
from lab_kit.audio.resample import to_rate
from lab_kit.client.address import ServerAddress
from lab_kit.client.judging.own import own_talk
from lab_kit.client.judging.providers import call_talk, socket_talk
from lab_kit.client.judging.talk import Recorder, Talk
from lab_kit.core.errors import ConnectionFailed, InvalidParameter, LabError
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.protocol.judge.capture import Capture
from lab_kit.protocol.judge.conversation import Carrier, Conversation, Reading

CHUNK_S = 0.1
QUIET_S, LONGEST_AFTER_S = 30.0, 120.0
"""A server that has heard everything is hung up on when it says nothing, or has not ended, for so
long."""
OWN = "lab"
_CONVERSATIONS = {
    "deepgram": ("lab_kit.dialects.deepgram.conversation", "DeepgramConversation"),
    "openai": ("lab_kit.dialects.openai.realtime.conversation", "RealtimeConversation"),
    "elevenlabs": ("lab_kit.dialects.elevenlabs.realtime.conversation", "RealtimeConversation"),
    "google": ("lab_kit.dialects.google.conversation", "GoogleConversation"),
    "assemblyai": ("lab_kit.dialects.assemblyai.streaming.conversation", "StreamingConversation"),
    "amazon": ("lab_kit.dialects.amazon.conversation", "TranscribeConversation"),
}
DIALECTS = (OWN, *_CONVERSATIONS)


def conversation_in(dialect: str) -> Conversation:
    """How a provider's dialect is spoken.

    Raises:
        InvalidParameter: it is none that is known.
    """
    if dialect not in _CONVERSATIONS:
        raise InvalidParameter(
            f"the dialect {dialect[:40]!r}", f"one of {', '.join(DIALECTS)}", "choose one of these"
        )
    module, name = _CONVERSATIONS[dialect]
    made: Conversation = getattr(import_module(module), name)()
    return made


def reading_of(dialect: str) -> Reading:
    """What the messages of a dialect mean.

    Raises:
        InvalidParameter: it is none that is known.
    """
    if dialect == OWN:
        from lab_kit.dialects.lab.conversation import LabReading

        return LabReading()
    return conversation_in(dialect)


async def recorded(
    dialect: str,
    address: ServerAddress,
    audio: FloatArray,
    carrier: Carrier = Carrier.WEBSOCKET,
    *,
    pace: float = 1.0,
    finishes: bool = True,
    stops_after_s: float | None = None,
) -> Capture:
    """Speak to a server in a dialect, and record both sides.

    Args:
        audio: (samples,) float32 at 16 kHz.
        carrier: of our own messages; a provider's dialect has its own.
        pace: times the pace of speech.
        finishes: whether the client says that it has finished; else it falls silent.
        stops_after_s: of sound, after which the client vanishes without a word; None does not.
    """
    if dialect == OWN:
        recorder = Recorder(OWN, carrier, 2.0 * SAMPLE_RATE_HZ)
        opened, rate_hz = own_talk(recorder, carrier, address), SAMPLE_RATE_HZ
    else:
        spoken = conversation_in(dialect)
        recorder = Recorder(dialect, spoken.carrier, spoken.bytes_per_s)
        open_talk = call_talk if spoken.carrier is Carrier.GRPC else socket_talk
        opened, rate_hz = open_talk(recorder, spoken, address), spoken.rate_hz
    pcm = to_pcm16(to_rate(audio, SAMPLE_RATE_HZ, rate_hz))
    try:
        async with opened as talk:
            recorder.note(by_client=False, opened=True)
            hearing = asyncio.create_task(talk.hear())
            try:
                left = None if stops_after_s is None else round(stops_after_s / CHUNK_S)
                await _speak(talk, pcm, rate_hz, pace, hearing, left)
                if stops_after_s is not None:
                    recorder.note(by_client=True, closed={})
                    return recorder.capture
                if finishes and not hearing.done():
                    with suppress(ConnectionFailed):  # the server has closed; how, is heard
                        await talk.finish()
                if not await _heard_out(hearing, recorder):
                    why = "the server has not ended the stream, and was hung up on"
                    recorder.note(by_client=True, closed={"why": why})
                    return recorder.capture
                await hearing
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
            closed = await talk.closed()
            code = {} if closed.code is None else {"code": closed.code}
            recorder.note(by_client=closed.by_client, closed=code)
    except LabError as error:
        if recorder.capture.lines:
            raise
        recorder.note(by_client=False, refused={"status": error.code.value, "why": str(error)})
    return recorder.capture


async def _speak(
    talk: Talk,
    pcm: bytes,
    rate_hz: int,
    pace: float,
    hearing: "asyncio.Task[None]",
    left: int | None,
) -> None:
    """Send the sound, at the pace of speech or a multiple of it, while the server listens."""
    chunk_bytes, due_s = 2 * round(CHUNK_S * rate_hz), time.perf_counter()
    for start in range(0, len(pcm), chunk_bytes)[:left]:
        due_s += CHUNK_S / pace
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        if hearing.done():
            return
        try:
            await talk.say(pcm[start : start + chunk_bytes])
        except ConnectionFailed:
            return  # the server has closed; how, is heard


async def _heard_out(hearing: "asyncio.Task[None]", recorder: Recorder) -> bool:
    """Wait for the end, while anything comes and not for ever; whether it has come."""
    until_s = time.perf_counter() + LONGEST_AFTER_S
    while not hearing.done() and time.perf_counter() < until_s:
        before = len(recorder.capture.lines)
        await asyncio.wait({hearing}, timeout=QUIET_S)
        if len(recorder.capture.lines) == before:
            break
    return hearing.done()
