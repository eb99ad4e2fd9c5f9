"""A live run without widgets: it ends, stops, repeats, and loses no error."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import ipywidgets
import psutil
import pytest
from show_calls import DEVICE, EVENTS, FIRST, SECOND, at, stream

from lab_kit.audio.sources import microphone
from lab_kit.audio.sources.recordings import Source, SourceChunk
from lab_kit.client import Wire
from lab_kit.core.call_record import Received, Spoken, StreamCall
from lab_kit.core.errors import AudioDeviceUnavailable, ConnectionFailed, InvalidParameter
from lab_kit.experiments.load import Network, Stairs
from lab_kit.show import live as public_live
from lab_kit.show.live import widget_screen
from lab_kit.show.live.attended import can_click, draw_period_s, unattended_limit_s
from lab_kit.show.live.browser_microphone import BrowserMicrophone
from lab_kit.show.live.crowd import Others
from lab_kit.show.live.report import running_verdict, tabulate
from lab_kit.show.live.run import LiveRun
from lab_kit.show.live.source import LiveSource
from lab_kit.show.live.sources import DEFAULT_CLIP, OF_KERNEL, Sources
from lab_kit.show.live.state import LiveState
from lab_kit.show.live.way import Way
from lab_kit.show.live.widget_screen import WidgetScreen


class Sound:
    """80 chunks of 50 ms, at once; without an end where it is a microphone."""

    name, rate_hz, chunk_s = "made by hand", 16_000, 0.05

    def __init__(self, spoken: tuple[Spoken, ...] = (FIRST, SECOND), waits: bool = False) -> None:
        self.spoken = spoken
        self.waits_itself = waits

    def chunks(self) -> Iterator[SourceChunk]:
        for index in range(80):
            yield SourceChunk(bytes(1600), (index + 1) * 0.05)


class FakeBench:
    """Streams as fast as it can and hears what it is told."""

    device = DEVICE

    def __init__(self, pace_s: float = 0.0, error: Exception | None = None) -> None:
        self.pace_s = pace_s
        self.error = error
        self.wires: list[Wire] = []
        self.networks: list[Network] = []

    @contextmanager
    def behind(self, network: Network) -> Iterator["FakeBench"]:
        self.networks.append(network)
        yield self

    async def stream(
        self, source: LiveSource, *, wire: Wire, on_event: Callable[[int, Received], None]
    ) -> StreamCall:
        self.wires.append(wire)
        given_s = 0.0
        for piece in source.chunks():
            given_s = piece.end_s
            await asyncio.sleep(self.pace_s)
        if self.error is not None:
            raise self.error
        heard = [event for event in EVENTS if event.received_ns <= at(given_s)]
        for event in heard:
            on_event(at(0), event)
        whole = stream(source.spoken)
        return StreamCall(
            whole.name, whole.started_ns, given_s, 0.05, source.spoken, (), tuple(heard),
            whole.clock, DEVICE,
        )  # fmt: skip


def run_of(bench: FakeBench, source: Sound | None = None, **options: Any) -> LiveRun:
    return LiveRun(bench, source or Sound(), **options)  # type: ignore[arg-type]


def test_a_clip_is_streamed_once_where_it_does_not_loop() -> None:
    run = run_of(FakeBench())
    run.start()
    run.wait()
    assert len(run.calls) == 1
    assert not run.is_running
    drawing, table, verdict = run.report()
    assert "limit 300 ms: speaker stops → last final" in drawing.render()
    assert verdict.told.startswith("1 of 2 finals came within 300 ms after the speaker stops")
    assert "1 of 2" in next(
        line for line in table.text.splitlines() if line.startswith("final_delay")
    )


def test_a_limit_ends_a_loop_within_a_pass() -> None:
    run = run_of(FakeBench(), limit_s=10.0, loops=True)
    run.start()
    run.wait()
    assert [call.audio_s for call in run.calls] == pytest.approx([4.0, 4.0, 2.0])
    assert run.calls[-1].spoken == (FIRST,)


def test_a_pass_cut_before_its_first_utterance_is_left_out() -> None:
    run = run_of(FakeBench(), limit_s=5.0, loops=True)
    run.start()
    run.wait()
    assert len(run.calls) == 1


def test_stop_ends_it_after_the_chunk() -> None:
    run = run_of(FakeBench(pace_s=0.01), loops=True)
    run.start()
    run.stop()
    assert not run.is_running
    assert run.error is None


def test_a_stream_that_hangs_is_broken_off() -> None:
    run = run_of(FakeBench(pace_s=60), loops=True)
    run.start()
    time.sleep(0.2)
    run.stop(timeout_s=0.3)
    assert not run.is_running
    with pytest.raises(TimeoutError, match="broken off"):
        run.wait()


def test_an_error_of_the_stream_reaches_who_waits() -> None:
    run = run_of(FakeBench(error=ConnectionFailed("gone", "there", "look")))
    run.start()
    with pytest.raises(ConnectionFailed):
        run.wait()


class BrokenScreen:
    """Fails at its first drawing."""

    told: BaseException | None = None

    def begin(self, state: LiveState, *, holds_cell: bool) -> None: ...

    def draw(self, state: LiveState) -> None:
        raise RuntimeError("no page")

    def stopping(self) -> None: ...

    def end(self, state: LiveState, error: BaseException | None) -> None:
        self.told = error


def test_an_error_of_the_drawing_ends_the_stream_and_is_told() -> None:
    run, screen = run_of(FakeBench(pace_s=0.01), loops=True), BrokenScreen()
    run.show_on(screen)
    run.start()
    with pytest.raises(RuntimeError, match="no page"):
        run.wait()
    assert isinstance(screen.told, RuntimeError)


def test_starting_again_begins_anew() -> None:
    run = run_of(FakeBench())
    for _ in range(2):
        run.start()
        run.wait()
    assert len(run.calls) == 1


def test_nobody_clicks_on_a_checking_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PROFILE", "ci")
    assert not can_click()
    monkeypatch.delenv("LAB_PROFILE")
    assert not can_click(), "a test has no notebook either"


def test_unattended_runs_are_bounded() -> None:
    assert unattended_limit_s(Sound(), None) is None
    assert unattended_limit_s(Sound(), 3.0) == 3.0
    assert unattended_limit_s(Sound(waits=True), None) == 10.0
    assert unattended_limit_s(Sound(waits=True), 60.0) == 10.0


def test_unattended_it_blocks_and_leaves_a_picture_and_a_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = public_live(FakeBench(), Sound())  # type: ignore[arg-type]
    assert not run.is_running
    assert len(run.calls) == 1
    told = capsys.readouterr().out
    assert "final_delay_s" in told
    assert "heard: Good morning and good night" in told


def test_a_new_run_ends_the_former() -> None:
    former = run_of(FakeBench(pace_s=0.01), loops=True)
    former.start()
    LiveRun.current = former
    public_live(FakeBench(), Sound())  # type: ignore[arg-type]
    assert not former.is_running


def test_a_source_gives_at_least_one_chunk_and_knows_what_was_cut() -> None:
    stop = Event()
    stop.set()
    source = LiveSource(Sound(), stop)
    assert len(list(source.chunks())) == 1
    assert source.spoken == ()
    whole = LiveSource(Sound(), Event())
    assert len(list(whole.chunks())) == 80
    assert whole.spoken == (FIRST, SECOND)


def test_a_microphone_knows_when_it_first_sounded() -> None:
    before = time.perf_counter_ns()
    source = LiveSource(Sound(waits=True), Event(), most_s=0.1)
    assert len(list(source.chunks())) == 2
    assert source.first_sound_ns is not None
    assert before - 60_000_000 < source.first_sound_ns < time.perf_counter_ns()


def test_a_picture_gives_way_where_all_cores_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    # the load of the machine is the one thing here that no test can set
    monkeypatch.setattr(psutil, "cpu_percent", lambda: 30.0)
    usual_s = draw_period_s()
    monkeypatch.setattr(psutil, "cpu_percent", lambda: 99.0)
    assert draw_period_s() > 2 * usual_s


def test_a_run_goes_over_its_wire_and_through_its_network_and_says_so() -> None:
    bench, network = FakeBench(), Network(one_way_s=0.03, jitter_s=0.01, loss=0.08)
    run = run_of(bench, way=Way(Wire.WEBRTC, network))
    run.start()
    run.wait()
    assert bench.wires == [Wire.WEBRTC]
    assert bench.networks == [network]
    told = "made by hand over WebRTC, 30 ms each way, up to 10 ms more, 8 % of packets lost"
    assert run.name == told
    assert told in run.report()[1].text
    assert run_of(bench).name == "made by hand"
    assert run_of(bench, way=Way(Wire.GRPC)).name == "made by hand over gRPC"


def test_a_crowd_needs_something_to_say() -> None:
    with pytest.raises(InvalidParameter, match="pass clips="):
        public_live(FakeBench(), Sound(), crowd=Stairs((1,), 4.0))  # type: ignore[arg-type]


def test_others_are_counted_in_words_beside_ones_own_delays() -> None:
    others = Others(streams=3, most_streams=8, final_delays_s=[0.2, 0.4, math.inf], refused=2)
    told = running_verdict(LiveState(()), others).told
    assert "3 others speak, 2 refused, p50 of all theirs, n = 3: 400 ms" in told
    table = tabulate(LiveState(()), "a voice", DEVICE, others).text
    row = next(line for line in table.splitlines() if line.startswith("others'"))
    assert row.split()[-6:] == ["400", "never", "1", "of", "3", "indicative"]
    assert "up to 8 streams of others; 2 refused" in table


def test_another_source_ends_the_run_and_is_streamed_from_the_next_start_on() -> None:
    run = run_of(FakeBench(pace_s=0.01), loops=True)
    run.start()
    run.use(Sound(waits=True))
    assert not run.is_running
    assert run.error is None
    run.start()
    run.wait()
    assert len(run.calls) == 1, "a microphone that has ended is not repeated"


def test_what_was_given_stands_for_its_own_kind_in_the_list() -> None:
    clip, voice = Sound(), BrowserMicrophone()
    assert Sources(clip).names == ("your microphone", OF_KERNEL, "made by hand")
    assert Sources(clip).chosen == "made by hand"
    assert Sources(clip).get("made by hand") is clip
    sources = Sources(voice)
    assert sources.names == ("your microphone", DEFAULT_CLIP, OF_KERNEL)
    assert sources.chosen == "your microphone"
    assert sources.get("your microphone") is voice
    assert sources.get(DEFAULT_CLIP) is sources.get(DEFAULT_CLIP)
    assert "best of times" in sources.get(DEFAULT_CLIP).spoken[0].text


class Run:
    """A run that notes what it was told to stream."""

    name, device, planned_s, way = "your microphone", DEVICE, None, Way()

    def __init__(self) -> None:
        self.used: list[str] = []

    def use(self, source: Source) -> None:
        self.used.append(source.name)

    def toggle(self) -> None: ...


def test_the_list_changes_the_source_and_says_why_one_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(_: object) -> str:
        raise AudioDeviceUnavailable("no input device", "one", "plug one in")

    monkeypatch.setattr(microphone, "input_device", missing)
    shown: list[Any] = []
    monkeypatch.setattr(widget_screen, "WidgetOutput", lambda widget, _: shown.append(widget))
    run, voice = Run(), BrowserMicrophone()
    WidgetScreen(run, Sources(voice))  # type: ignore[arg-type]
    (box,) = shown
    choice = box.children[0].children[0]
    assert isinstance(choice, ipywidgets.Dropdown)
    assert voice in box.children
    choice.value = DEFAULT_CLIP
    assert run.used == [DEFAULT_CLIP]
    assert voice not in box.children, "its level and switches would mean nothing"
    choice.value = OF_KERNEL
    assert choice.value == DEFAULT_CLIP
    assert "plug one in" in box.children[1].value
    choice.value = "your microphone"
    assert run.used == [DEFAULT_CLIP, "your microphone"]
    assert voice in box.children
    assert box.children[2].value == "", "what was refused is not told any more"
