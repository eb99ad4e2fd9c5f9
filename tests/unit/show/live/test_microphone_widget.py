"""What the kernel makes of a page's chunks; what the page does is tested in a browser."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab_kit.audio.sources.recordings import SourceChunk
from lab_kit.core.errors import AudioDeviceUnavailable
from lab_kit.show.live import browser_microphone
from lab_kit.show.live.browser_microphone import CHUNK_S, BrowserMicrophone

PCM = bytes(1_280)


class Page:
    """Says to a widget what a page would, in the form in which it comes."""

    def __init__(self) -> None:
        self.widget = BrowserMicrophone()
        self.told: list[Any] = []
        self.widget.send = lambda content, buffers=None: self.told.append(content)
        self.number = 0
        self.take = "first"
        self.widget.observe(self._once_heard, names="is_listening")

    def _once_heard(self, change: dict[str, bool]) -> None:
        if change["new"]:
            self.speaks()

    def turns_on(self, take: str = "first") -> None:
        self.take = take
        self.says({"kind": "begin", "take": take})

    def ends(self) -> None:
        self.says({"kind": "end", "take": self.take})

    def says(self, told: object, *buffers: bytes) -> None:
        self.widget._handle_custom_msg(told, [memoryview(each) for each in buffers])

    def speaks(self, heard_ms: float = 0.0, lost_s: float = 0.0, pcm: bytes = PCM) -> None:
        told = {"heard_ms": heard_ms, "lost_s": lost_s, "take": self.take}
        self.says({"kind": "chunk", "number": self.number, **told}, pcm)
        self.number += 1


@pytest.fixture
def page() -> Page:
    page = Page()
    page.turns_on()
    return page


def begun(page: Page) -> Iterator[SourceChunk]:
    """The widget's chunks, begun: the page speaks as soon as it is heard."""
    pieces = page.widget.chunks()
    assert next(pieces).end_s == pytest.approx(CHUNK_S)
    assert page.widget.is_listening
    return pieces


def test_sound_comes_out_in_order_until_the_page_ends_it(page: Page) -> None:
    pieces = begun(page)
    page.speaks(pcm=b"\x01\x00" * 640)
    page.speaks(pcm=b"\x02\x00" * 640)
    page.ends()
    rest = list(pieces)
    assert [piece.data[:2] for piece in rest] == [b"\x01\x00", b"\x02\x00"]
    assert [piece.end_s for piece in rest] == pytest.approx([2 * CHUNK_S, 3 * CHUNK_S])
    assert not page.widget.is_listening
    assert page.widget.lost_s == 0


def test_a_new_capture_takes_the_place_of_one_that_never_ended(page: Page) -> None:
    """A page that was loaded anew has another clock, and says nothing of the capture before."""
    page.says({"kind": "clock", "offset_ms": 5_000.0, "round_trip_ms": 2.0})
    turned: list[bool] = []
    page.widget.observe(lambda change: turned.append(change["new"]), names="is_on")
    page.turns_on("second")
    assert turned == [False, True], "whoever watches hears of it"
    assert page.widget.clock_error_s is None
    pieces = begun(page)
    page.says({"kind": "chunk", "number": 9, "heard_ms": 0.0, "lost_s": 0.0, "take": "first"}, PCM)
    page.says({"kind": "end", "take": "first"})
    page.speaks(pcm=b"\x03\x00" * 640)
    assert next(pieces).data[:2] == b"\x03\x00"
    assert page.widget.is_on
    page.ends()
    assert not page.widget.is_on


def test_who_ends_a_run_turns_the_microphone_off_that_was_heard_in_it(page: Page) -> None:
    pieces = begun(page)
    page.turns_on("second")
    page.widget.turn_off()
    assert page.told[-1] == {"kind": "close", "take": "first"}
    assert list(pieces) == []


