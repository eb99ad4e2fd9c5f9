"""Audio files and forms by mutation, sent to the two ways in for recordings."""

import io
import random
import struct
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import soundfile
from attempts import Attempt, Kind, Outcome, Target
from mutation import EXTREMES, mutated
from wire import asked, post

from lab_kit import datasets

TRANSCRIBE, FORM = "/v1/audio:transcribe", "/v1/audio/transcriptions"
CLIP = "two-cities-best"
FILES = {"wav": ("WAV", "PCM_16"), "float": ("WAV", "FLOAT"), "flac": ("FLAC", "PCM_16")}
FILES |= {"ogg": ("OGG", "OPUS")}
BOMB_S, BOMB_HZ, BOMB_CHANNELS = 60, 96_000, 8
"""A minute of silence: 47 kB of FLAC, 92 MB as 16-bit samples, 2 GB per megabyte of upload."""
PARTS = 5_000
"""Of a form that means ten of them; reading as many takes a parser in Python seconds."""
BOUNDARY = b"boundary"
FORM_KIND = f"multipart/form-data; boundary={BOUNDARY.decode()}"
WAV_FIELDS = ((4, "<I"), (16, "<I"), (20, "<H"), (22, "<H"), (24, "<I"), (28, "<I"), (32, "<H"))
WAV_FIELDS += ((34, "<H"), (40, "<I"))
"""Places in a WAV's head: sizes, format, channels, rates, bits, the data's length."""
FORM_FIELDS = ("model", "response_format", "stream", "temperature", "timestamp_granularities[]")


@cache
def file(name: str) -> bytes:
    """Speech in a container."""
    kind, subtype = FILES[name]
    written = io.BytesIO()
    samples = datasets.clip(CLIP).samples
    soundfile.write(written, samples, 16_000, format=kind, subtype=subtype)
    return written.getvalue()


@cache
def bomb() -> bytes:
    """A small file that holds much."""
    written = io.BytesIO()
    second = np.zeros((BOMB_HZ, BOMB_CHANNELS), np.int16)
    with soundfile.SoundFile(
        written, "w", BOMB_HZ, BOMB_CHANNELS, subtype="PCM_16", format="FLAC"
    ) as sound:
        for _ in range(BOMB_S):
            sound.write(second)
    return written.getvalue()


def form(parts: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Parts, each a disposition's rest and a content, as multipart/form-data."""
    lines = (
        b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (BOUNDARY, rest, content)
        for rest, content in parts
    )
    return b"".join(lines) + b"--%s--\r\n" % BOUNDARY


def _upload(make: Callable[[random.Random], bytes]) -> Attempt:
    async def attempt(target: Target, chance: random.Random) -> Sequence[Outcome]:
        kind = chance.choice(
            ("audio/wav", "audio/l16;rate=8000", "", "audio/l16;rate=x;channels=0")
        )
        return await asked(target, post(target, TRANSCRIBE, kind, make(chance)))

    return attempt


async def _bomb(target: Target, chance: random.Random) -> Sequence[Outcome]:
    return await asked(target, post(target, TRANSCRIBE, "audio/flac", bomb()))


def _form(make: Callable[[random.Random], bytes]) -> Attempt:
    async def attempt(target: Target, chance: random.Random) -> Sequence[Outcome]:
        return await asked(target, post(target, FORM, FORM_KIND, make(chance)))

    return attempt


def _mutated(chance: random.Random) -> bytes:
    return mutated(chance, file(chance.choice(sorted(FILES))))


def _wav_head(chance: random.Random) -> bytes:
    """A WAV whose head says something else about it."""
    data = bytearray(file(chance.choice(("wav", "float"))))
    at, width = chance.choice(WAV_FIELDS)
    size = struct.calcsize(width)
    odd = (*(e[:size] for e in EXTREMES[:3]), chance.randbytes(size), struct.pack(width, 1))
    data[at : at + size] = chance.choice(odd)
    return bytes(data)


def _fields(chance: random.Random) -> bytes:
    """A form with strange values beside a file."""
    odd = (b"", b"\xff", b"verbose_json", b"true", b"1e999", b"-1", b"word", b"x" * 70_000)
    parts = [(b'name="file"; filename="a.wav"', _mutated(chance))]
    parts += [(b'name="%s"' % name.encode(), chance.choice(odd)) for name in FORM_FIELDS]
    chance.shuffle(parts)
    return mutated(chance, form(parts)) if chance.random() < 0.5 else form(parts)


async def _many_parts(target: Target, chance: random.Random) -> Sequence[Outcome]:
    """A good file among very many parts: refused, rather than all of them read."""
    parts = [(b'name="file"; filename="a.wav"', file("wav")), (b'name="model"', b"whisper-1")]
    parts += [(b'name="p%d"' % number, b"") for number in range(PARTS)]
    chance.shuffle(parts)
    outcomes = await asked(target, post(target, FORM, FORM_KIND, form(parts)))
    return [
        Outcome("taken", f"the server read {PARTS:,} parts") if one.answer == "200" else one
        for one in outcomes
    ]


KIND = Kind(
    {
        "mutated file": _upload(_mutated),
        "WAV head": _upload(_wav_head),
        "bomb": _bomb,
        "form with a mutated file": _form(_fields),
        "form of many parts": _many_parts,
    },
    at_once=3,
)
