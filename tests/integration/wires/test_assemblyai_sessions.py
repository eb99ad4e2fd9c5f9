"""AssemblyAI's own SDK, unmodified, in streaming sessions: turns, changes, tokens, and the ends."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from assemblyai.streaming.v3 import (
    AsyncStreamingClient,
    BeginEvent,
    RealTimeError,
    SpeechStartedEvent,
    StreamingClient,
    StreamingClientOptions,
    StreamingEvents,
    StreamingParameters,
    StreamingSessionParameters,
    TerminationEvent,
    TurnEvent,
)
from hang import HANG_S
from server_process import KEY, ServerProcess, eventually, is_at_rest, plain, wait_until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from word_checks import assert_said_where_they_are

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.core.events import Final, StreamOptions
from lab_kit.dialects.assemblyai.streaming import client as ours
from lab_kit.gateway.door.limits import Limits
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.protocol.judge import breaches

CLIP = datasets.clip("two-cities-opening")
SHORT = datasets.clip("two-cities-best")
SAID = "it was the best of times"
CHUNK = 1_600
"""50 ms, the shortest that the provider takes."""
TAIL = bytes(32_000 * 3 // 2)
NEVER = {"min_turn_silence": 60_000, "max_turn_silence": 60_000}
AT_ONCE = {"min_turn_silence": 200, "max_turn_silence": 200}


class Sync:
    """A session of the client with threads, and everything that it heard."""

    def __init__(self, url: str, key: str = "any", token: str | None = None, **params: Any) -> None:
        self.heard: list[Any] = []
        host = url.replace("http", "ws", 1)
        options = StreamingClientOptions(api_key=key, token=token, api_host=host)
        self.client = StreamingClient(options)
        for event in StreamingEvents:
            self.client.on(event, lambda _, message: self.heard.append(message))
        self.client.connect(StreamingParameters(sample_rate=16_000, **params))

    def say(self, data: bytes, pace: float = 1.0) -> None:
        for start in range(0, len(data), CHUNK):
            self.client.stream(data[start : start + CHUNK])
            time.sleep(0.05 / pace)

    def until(self, kind: type, number: int = 1) -> None:
        def holds() -> bool:
            return sum(isinstance(one, kind) for one in self.heard) >= number

        wait_until(holds, f"{number} of {kind.__name__} in {self.heard[-3:]}")

    def until_over(self, number: int = 1) -> None:
        wait_until(lambda: len(ends(self.heard)) >= number, f"{number} turns")

    def end(self) -> list[Any]:
        self.client.disconnect(terminate=True)
        return self.heard


def turns(heard: Sequence[Any]) -> list[TurnEvent]:
    return [one for one in heard if isinstance(one, TurnEvent)]


def ends(heard: Sequence[Any]) -> list[TurnEvent]:
    return [one for one in turns(heard) if one.end_of_turn]


def errors(heard: Sequence[Any]) -> list[tuple[int | None, str]]:
    return [(one.code, str(one)) for one in heard if isinstance(one, RealTimeError)]


def assert_in_order(heard: Sequence[Any]) -> None:
    """What the provider's page on the sequence of messages says of any session."""
    assert isinstance(heard[0], BeginEvent)
    assert isinstance(heard[-1], TerminationEvent)
    assert errors(heard) == []
    told = turns(heard)
    orders = [turn.turn_order for turn in told]
    assert orders == sorted(orders)
    assert set(orders) == set(range(len(set(orders))))
    for order in set(orders):
        flags = [(t.end_of_turn, t.turn_is_formatted) for t in told if t.turn_order == order]
        over = [flag for flag in flags if flag[0]]
        assert flags[-len(over) :] == over, "nothing of a turn comes after its end"
        assert over in ([(True, False)], [(True, True)], [(True, False), (True, True)])
    for turn in ends(heard):
        assert all(word.word_is_final for word in turn.words)


