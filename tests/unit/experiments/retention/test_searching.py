"""What was left behind is found, in whatever form and wherever; and nothing else is."""

import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from lab_kit.audio.pcm import FloatArray, to_float, to_pcm16
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.experiments.retention import Kind, Mark, Places, Source, found_in, marks_of, told
from lab_kit.experiments.retention.places import PIECE_BYTES

KEY = "sk_live_nobodys"
IS_LINUX = sys.platform == "linux"


def sound() -> FloatArray:
    noise = np.random.default_rng(3).normal(0, 0.2, SAMPLE_RATE_HZ).clip(-1, 1)
    return to_float(to_pcm16(noise.astype(np.float32)), "linear16")


def marks() -> tuple[Mark, ...]:
    return marks_of(["Walrus", "café"], sound(), KEY)


def kinds(data: bytes) -> set[tuple[Kind, str]]:
    source = Source("a test", "here", (data,))
    return {(one.mark.kind, one.mark.form) for one in found_in(source, marks())}


@pytest.mark.parametrize(
    ("data", "kind", "form"),
    [
        (b"the WALRUS said", Kind.TEXT, "UTF-8"),
        (b'"caf\\u00e9"', Kind.TEXT, "JSON"),
        ("a walrus".encode("utf-16-le"), Kind.TEXT, "UTF-16"),
        ("a walrus".encode("utf-32-le"), Kind.TEXT, "UTF-32"),
        (KEY.encode(), Kind.KEY, "as it is"),
        (to_pcm16(sound()), Kind.WAVEFORM, "PCM16"),
        (sound().tobytes(), Kind.WAVEFORM, "float32"),
    ],
)
def test_every_form_is_found(data: bytes, kind: Kind, form: str) -> None:
    assert (kind, form) in kinds(b"before" + data + b"after")


@pytest.mark.parametrize("before_bytes", range(3))
def test_sound_in_base64_is_found_wherever_it_begins(before_bytes: int) -> None:
    encoded = b64encode(bytes(before_bytes) + to_pcm16(sound()))
    assert {kind for kind, _ in kinds(encoded)} == {Kind.WAVEFORM}


def test_other_sound_and_other_words_are_not_found() -> None:
    other = np.random.default_rng(4).normal(0, 0.2, SAMPLE_RATE_HZ).clip(-1, 1)
    data = to_pcm16(other.astype(np.float32)) + b"the seal said sk_live_somebodys" + bytes(10_000)
    assert kinds(data) == set()


def test_an_excerpt_shows_what_stands_around_and_never_a_key() -> None:
    (text,) = found_in(told("a log", "the walrus said"), marks())
    assert text.excerpt == "the walrus said"
    (key,) = found_in(told("a log", f"with {KEY}"), marks())
    assert KEY not in str(key)


def test_what_lies_across_two_pieces_of_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(PIECE_BYTES - 3) + b"walrus" + bytes(100))
    (found,) = on_disk_of(os.getpid(), tmp_path)
    assert found == ("walrus", 1)


def on_disk_of(pid: int, folder: Path) -> list[tuple[str, int]]:
    return [
        (found.mark.name, found.times)
        for source in Places(pid, (folder,)).on_disk()
        if str(folder) in source.owner
        for found in found_in(source, marks())
    ]


@pytest.mark.skipif(not IS_LINUX, reason="reads /proc")
def test_a_file_that_is_deleted_and_still_open_is_searched(tmp_path: Path) -> None:
    with (tmp_path / "gone").open("w+b") as file:
        file.write(b"walrus")
        file.flush()
        (tmp_path / "gone").unlink()
        assert on_disk_of(os.getpid(), tmp_path) == [("walrus", 1)]


@contextmanager
def process(line: str) -> Iterator[int]:
    """One that has done ``line``, and waits."""
    program = f"import sys; {line}; print('ready', flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdout.readline()
        yield child.pid
    finally:
        child.stdin.close()
        child.wait()
        child.stdout.close()


def in_memory_of(pid: int) -> set[str]:
    sources = Places(pid).in_memory()
    return {found.mark.name for source in sources for found in found_in(source, marks())}


@pytest.mark.skipif(not IS_LINUX, reason="reads /proc")
def test_what_a_process_holds_is_found_in_its_memory() -> None:
    # put together there, so that the program itself does not hold it
    with process("held = ['wal' + 'RUS'.lower() for _ in range(3)]") as pid:
        assert in_memory_of(pid) == {"walrus"}
    with process("held = ['sea' + 'lion'.lower() for _ in range(3)]") as pid:
        assert in_memory_of(pid) == set()


@pytest.mark.skipif(not IS_LINUX, reason="reads /proc")
def test_a_process_that_may_dump_its_memory_is_not_safe() -> None:
    limit = (
        "import resource; resource.setrlimit(resource.RLIMIT_CORE, ({}, resource.RLIM_INFINITY))"
    )
    with process("import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))") as pid:
        value = {one.name: one.value for one in Places(pid).settings()}["core dump"]
        assert value.startswith("limit 0,")
    with process(limit.format(1)) as pid:
        assert not {one.name: one.is_safe for one in Places(pid).settings()}["core dump"]


def test_a_process_that_is_not_there_is_not_called_clean() -> None:
    with pytest.raises(InvalidParameter, match="not proved"):
        list(Places(2**22).in_memory())
