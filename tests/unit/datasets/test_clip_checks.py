"""A clip that is not what the manifest promises is refused; other last bits are not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lab_kit import datasets
from lab_kit.core.errors import DatasetError
from lab_kit.datasets import builder
from lab_kit.datasets.clips import Kind
from lab_kit.datasets.manifest import ClipSpec, manifest_path, read_manifest

SYNTHESIZED = "speech-book-table"


@pytest.fixture(scope="module")
def specs() -> dict[str, ClipSpec]:
    return read_manifest(manifest_path({}))


@pytest.fixture(scope="module")
def spoken(specs: dict[str, ClipSpec]) -> builder.Pcm:
    return builder.build_pcm(specs[SYNTHESIZED].recipe)


def test_other_last_bits_of_a_synthesized_clip_pass(
    specs: dict[str, ClipSpec], spoken: builder.Pcm
) -> None:
    other_bits = spoken + np.tile([1, -1], len(spoken))[: len(spoken)].astype(np.int16)
    assert builder.pcm_sha256(other_bits) != specs[SYNTHESIZED].sha256
    assert builder.explain_difference(specs[SYNTHESIZED], other_bits) is None


def test_other_last_bits_of_a_real_clip_do_not(
    specs: dict[str, ClipSpec], spoken: builder.Pcm
) -> None:
    real = replace(specs[SYNTHESIZED], kind=Kind.REAL, sha256=builder.pcm_sha256(spoken))
    assert builder.explain_difference(real, spoken) is None
    changed = spoken.copy()
    changed[1_000] += 1
    assert "SHA-256" in (builder.explain_difference(real, changed) or "")


@pytest.mark.parametrize("shift_s", [0.04, 0.1, -0.06])
def test_speech_at_another_time_is_refused(
    specs: dict[str, ClipSpec], spoken: builder.Pcm, shift_s: float
) -> None:
    shifted = np.roll(spoken, round(shift_s * 16_000))
    assert builder.explain_difference(specs[SYNTHESIZED], shifted)


def test_words_inside_at_another_time_are_refused(
    specs: dict[str, ClipSpec], spoken: builder.Pcm
) -> None:
    moved = spoken.copy()
    inner = slice(16_000, len(spoken) - 24_000)
    moved[inner] = np.roll(moved[inner], 640)  # 40 ms, with both ends where they were
    assert "level" in (builder.explain_difference(specs[SYNTHESIZED], moved) or "")


def test_a_burst_after_the_end_is_refused(specs: dict[str, ClipSpec], spoken: builder.Pcm) -> None:
    burst = spoken.copy()
    burst[-8_000:-7_600] = 3_000
    assert "ends" in (builder.explain_difference(specs[SYNTHESIZED], burst) or "")


def test_other_words_are_refused(specs: dict[str, ClipSpec], spoken: builder.Pcm) -> None:
    other = builder.build_pcm(specs["speech-change-address"].recipe)
    other = np.resize(other, len(spoken))
    assert builder.explain_difference(specs[SYNTHESIZED], other)


def test_silence_is_refused(specs: dict[str, ClipSpec], spoken: builder.Pcm) -> None:
    silence = np.zeros_like(spoken)
    assert "no speech" in (builder.explain_difference(specs[SYNTHESIZED], silence) or "")


def test_another_length_is_refused(specs: dict[str, ClipSpec], spoken: builder.Pcm) -> None:
    longer = np.append(spoken, np.int16(0))
    assert "samples instead of" in (builder.explain_difference(specs[SYNTHESIZED], longer) or "")


def test_a_wrong_build_is_an_error_and_leaves_no_file(
    specs: dict[str, ClipSpec], tmp_path: Path
) -> None:
    wrong = replace(specs[SYNTHESIZED], n_samples=7)
    with pytest.raises(DatasetError, match=r"build\.py --align"):
        builder.load_clip(wrong, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_cache_is_made_again(specs: dict[str, ClipSpec], tmp_path: Path) -> None:
    spec = specs[SYNTHESIZED]
    path = builder.load_clip(spec, tmp_path).path
    good = path.read_bytes()
    for damaged in (good[: len(good) // 2], b"not a WAV", good[:-2_000] + b"\x7f" * 2_000):
        path.write_bytes(damaged)
        assert builder.load_clip(spec, tmp_path).pcm16 == good[44:]


def test_without_the_debian_package(
    specs: dict[str, ClipSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(builder.DEBIAN_FOLDERS, "pocketsphinx-testdata", tmp_path)
    assert not builder.is_available(specs["sense-young-man"])
    with pytest.raises(DatasetError, match="apt-get install pocketsphinx-testdata"):
        builder.load_clip(specs["sense-young-man"], tmp_path)
    assert "needs debian:pocketsphinx-testdata" in datasets.table()


def test_an_unknown_clip_lists_the_known() -> None:
    with pytest.raises(DatasetError, match="two-cities-opening"):
        datasets.clip("three-cities")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "Expecting"),
        ("[]", "format 1"),
        (json.dumps({"format": 2, "clips": []}), "format 1"),
        (json.dumps({"format": 1, "clips": [{"id": "x"}]}), "KeyError"),
    ],
)
def test_a_manifest_that_cannot_be_read(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match=why):
        read_manifest(path)
    with pytest.raises(DatasetError, match="LAB_DATASETS_MANIFEST"):
        read_manifest(tmp_path / "absent.json")


def test_a_recipe_that_nobody_knows(tmp_path: Path) -> None:
    content = json.loads(manifest_path({}).read_text())
    content["clips"][0]["recipe"]["make"] = "dream"
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="dream"):
        read_manifest(path)


def test_manifest_can_be_elsewhere(tmp_path: Path) -> None:
    assert manifest_path({"LAB_DATASETS_MANIFEST": str(tmp_path / "m.json")}) == tmp_path / "m.json"
