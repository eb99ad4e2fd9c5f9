"""The reader gives what was written, and refuses everything else with a reason."""

import struct
from pathlib import Path

import numpy as np
import pytest
from tiny_whisper import file_bytes, name, variable

from lab_kit.core.errors import ModelStoreError
from lab_kit.models.whisper.ctranslate2_file import read_file

VARIABLES = {
    "a/weight": np.arange(6, dtype=np.float16).reshape(2, 3),
    "a/bias": np.array([-1.5, 2.5], np.float32),
    "a/heads": np.array(6, np.int16),
    "a/flag": np.array(1, np.int8),
    "a/count": np.array([7, 8], np.int32),
}
ALIASES = {"b/weight": "a/weight"}
WHOLE = file_bytes(VARIABLES, ALIASES)
ONE = struct.pack("<I", 1)
HEAD = struct.pack("<I", 6) + name("Spec") + struct.pack("<I", 3)


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(data)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    found = read_file(written(tmp_path, WHOLE))
    assert (found.specification, found.revision) == ("WhisperSpec", 3)
    assert found.aliases == ALIASES
    assert list(found.variables) == list(VARIABLES)
    for label, value in VARIABLES.items():
        np.testing.assert_array_equal(found.variables[label], value, strict=True)


def test_nothing_is_copied(tmp_path: Path) -> None:
    found = read_file(written(tmp_path, WHOLE))
    assert not found.variables["a/weight"].flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        found.variables["a/weight"][0, 0] = 1


def test_wherever_the_file_ends_early_it_is_refused(tmp_path: Path) -> None:
    for length in range(len(WHOLE)):
        with pytest.raises(ModelStoreError, match=r"model\.bin, byte \d+.*CTranslate2"):
            read_file(written(tmp_path, WHOLE[:length]))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "an empty file"),
        (WHOLE + b"x", "1 bytes after the last alias"),
        (file_bytes(VARIABLES, ALIASES, version=5), "version 5; expected: version 6"),
        (file_bytes(VARIABLES, {"a/bias": "a/weight"}), "alias a/bias"),
        (file_bytes(VARIABLES, {"b/bias": "a/other"}), "alias b/bias for a/other"),
        (HEAD + struct.pack("<I", 2) + 2 * variable("a", np.zeros(1, np.int8)), "a second var"),
        (HEAD + ONE + struct.pack("<H", 3) + b"abc", "a NUL closes"),
        (HEAD + ONE + struct.pack("<H", 3) + b"\xff\xfe\0", "readable text"),
        (
            HEAD + ONE + name("a") + struct.pack("<BIBI", 1, 1, 5, 2) + b"\0\0",
            r"type 5 for a; expected: one of 0 \(float32\)",
        ),
        (
            HEAD + ONE + name("a") + struct.pack("<BIBI", 1, 3, 4, 4) + b"\0" * 4,
            r"4 bytes for a; expected: 6, which \(3,\) float16 take",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ModelStoreError, match=reason):
        read_file(written(tmp_path, data))