def test_a_reading_at_the_pace_of_speech_in_formatted_turns(bench: Bench) -> None:
    session = Sync(bench.url, format_turns=True)
    session.say(CLIP.pcm16 + TAIL)
    heard = session.end()
    assert_in_order(heard)
    plain_ones = [turn for turn in ends(heard) if not turn.turn_is_formatted]
    formatted = [turn for turn in ends(heard) if turn.turn_is_formatted]
    assert [turn.turn_order for turn in plain_ones] == [turn.turn_order for turn in formatted]
    said = " ".join(turn.transcript for turn in formatted)
    assert word_error_rate(CLIP.text, said) < 0.15
    assert [plain(turn.transcript) for turn in formatted] == [
        plain(turn.transcript) for turn in plain_ones
    ]
    for turn in plain_ones:
        assert turn.transcript == turn.transcript.lower()
        assert not set(turn.transcript) & set(".,!?")
    assert formatted[0].transcript.startswith("It was")
    assert formatted[0].transcript[-1] in ".,!?"
    spoken = [w for turn in formatted for w in turn.words]
    times = [(word.text, word.start / 1_000, word.end / 1_000) for word in spoken]
    assert_said_where_they_are(times, CLIP, len(CLIP.words) * 8 // 10)
    partials = [turn for turn in turns(heard) if not turn.end_of_turn]
    assert any(turn.transcript for turn in partials), "words are called final before the turn ends"
    for turn in partials:
        final = [word.text for word in turn.words if word.word_is_final]
        assert turn.transcript == " ".join(final)
    for order in {turn.turn_order for turn in partials}:
        texts = [turn.transcript for turn in partials if turn.turn_order == order]
        assert all(b.startswith(a) for a, b in pairwise(texts))
    ended = heard[-1]
    assert ended.audio_duration_seconds == round(CLIP.duration_s + 1.5)
    assert ended.session_duration_seconds >= ended.audio_duration_seconds - 1


async def spoken_async(bench: Bench, data: bytes, pace: float = 1.0, **params: Any) -> list[Any]:
    """A whole session of the client without threads; what it heard."""
    heard: list[Any] = []
    host = bench.url.replace("http", "ws", 1)
    client = AsyncStreamingClient(StreamingClientOptions(api_key="any", api_host=host))
    for event in StreamingEvents:
        client.on(event, lambda _, message: heard.append(message))
    await client.connect(StreamingParameters(sample_rate=16_000, **params))
    for start in range(0, len(data), CHUNK):
        await client.stream(data[start : start + CHUNK])
        await asyncio.sleep(0.05 / pace)
    await client.disconnect(terminate=True)
    return heard


async def test_a_model_of_the_third_kind_tells_whole_turns(bench: Bench) -> None:
    heard = await spoken_async(bench, CLIP.pcm16 + TAIL, speech_model="u3-rt-pro")
    assert_in_order(heard)
    said = " ".join(turn.transcript for turn in ends(heard))
    assert word_error_rate(CLIP.text, said) < 0.15
    assert all(turn.turn_is_formatted for turn in ends(heard))
    partials = [turn for turn in turns(heard) if not turn.end_of_turn]
    assert not any(word.word_is_final for turn in partials for word in turn.words)
    started_ms = [one.timestamp for one in heard if isinstance(one, SpeechStartedEvent)]
    assert len(started_ms) >= len(ends(heard))
    first = next(place for place, one in enumerate(heard) if isinstance(one, TurnEvent))
    assert isinstance(heard[first - 1], SpeechStartedEvent)
    assert abs(started_ms[0] / 1_000 - CLIP.words[0].start_s) < 0.2


async def test_eight_sessions_at_once_hear_the_same(bench: Bench) -> None:
    sessions = [spoken_async(bench, SHORT.pcm16 + TAIL, format_turns=True) for _ in range(8)]
    for heard in await asyncio.gather(*sessions):
        assert_in_order(heard)
        assert SAID in plain(ends(heard)[-1].transcript)
    await eventually(lambda: is_at_rest(bench.url), "at rest")


def test_the_client_ends_a_turn_and_the_next_one_goes_on(bench: Bench) -> None:
    session = Sync(bench.url, **NEVER)
    session.say(SHORT.pcm16 + bytes(CHUNK), 4.0)
    session.client.force_endpoint()
    session.until_over()
    assert SAID in plain(ends(session.heard)[0].transcript)
    session.client.force_endpoint()  # of nothing, which is no turn
    session.say(TAIL + SHORT.pcm16 + TAIL, 4.0)
    heard = session.end()
    assert_in_order(heard)
    assert [turn.turn_order for turn in ends(heard)] == [0, 1]
    assert SAID in plain(ends(heard)[1].transcript)


@pytest.mark.parametrize(("changes", "number"), [([], 1), ([AT_ONCE], 2), ([AT_ONCE, NEVER], 1)])
def test_how_turns_end_is_changed_while_the_session_goes_on(
    bench: Bench, changes: list[dict[str, int]], number: int
) -> None:
    """The same sound twice, and nothing but the message before its pause makes the difference."""
    session = Sync(bench.url, **NEVER)
    session.say(SHORT.pcm16, 4.0)
    for change in changes:
        session.client.set_params(StreamingSessionParameters(**change))
    session.say(TAIL, 4.0)
    if number == 2:
        session.until_over()
    session.say(SHORT.pcm16, 4.0)
    heard = session.end()
    assert_in_order(heard)
    assert [plain(turn.transcript).count(SAID) for turn in ends(heard)] == (
        [1, 1] if number == 2 else [2]
    )


def test_turns_are_formatted_from_the_change_on_that_asks_for_it(bench: Bench) -> None:
    session = Sync(bench.url, **AT_ONCE)
    session.say(SHORT.pcm16 + TAIL, 4.0)
    session.until_over()
    session.client.set_params(StreamingSessionParameters(format_turns=True))
    session.say(SHORT.pcm16 + TAIL, 4.0)
    heard = session.end()
    flags = [(turn.turn_order, turn.turn_is_formatted) for turn in ends(heard)]
    assert flags[0] == (0, False)
    assert flags[-2:] == [(flags[-1][0], False), (flags[-1][0], True)]


def test_a_threshold_that_nothing_reaches_hears_nobody(bench: Bench) -> None:
    """Of Silero's probabilities none is 1."""
    session = Sync(bench.url, vad_threshold=1.0)
    session.say(SHORT.pcm16 + TAIL, 4.0)
    session.client.set_params(StreamingSessionParameters(vad_threshold=0.4))
    session.say(SHORT.pcm16 + TAIL, 4.0)
    heard = session.end()
    assert_in_order(heard)
    first_s = ends(heard)[0].words[0].start / 1_000
    assert first_s > SHORT.duration_s + 1.0


async def test_the_judge_of_turns_is_who_is_confident(bench: Bench) -> None:
    """Whether its answer comes in time must not depend on the machine, so the pause comes slowly;
    the network is loaded while the first session speaks."""
    clip = datasets.clip("speech-book-table")
    data = clip.pcm16[: 2 * round(clip.words[-1].end_s * 16_000)]
    asked = {"min_turn_silence": 200, "max_turn_silence": 2_000}
    query = urlencode({"sample_rate": 16_000, **asked})
    address = f"{bench.url.replace('http', 'ws')}/v3/ws?{query}"

    async def ended() -> dict[str, Any]:
        async with connect(address) as socket:
            await send(socket, data, 2.0)
            await send(socket, bytes(16_000), 0.25)
            await send(socket, bytes(96_000), 8.0)
            await socket.send(ours.TERMINATE)
            said = [json.loads(text) async for text in socket]
        (turn,) = [one for one in said if one["type"] == "Turn" and one["end_of_turn"]]
        return dict(turn)

    async with asyncio.timeout(HANG_S):
        while (turn := await ended())["lab"]["finished_probability"] is None:
            pass
    assert turn["end_of_turn_confidence"] == turn["lab"]["finished_probability"] > 0.5
    waited_s = turn["lab"]["timing"]["trigger_audio_s"] - turn["lab"]["end_s"]
    assert waited_s < 0.5, "it sounded finished, and the short silence was enough"


async def send(socket: Any, data: bytes, pace: float = 8.0) -> None:
    for start in range(0, len(data), CHUNK):
        await socket.send(data[start : start + CHUNK])
        await asyncio.sleep(0.05 / pace)


async def raw(url: str, *said: bytes | str, **query: str) -> tuple[list[Any], int, str]:
    """Messages sent as they are; what was told, and how it was closed."""
    told: list[Any] = []
    address = f"{url.replace('http', 'ws', 1)}/v3/ws?{urlencode({'sample_rate': 16_000} | query)}"
    async with asyncio.timeout(HANG_S), connect(address, proxy=None) as socket:
        for one in said:
            await socket.send(one)
        with suppress(ConnectionClosed):
            async for text in socket:
                told.append(json.loads(text))
    return told, socket.close_code or 0, socket.close_reason or ""


def test_who_terminates_in_the_middle_of_a_word_gets_what_was_heard(bench: Bench) -> None:
    session = Sync(bench.url, format_turns=True, **NEVER)
    session.say(SHORT.pcm16, 4.0)
    heard = session.end()
    assert_in_order(heard)
    assert SAID in plain(ends(heard)[-1].transcript)
    assert ends(heard)[-1].turn_is_formatted


def test_a_session_without_any_sound_ends_well(bench: Bench) -> None:
    heard = Sync(bench.url).end()
    assert [type(one) for one in heard] == [BeginEvent, TerminationEvent]
    assert heard[1].audio_duration_seconds == 0


async def test_a_wrong_key_is_told_after_the_upgrade_with_the_providers_code(
    keyed_bench: Bench,
) -> None:
    unauthorized = "Unauthorized Connection: Missing Authorization header"
    for key in ("wrong", ""):
        session = Sync(keyed_bench.url, key)
        await asyncio.to_thread(session.until, RealTimeError)
        assert errors(session.heard) == [(1008, unauthorized)]
        session.client.disconnect()
    right = Sync(keyed_bench.url, KEY)
    assert isinstance((await asyncio.to_thread(right.end))[0], BeginEvent)
    told, code, reason = await raw(keyed_bench.url)
    assert told == [{"type": "Error", "error_code": 1008, "error": unauthorized}]
    assert (code, reason) == (1008, unauthorized)


async def test_a_token_opens_one_session_for_whoever_has_no_key(keyed_bench: Bench) -> None:
    async with httpx.AsyncClient(base_url=keyed_bench.url, trust_env=False) as http:

        async def asked(key: str = KEY, **query: int) -> httpx.Response:
            return await http.get("/v3/token", params=query, headers={"authorization": key})

        answer = await asked(expires_in_seconds=60, max_session_duration_seconds=90)
        assert answer.json().keys() == {"token", "expires_in_seconds"}
        assert answer.json()["expires_in_seconds"] == 60
        session = Sync(keyed_bench.url, "wrong", answer.json()["token"])
        (begin, ended) = await asyncio.to_thread(session.end)
        assert isinstance(ended, TerminationEvent)
        assert begin.expires_at.timestamp() < time.time() + 91
        again = Sync(keyed_bench.url, "wrong", answer.json()["token"])
        await asyncio.to_thread(again.until, RealTimeError)
        assert errors(again.heard)[0][0] == 1008
        again.client.disconnect()
        # as a browser shows it
        other = (await asked(expires_in_seconds=60)).json()["token"]
        told, code, _ = await raw(keyed_bench.url, ours.TERMINATE, token=other)
        assert ([one["type"] for one in told], code) == (["Begin", "Termination"], 1000)
        assert (await raw(keyed_bench.url, token=other))[1] == 1008
        late = (await asked(expires_in_seconds=1)).json()["token"]
        await asyncio.sleep(1.1)
        assert (await raw(keyed_bench.url, token=late))[1] == 1008
        refused = await asked("wrong", expires_in_seconds=60)
        assert refused.status_code == 401
        assert refused.json() == {"error": "Authentication error, API token missing/invalid"}
        for query in ({}, {"expires_in_seconds": 601}):
            refused = await asked(**query)
            assert refused.status_code == 400
            assert "expires_in_seconds" in refused.json()["error"]


async def test_a_refused_session_leaves_its_token_to_be_used(keyed_bench: Bench) -> None:
    """As a query does that has no meaning: nothing was opened with it."""
    async with httpx.AsyncClient(base_url=keyed_bench.url, trust_env=False) as http:
        headers = {"authorization": KEY}
        answer = await http.get("/v3/token?expires_in_seconds=60", headers=headers)
    token = answer.json()["token"]
    assert (await raw(keyed_bench.url, token=token, encoding="speex"))[1] == 3006
    assert (await raw(keyed_bench.url, ours.TERMINATE, token=token))[1] == 1000


async def test_silence_ends_a_session_after_the_time_that_it_asks_for(bench: Bench) -> None:
    silent = Sync(bench.url, inactivity_timeout=5)
    kept = Sync(bench.url, inactivity_timeout=5)

    def keep() -> None:
        while not errors(silent.heard):
            kept.client.keep_alive()
            time.sleep(0.5)

    keeping = threading.Thread(target=keep)
    keeping.start()
    await asyncio.to_thread(silent.until, RealTimeError)
    ((code, text),) = errors(silent.heard)
    assert code == 4031
    assert text.startswith("Session idle for too long: no audio and no KeepAlive for 5 s")
    keeping.join()
    silent.client.disconnect()
    assert isinstance((await asyncio.to_thread(kept.end))[-1], TerminationEvent)


@pytest.fixture(scope="module")
def short_server() -> Iterator[ServerProcess]:
    with ServerProcess(Limits(idle_s=1.0, stream_audio_s=6.0)) as server:
        yield server


async def test_a_session_may_ask_for_more_patience_than_the_server_has(
    short_server: ServerProcess,
) -> None:
    impatient, patient = Sync(short_server.url), Sync(short_server.url, inactivity_timeout=60)
    await asyncio.to_thread(impatient.until, RealTimeError)
    assert errors(impatient.heard)[0][0] == 4031
    impatient.client.disconnect()
    assert isinstance((await asyncio.to_thread(patient.end))[-1], TerminationEvent)


async def test_a_session_with_as_much_sound_as_may_be_has_expired_with_what_was_heard(
    short_server: ServerProcess,
) -> None:
    session = Sync(short_server.url, inactivity_timeout=60, **NEVER)
    begun_s = time.time()
    await asyncio.to_thread(session.say, SHORT.pcm16 + 4 * TAIL, 8.0)
    await asyncio.to_thread(session.until, RealTimeError)
    assert session.heard[0].expires_at.timestamp() < begun_s + 8
    ((code, text),) = errors(session.heard)
    assert code == 3008
    assert text.startswith("Session Expired: Maximum session duration exceeded: the stream has")
    assert SAID in plain(ends(session.heard)[-1].transcript)
    session.client.disconnect()


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("is that all?", "Invalid JSON: "),
        ("[]", "Invalid Message: "),
        ('{"type": "Finalize"}', "Invalid Message Type: 'Finalize'"),
        ('{"type": "UpdateConfiguration", "min_turn_silence": "soon"}', "min_turn_silence: 'soon'"),
    ],
)
async def test_a_bad_message_ends_the_session_after_what_was_said(
    bench: Bench, text: str, begins: str
) -> None:
    sound = [SHORT.pcm16[at : at + CHUNK] for at in range(0, len(SHORT.pcm16), CHUNK)]
    told, code, reason = await raw(bench.url, *sound, text)
    assert [one["type"] for one in told[-2:]] == ["Turn", "Error"]
    assert SAID in plain(told[-2]["transcript"])
    assert told[-1]["error"].startswith(begins)
    assert told[-1]["error_code"] == code == 3006
    assert reason in (told[-1]["error"], "See Error message for details")


async def test_a_bad_query_is_told_after_the_upgrade(bench: Bench) -> None:
    for query in ({"encoding": "aac"}, {"sample_rate": "4000"}, {"language_code": "de"}):
        (told,), code, _ = await raw(bench.url, **query)
        assert (told["type"], told["error_code"], code) == ("Error", 3006, 3006)
        assert next(iter(query.values())).replace("000", ",000") in told["error"]


async def test_our_own_client_hears_a_stream_that_breaks_no_rule(bench: Bench) -> None:
    query = ours.query_for(StreamOptions())
    sound = CLIP.pcm16 + TAIL
    chunks = [sound[at : at + CHUNK] for at in range(0, len(sound), CHUNK)]
    told, code, _ = await raw(bench.url, *chunks, ours.TERMINATE, **query)
    assert code == 1000
    heard = [stamped.event for one in told if (stamped := ours.parse_message(json.dumps(one)))]
    assert breaches(heard) == []
    said = " ".join(event.text for event in heard if isinstance(event, Final))
    assert word_error_rate(CLIP.text, said) < 0.15
