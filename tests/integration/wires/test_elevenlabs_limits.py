"""ElevenLabs's sockets at a server's limits: full, too much, silence, nobody reads, a stop."""

import asyncio
import json
from contextlib import AsyncExitStack, suppress

import pytest
from elevenlabs.realtime import AudioFormat, CommitStrategy
from server_process import ServerProcess, eventually, is_at_rest, stop_softly
from test_elevenlabs_realtime import CLIP, TAIL_S, send, sound, stream
from test_elevenlabs_stream_input import frames, opened, say
from test_sandbox_keys import entries
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lab_kit.bench import Bench
from lab_kit.gateway.door.limits import Limits
from lab_kit.measure.accuracy import word_error_rate

PCM = AudioFormat.PCM_16000
STREAMS = 6
"""That the small server takes at once."""
LONG = "Then we went on, and on, along the river, without a word, and without a pause. "


async def test_a_full_server_says_so_and_when_to_come_back(strict_server: ServerProcess) -> None:
    async with AsyncExitStack() as held:
        for _ in range(STREAMS):
            heard = await held.enter_async_context(stream(strict_server))
            await heard.until("session_started")
        with pytest.raises(InvalidStatus) as refused:
            await held.enter_async_context(stream(strict_server))
    answer = refused.value.response
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert json.loads(answer.body)["detail"]["status"] == "system_busy"
    await eventually(lambda: is_at_rest(strict_server.url), "at rest")


async def test_what_was_said_before_too_much_sound_is_committed(
    strict_server: ServerProcess,
) -> None:
    async with stream(strict_server, commit_strategy=CommitStrategy.VAD) as heard:
        await send(heard, sound(PCM, TAIL_S + 1.0))
        await heard.until("committed_transcript")
        with suppress(ConnectionClosed):
            await send(heard, bytes(20 * 32_000))
        (closed,) = await heard.until("close")
    (told,) = heard.of("session_time_limit_exceeded")
    assert "more than 20 s of audio" in told["error"]
    assert closed["code"] == 1008
    assert word_error_rate(CLIP.text, heard.of("committed_transcript")[0]["text"]) < 0.1


async def test_silence_commits_what_was_said_and_ends_it(strict_server: ServerProcess) -> None:
    async with stream(strict_server) as heard:
        await send(heard, sound(PCM))
        (closed,) = await heard.until("close")
    # the SDK tells of every error as "error", too, and of the close that it did not ask for
    kinds = [kind for kind, _ in heard.told if kind not in ("partial_transcript", "error")]
    assert kinds[-3:] == ["committed_transcript", "insufficient_audio_activity", "close"]
    assert closed["code"] == 1008
    assert word_error_rate(CLIP.text, heard.of("committed_transcript")[0]["text"]) < 0.1


async def test_a_client_that_does_not_read_is_let_go() -> None:
    bench = Bench.start(limits={"unsent_s": 1.0})
    try:
        key = await bench.operator.make_sandbox_key()
        socket = await asyncio.to_thread(opened, bench, "output_format=pcm_48000", key.key)
        say(socket, LONG * 200, flush=True)
        say(socket, "")
        (entry,) = await entries(bench, key)  # once the server is done with it
        assert entry.close_code == 1008
        told = await asyncio.to_thread(lambda: list(frames(socket)))
        assert not any(frame.get("isFinal") for frame in told)
        socket.close()
    finally:
        bench.stop()


async def test_a_stream_is_told_that_its_server_stops() -> None:
    with ServerProcess(Limits()) as server:
        async with stream(server) as heard:
            await send(heard, sound(PCM))
            stop_softly(server)
            (closed,) = await heard.until("close")
    assert closed["code"] == 1001
    assert not heard.of("error")
    (told,) = heard.of("committed_transcript")
    assert word_error_rate(CLIP.text, told["text"]) < 0.1
