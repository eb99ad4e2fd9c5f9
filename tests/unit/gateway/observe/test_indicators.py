"""What objectives are about: each way in which a stream can fare is counted as what it was."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from test_app import speech

from lab_kit.core.events import Final, Interim, Timing
from lab_kit.core.ids import StreamIdentity, TenantId
from lab_kit.gateway.door.limits import Limits
from lab_kit.gateway.observe.indicators import PEAK_WINDOW_S, Indicators
from lab_kit.gateway.observe.work import (
    Delivery,
    Ended,
    LiveResult,
    Outcome,
    Reached,
    Work,
    WorkKind,
    delivery_of,
)
from lab_kit.gateway.run.app import create_app

SECOND_NS = 1_000_000_000
TIMING = Timing(
    trigger_audio_s=3.0,
    received_ns=10 * SECOND_NS,
    decided_ns=10 * SECOND_NS,
    submitted_ns=0,
    started_ns=0,
    finished_ns=0,
    compute_ns=SECOND_NS // 10,
)
"""Sound until 3 s had come at 10 s."""


class Clock:
    """A time that tests set."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Seen:
    """Indicators of a registry of their own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._registry = CollectorRegistry()
        self.told = Indicators(self._registry, self.clock)

    def __call__(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(name, labels)


@pytest.fixture
def seen() -> Seen:
    return Seen()


def work(kind: WorkKind = WorkKind.STREAM) -> Work:
    return Work(kind, StreamIdentity.new(), TenantId("acme"), 1)


def result(since_start_s: float, since_end_s: float, is_final: bool = False) -> Delivery:
    return Delivery(is_final, 1.0, live=LiveResult(since_start_s, since_end_s))


def over(outcome: Outcome = Outcome.SERVED, owed: int = 0, submitted_s: float = 2.0) -> Ended:
    reached = Reached(submitted_s=submitted_s, compute_ns=400_000_000)
    return Ended(1000, reached, outcome=outcome, owed=owed)


def test_time_counts_from_when_the_sound_came() -> None:
    """What ended at 2.8 s came 0.2 s before what ended at 3 s."""
    final = Final(2, 1.0, 2.8, "two", 0.9, True, False, TIMING)
    told = delivery_of(final, 10 * SECOND_NS + SECOND_NS // 20, "")
    assert told is not None
    assert told.live is not None
    assert told.live.since_end_s == pytest.approx(0.25)
    assert told.live.since_start_s == pytest.approx(2.05)


def test_what_has_no_words_or_came_ahead_of_speech_has_no_delay() -> None:
    final = Final(2, 1.0, 2.8, "", 0.9, True, False, TIMING)
    interim = Interim(1, 1.0, 2.8, "two", 0, 0.9, TIMING)
    silent, ahead = delivery_of(final, 0, ""), delivery_of(interim, 0, "", is_live=False)
    assert silent is not None
    assert ahead is not None
    assert silent.live is ahead.live is None


def test_a_segment_has_one_first_result(seen: Seen) -> None:
    stream = work()
    seen.told.opened(stream)
    for delivery in (result(0.4, 0.1), result(0.9, 0.1), result(1.5, 0.26, is_final=True)):
        seen.told.delivered(stream, delivery)
    seen.told.delivered(stream, result(0.7, 0.2, is_final=True))
    assert seen("lab_first_result_seconds_count", version="1") == 2
    assert seen("lab_first_result_seconds_bucket", version="1", le="0.4") == 1
    assert seen("lab_final_delay_seconds_count", version="1") == 2
    assert seen("lab_final_delay_seconds_bucket", version="1", le="0.25") == 1
    assert seen("lab_result_age_seconds_count", version="1") == 4
    seen.told.ended(stream, over())
    assert seen("lab_stream_rtf_bucket", version="1", le="0.2") == 1, "0.4 s for 2 s"


def test_a_version_that_was_loaded_is_counted_from_zero(seen: Seen) -> None:
    """A ratio of finals that are all missing would be a ratio of nothing, and page nobody."""
    seen.told.version_loaded(1)
    assert seen("lab_final_delay_seconds_bucket", version="1", le="0.8") == 0
    assert seen("lab_stream_rtf_count", version="1") == 0


def test_what_is_no_live_result_waits_for_nothing(seen: Seen) -> None:
    stream, recording = work(), work(WorkKind.RECORDING)
    seen.told.opened(stream)
    seen.told.opened(recording)
    seen.told.delivered(stream, Delivery(True, 1.0))
    seen.told.delivered(recording, result(9.0, 9.0, is_final=True))
    seen.told.ended(recording, over())
    assert seen("lab_final_delay_seconds_count", version="1") is None
    assert seen("lab_stream_outcomes_total", outcome="served") == 0


@pytest.mark.parametrize(("outcome", "missing"), [(o, o is not Outcome.LEFT) for o in Outcome])
def test_a_final_that_never_came_is_missing_unless_its_client_left(
    seen: Seen, outcome: Outcome, missing: bool
) -> None:
    stream = work()
    seen.told.opened(stream)
    seen.told.ended(stream, over(outcome, owed=2))
    seen.told.ended(stream, over(outcome, owed=2))
    assert seen("lab_finals_missing_total") == (2 if missing else 0)
    assert seen("lab_stream_outcomes_total", outcome=outcome) == 1


def test_the_peak_is_there_when_nothing_is_open_any_more(seen: Seen) -> None:
    streams = [work() for _ in range(5)]
    for stream in streams:
        seen.told.opened(stream)
    for stream in streams:
        seen.told.ended(stream, over())
    assert seen("lab_streams_peak") == 5
    seen.clock.now_s += 2 * PEAK_WINDOW_S
    assert seen("lab_streams_peak") == 0


QUERY = "/v1/listen?encoding=linear16&sample_rate=16000"


def test_a_server_counts_streams_by_their_outcome(tmp_path: Path) -> None:
    engine = ScriptedEngine("word")
    server = server_at(tmp_path, lambda _: recognizer(engine), limits=Limits(streams=1))
    with TestClient(create_app(server)) as client:
        wait_until(lambda: server.door.is_ready)
        with client.websocket_connect(QUERY) as first:
            with pytest.raises(WebSocketDisconnect), client.websocket_connect(QUERY):
                raise AssertionError("there was one place")
            first.send_bytes(speech())
            first.send_text('{"type": "CloseStream"}')
            while first.receive()["type"] != "websocket.close":
                pass
        engine.answer = RuntimeError("device lost")
        with client.websocket_connect(QUERY) as failing:
            failing.send_bytes(speech())
            failing.send_text('{"type": "CloseStream"}')
            while failing.receive()["type"] != "websocket.close":
                pass
        wait_until(lambda: not server.door.streams)
        text = client.get("/metrics").text
    for outcome, count in {"served": 1, "refused": 1, "failed": 1, "left": 0}.items():
        assert f'lab_stream_outcomes_total{{outcome="{outcome}"}} {count}.0' in text
    assert "lab_streams_peak 1.0" in text
    server.stop()
