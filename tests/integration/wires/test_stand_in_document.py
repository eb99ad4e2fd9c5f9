"""The snippets of `docs/stand-in.md` do what the page says: they are run as they are printed."""

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
import stripe
from hang import HANG_S
from transcribe_server import KEY, tls_server

from lab_kit import datasets
from lab_kit.audio.pcm import FloatArray
from lab_kit.bench import Bench
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.dialects.assemblyai.options import ALWAYS_ON, NOT_GIVEN
from lab_kit.dialects.elevenlabs.recording import options as recording
from lab_kit.measure.accuracy import word_error_rate

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/stand-in.md").read_text(encoding="utf-8")
CLIP = datasets.clip("two-cities-best")
TAIL_S = 1.0
OPENAI_HZ = 24_000


@pytest.fixture(scope="module")
def bench() -> Any:
    bench = Bench.start()
    yield bench
    bench.stop()


def snippet(heading: str, language: str = "python", number: int = 1) -> str:
    """A block in that language below a heading, the first if nothing is said."""
    block = rf"^## {heading}$" + rf".*?^```{language}\n(.*?)^```$" * number
    found = re.search(block, PAGE, re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[number]


def names_of(heading: str, bench: Bench, number: int = 1) -> dict[str, Any]:
    """What a snippet defines, run with the server's addresses in place of the page's."""
    address = bench.url.removeprefix("http://")
    code = snippet(heading, number=number).replace("127.0.0.1:8300", address)
    names: dict[str, Any] = {}
    exec(code.replace("127.0.0.1:8301", bench.grpc_address), names)
    return names


def pcm16(rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """The clip, and a second of silence after it."""
    quiet = np.zeros(round(TAIL_S * SAMPLE_RATE_HZ), np.float32)
    whole: FloatArray = np.concatenate([np.array(CLIP.samples), quiet])
    audio = soxr.resample(whole, SAMPLE_RATE_HZ, rate_hz)
    return bytes((audio * 32_767).astype("<i2").tobytes())


async def test_deepgrams_snippet_hears(bench: Bench) -> None:
    heard = await names_of("Deepgram", bench)["hear"](pcm16())
    finals = [m for m in heard if m.type == "Results" and m.is_final]
    said = " ".join(m.channel.alternatives[0].transcript for m in finals)
    assert word_error_rate(CLIP.text, said) == 0
    assert heard[-1].type == "Metadata"


async def test_openais_snippets_hear(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recording.wav").write_bytes(CLIP.path.read_bytes())
    names = names_of("OpenAI", bench)
    assert word_error_rate(CLIP.text, capsys.readouterr().out) == 0
    assert word_error_rate(CLIP.text, await names["hear"](pcm16(OPENAI_HZ))) == 0


def test_assemblyais_snippet_hears(bench: Bench) -> None:
    transcript = names_of("AssemblyAI", bench)["transcribe"](str(CLIP.path))
    assert word_error_rate(CLIP.text, transcript.text) == 0


async def test_elevenlabs_snippets_speak_and_hear(bench: Bench, tmp_path: Path) -> None:
    names = names_of("ElevenLabs", bench)
    spoken = await asyncio.to_thread(names["speak"], CLIP.text)
    words = [f"{word} " for word in CLIP.text.split()]
    written = await asyncio.to_thread(names["speak_as_it_is_written"], words)
    for sound in (pcm16(), spoken, written):
        heard = await names["hear"](sound)
        assert word_error_rate(CLIP.text, heard[-1]["text"]) < 0.15
        assert heard[-1]["message_type"] == "committed_transcript"
    text = await asyncio.to_thread(names["transcribe"], str(CLIP.path))
    assert word_error_rate(CLIP.text, text) == 0


def test_the_page_names_all_that_elevenlabs_dialect_refuses() -> None:
    section = PAGE.split("\n## ElevenLabs\n")[1].split("\n## ")[0]
    assert [name for name in recording.NOT_GIVEN if f"`{name}`" not in section] == []


async def test_assemblyais_other_snippet_hears_turns(bench: Bench) -> None:
    turns = await names_of("AssemblyAI", bench, 2)["hear"](pcm16())
    assert word_error_rate(CLIP.text, " ".join(turn.transcript for turn in turns)) == 0


def test_the_page_names_all_that_assemblyais_dialect_refuses() -> None:
    section = PAGE.split("\n## AssemblyAI\n")[1].split("\n## ")[0]
    assert [name for name in (*NOT_GIVEN, *ALWAYS_ON) if f"`{name}`" not in section] == []


def test_googles_snippets_hear(bench: Bench) -> None:
    names = names_of("Google Cloud Speech-to-Text", bench)
    answer = names["recognize"](pcm16())
    said = " ".join(result.alternatives[0].transcript for result in answer.results)
    assert word_error_rate(CLIP.text, said) == 0
    sound = pcm16()
    answers = list(names["stream"](sound[at : at + 3_200] for at in range(0, len(sound), 3_200)))
    finals = [result for answer in answers for result in answer.results if result.is_final]
    said = " ".join(result.alternatives[0].transcript for result in finals)
    assert word_error_rate(CLIP.text, said) == 0


async def test_amazons_snippet_hears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tls_server(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))
        code = snippet("Amazon Transcribe").replace("8443", str(server.port)).replace("KEY", KEY)
        names: dict[str, Any] = {}
        exec(code, names)
        results = await names["hear"](pcm16())
    finals = [one.alternatives[0].transcript for one in results if not one.is_partial]
    assert word_error_rate(CLIP.text, " ".join(finals)) == 0


def test_the_plugin_serves_a_strangers_tests(tmp_path: Path) -> None:
    heading = "In another project's tests"
    (tmp_path / "test_product.py").write_text(snippet(heading))
    settings = snippet(heading, "ini")
    (tmp_path / "pytest.ini").write_text(settings)
    (tmp_path / "recording.wav").write_bytes(CLIP.path.read_bytes())
    lab = Path(sys.executable).with_name("lab")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:nbval", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        cwd=tmp_path,
        env={**os.environ, "LAB": str(lab)},
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_openmeter(bench: Bench) -> None:
    names = names_of("OpenMeter", bench)
    for id in ("1", "2", "2"):
        names["tell"](id, "0.25")
    assert names["total"]() == 0.5
    assert names["total"]("nobody") == 0


def test_stripe(bench: Bench) -> None:
    names = names_of("Stripe", bench)
    names["tell"]("1", 250)
    names["tell"]("2", 300)
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        names["tell"]("2", 300)
    now = int(time.time())
    assert names["total"](now - 60, now) == 550