def test_who_is_off_says_what_to_do(page: Page) -> None:
    page.ends()
    with pytest.raises(AudioDeviceUnavailable, match="click 'Use the microphone'"):
        next(page.widget.chunks())
    page.says({"kind": "refused", "why": "The browser refused the microphone." + "x" * 1_000})
    with pytest.raises(AudioDeviceUnavailable, match="The browser refused") as refused:
        next(page.widget.chunks())
    assert len(str(refused.value)) < 400
    page.turns_on()
    assert page.widget.refusal == ""


def test_a_page_that_is_gone_ends_the_sound(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = begun(page)
    monkeypatch.setattr(browser_microphone, "LONGEST_WAIT_S", 0.05)
    with pytest.raises(AudioDeviceUnavailable, match="no sound from the page"):
        next(pieces)
    assert not page.widget.is_listening


def test_who_waits_for_sound_is_let_go(page: Page) -> None:
    pieces = begun(page)
    threading.Timer(0.05, page.widget.stop).start()
    assert list(pieces) == []
    assert not page.widget.is_listening


def test_what_is_lost_is_counted(page: Page) -> None:
    pieces = begun(page)
    page.number += 3  # three messages that never came
    page.speaks(lost_s=0.5)
    next(pieces)
    assert page.widget.lost_s == pytest.approx(3 * CHUNK_S + 0.5)
    for _ in range(800):
        page.speaks()
    assert page.widget.lost_s == pytest.approx(3 * CHUNK_S + 0.5 + 50 * CHUNK_S), "30 s are kept"
    page.ends()
    assert len(list(pieces)) == 750


def test_a_sound_has_the_time_at_which_it_was_heard(page: Page) -> None:
    """The page's clock is behind; the quickest of several exchanges is believed."""
    behind_ms = 5_000.0
    for round_trip_ms, error_ms in ((80.0, 30.0), (2.0, 0.5), (50.0, -20.0)):
        offset_ms = behind_ms + error_ms
        told = {"kind": "clock", "offset_ms": offset_ms, "round_trip_ms": round_trip_ms}
        page.says(told)
    assert page.widget.clock_error_s == pytest.approx(0.001)
    pieces = begun(page)
    heard_ns = time.perf_counter_ns() - 70_000_000
    page.speaks(heard_ms=heard_ns / 1e6 - behind_ms)
    assert next(pieces).heard_ns == pytest.approx(heard_ns + 500_000, abs=2)
    page.speaks(heard_ms=time.perf_counter_ns() / 1e6 + 60_000)
    heard_later_ns = next(pieces).heard_ns
    assert heard_later_ns is not None
    assert heard_later_ns <= time.perf_counter_ns(), "nothing is heard after it came"


def test_without_a_comparison_a_sound_is_heard_when_it_comes(page: Page) -> None:
    before_ns = time.perf_counter_ns()
    pieces = begun(page)
    page.speaks(heard_ms=1.0)
    heard_ns = next(pieces).heard_ns
    assert heard_ns is not None
    assert before_ns < heard_ns < time.perf_counter_ns()


def test_a_ping_is_answered_with_the_kernels_time(page: Page) -> None:
    page.says({"kind": "ping", "page_ms": 12.5})
    (answer,) = page.told
    assert answer["page_ms"] == 12.5
    assert answer["kernel_ms"] == pytest.approx(time.perf_counter_ns() / 1e6, abs=10_000)


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        "chunk",
        {},
        {"kind": "chunk"},
        {"kind": "end"},
        {"kind": "clock", "offset_ms": "x", "round_trip_ms": -1},
        {"kind": "clock", "offset_ms": 1, "round_trip_ms": None},
    ],
)
def test_nonsense_changes_nothing(page: Page, nonsense: object) -> None:
    page.says(nonsense)
    page.says({"kind": "chunk", "number": 0, "take": "first"}, b"\x00" * 3)
    page.says({"kind": "chunk", "number": 0, "take": "first"}, b"\x00" * 1_000_000)
    assert page.widget.clock_error_s is None
    pieces = begun(page)
    told = {"number": "one", "heard_ms": "now", "lost_s": "all", "take": "first"}
    page.says({"kind": "chunk", **told}, PCM)
    assert next(pieces).data == PCM
    assert page.widget.lost_s == 0
