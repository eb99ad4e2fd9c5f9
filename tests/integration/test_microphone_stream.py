"""The real sound path without a sound card: a clip played into a virtual microphone.

PulseAudio holds two sinks that keep time and go nowhere; PortAudio reads the monitor of one of
them through ALSA. sounddevice looks for devices once, when it is imported, so everything that
hears runs in a process of its own, in an environment where the virtual card is the default.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hang import HANG_S
from server_process import at_full_service

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.measure.accuracy import word_error_rate

CLIP = "two-cities-best-and-worst"
SINKS = """\
load-module module-native-protocol-unix auth-anonymous=1
load-module module-null-sink sink_name=spk format=s16le rate=16000 channels=1 norewinds=1
load-module module-null-sink sink_name=mic format=s16le rate=16000 channels=1 norewinds=1
set-default-sink spk
set-default-source mic.monitor
"""
ALSA = 'pcm.!default { type pulse hint { show on description "default" } }\n'
LISTEN = """\
import asyncio, json, subprocess, sys, threading
from lab_kit import client
from lab_kit.audio.sources.microphone import Microphone, input_device
from lab_kit.core.events import StreamOptions
from lab_kit.measure.calls import transcript

url, wav, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
mic = Microphone(seconds)
play = ["paplay", "--device=mic", "--latency-msec=50", wav]
threading.Timer(0.5, subprocess.run, (play,)).start()
call = asyncio.run(client.stream(url, mic, StreamOptions()))
print(json.dumps({
    "text": transcript(call), "audio_s": call.audio_s,
    "name": mic.name, "took_s": (call.sent[-1].sent_ns - call.started_ns) / 1e9,
    "blocks": len(call.sent),
}))
"""
FIND = """\
from lab_kit.audio.sources.microphone import input_device
from lab_kit.core.errors import AudioDeviceUnavailable
try:
    print("found", input_device())
except AudioDeviceUnavailable as error:
    print("none", error)
"""


def missing_tool() -> str | None:
    """What this machine lacks for a virtual microphone."""
    for tool in ("pulseaudio", "pactl", "paplay"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    done = subprocess.run([sys.executable, "-c", "import sounddevice"], capture_output=True)
    return "PortAudio is not installed" if done.returncode else None


LACKING = missing_tool()


@pytest.fixture
def virtual_card(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment in which the default input is a monitor that we can play into."""
    home, run = tmp_path / "home", tmp_path / "run"
    home.mkdir()
    run.mkdir(mode=0o700)
    (home / ".asoundrc").write_text(ALSA)
    script = tmp_path / "sinks.pa"
    script.write_text(SINKS)
    environment = {**os.environ, "PULSE_RUNTIME_PATH": str(run), "XDG_CONFIG_HOME": str(home)}
    options = ("--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes")
    with (tmp_path / "pulse.log").open("wb") as log:
        server = subprocess.Popen(
            ["pulseaudio", "-n", "-F", str(script), *options],
            env=environment,
            stdout=log,
            stderr=log,
        )
    environment |= {"PULSE_SERVER": f"unix:{run / 'native'}", "HOME": str(home)}
    try:
        wait_for_pulse(environment, server, tmp_path / "pulse.log")
        yield environment
    finally:
        server.terminate()
        server.wait(10)


def wait_for_pulse(
    environment: dict[str, str], server: "subprocess.Popen[bytes]", log: Path
) -> None:
    deadline = time.monotonic() + 60
    while subprocess.run(["pactl", "info"], env=environment, capture_output=True).returncode:
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = at_full_service(Bench.start())
    yield bench
    bench.stop()


@pytest.mark.skipif(LACKING is not None, reason=str(LACKING))
def test_speech_played_into_a_microphone_is_transcribed(
    virtual_card: dict[str, str], bench: Bench
) -> None:
    clip = datasets.clip(CLIP)
    seconds = clip.duration_s + 1.5
    done = subprocess.run(
        [sys.executable, "-c", LISTEN, bench.url, str(clip.path), str(seconds)],
        env=virtual_card,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr
    heard = json.loads(done.stdout)
    assert word_error_rate(clip.text, heard["text"]) < 0.2, heard["text"]
    assert heard["audio_s"] == pytest.approx(seconds, abs=0.03)
    # the card keeps time: no sound before its time, in blocks of 20 ms
    assert heard["took_s"] > seconds - 0.5
    assert heard["blocks"] == pytest.approx(seconds / 0.02, abs=2)
    assert "default" in heard["name"]


@pytest.mark.skipif(LACKING is not None, reason=str(LACKING))
def test_the_real_portaudio_without_a_card_says_so(tmp_path: Path) -> None:
    """On a machine with a card this finds it; either way it is an answer, never a crash."""
    environment = {**os.environ, "HOME": str(tmp_path), "PULSE_SERVER": "unix:/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", FIND],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr
    answer = done.stdout.split()[0]
    assert answer in ("found", "none")
    if not Path("/proc/asound/cards").exists():
        assert answer == "none"
        assert "no default input device" in done.stdout
