"""The microphone without one: a pretended sounddevice, and machines where there is none."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from lab_kit.audio.sources import microphone
from lab_kit.audio.sources.microphone import Microphone, input_device, microphone_or
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.errors import AudioDeviceUnavailable, InvalidParameter

CLIP = PacedRecording("a clip", np.zeros(1600, np.float32))


@dataclass
class Status:
    input_overflow: bool = False


@dataclass
class PretendedSound:
    """What sounddevice is asked, and blocks that it delivers when the stream opens."""

    blocks: list[tuple[bytes, Status]] = field(default_factory=list)
    asked: dict[str, Any] = field(default_factory=dict)
    is_open: bool = False
    refuses: str | None = None
    device: str | None = "pretended mic"

    class PortAudioError(Exception):
        pass

    def query_devices(self, device: object, kind: str) -> dict[str, str]:
        if self.device is None:
            raise self.PortAudioError("Error querying device -1")
        if device not in (None, self.device):
            raise ValueError(f"No input device matching {device!r}")
        return {"name": self.device}

    def RawInputStream(self, **asked: Any) -> "PretendedSound":
        if self.refuses:
            raise self.PortAudioError(self.refuses)
        self.asked = asked
        return self

    def __enter__(self) -> "PretendedSound":
        self.is_open = True
        callback: Callable[..., None] = self.asked["callback"]
        for data, status in self.blocks:
            callback(memoryview(data), len(data) // 2, None, status)
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> PretendedSound:
    pretended = PretendedSound()
    monkeypatch.setattr(microphone, "import_module", lambda name: pretended)
    monkeypatch.setattr(microphone, "LONGEST_WAIT_S", 0.05)
    return pretended


def block(value: int) -> bytes:
    return np.full(320, value, "<i2").tobytes()


def test_sound_arrives_in_order_as_16_khz_mono(sound: PretendedSound) -> None:
    sound.blocks = [(block(value), Status()) for value in range(3)]
    mic = Microphone(seconds=0.06)
    heard = list(mic.chunks())
    assert [chunk.data for chunk in heard] == [data for data, _ in sound.blocks]
    assert [chunk.end_s for chunk in heard] == pytest.approx([0.02, 0.04, 0.06])
    assert (sound.asked["samplerate"], sound.asked["channels"]) == (16_000, 1)
    assert (sound.asked["blocksize"], sound.asked["dtype"]) == (320, "int16")
    assert not sound.is_open
    assert mic.waits_itself
    assert mic.spoken == ()
    assert mic.name == "microphone (pretended mic)"


def test_lost_sound_is_counted(sound: PretendedSound) -> None:
    sound.blocks = [(block(1), Status()), (block(2), Status(input_overflow=True))]
    mic = Microphone(seconds=0.04)
    with pytest.warns(RuntimeWarning, match="lost 1 times"):
        assert len(list(mic.chunks())) == 2
    assert mic.overflows == 1


def test_sound_that_nobody_fetches_is_dropped_and_counted(
    sound: PretendedSound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microphone, "MOST_UNFETCHED_S", 0.04)
    sound.blocks = [(block(value), Status()) for value in range(5)]
    mic = Microphone(seconds=0.04)
    with pytest.warns(RuntimeWarning, match="lost 3 times"):
        assert len(list(mic.chunks())) == 2
    assert mic.overflows == 3


def test_it_stops_when_told_and_closes_the_device(sound: PretendedSound) -> None:
    sound.blocks = [(block(value), Status()) for value in range(5)]
    mic = Microphone()
    pieces = mic.chunks()
    next(pieces)
    mic.stop()
    mic.stop()
    assert list(pieces) == []
    assert not sound.is_open


def test_stopping_wakes_one_who_waits(sound: PretendedSound) -> None:
    mic = Microphone()
    mic.stop()
    assert list(mic.chunks()) == []


def test_a_device_that_falls_silent_is_an_error(sound: PretendedSound) -> None:
    sound.blocks = [(block(1), Status())]
    pieces = Microphone().chunks()
    next(pieces)
    with pytest.raises(AudioDeviceUnavailable, match="delivered nothing"):
        next(pieces)
    assert not sound.is_open


def test_a_device_that_refuses_is_an_error(sound: PretendedSound) -> None:
    sound.refuses = "Device unavailable"
    with pytest.raises(AudioDeviceUnavailable, match=r"cannot be opened \(Device unavailable\)"):
        next(Microphone().chunks())


def test_no_device_says_so_and_a_clip_takes_its_place(
    sound: PretendedSound, capsys: pytest.CaptureFixture[str]
) -> None:
    sound.device = None
    with pytest.raises(AudioDeviceUnavailable, match="no default input device"):
        Microphone()
    assert microphone_or(CLIP) is CLIP
    said = capsys.readouterr().out
    assert said.startswith("Playing a clip at the pace of a microphone: no default input device")
    assert said.count("\n") == 1


def test_a_device_that_does_not_exist_is_named(sound: PretendedSound) -> None:
    with pytest.raises(AudioDeviceUnavailable, match="no input device 'studio'"):
        Microphone(device="studio")


def test_the_microphone_is_preferred_where_there_is_one(sound: PretendedSound) -> None:
    assert isinstance(microphone_or(CLIP, seconds=1.0), Microphone)


def test_without_portaudio_the_package_to_install_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> None:
        raise OSError("PortAudio library not found")

    monkeypatch.setattr(microphone, "import_module", missing)
    with pytest.raises(AudioDeviceUnavailable, match="apt-get install libportaudio2"):
        input_device()
    assert microphone_or(CLIP) is CLIP
    assert "libportaudio2" in capsys.readouterr().out


def test_a_chunk_holds_at_least_a_sample(sound: PretendedSound) -> None:
    with pytest.raises(InvalidParameter):
        Microphone(chunk_s=0.0)
