"""The clips are what the manifest says: exact, quiet around the words, and said as written.

The ends are checked here by the level alone, with a rule of its own, so that a manifest whose
times slipped fails even if the aligner would agree with itself.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jiwer
import numpy as np
import pytest

from lab_kit import datasets
from lab_kit.datasets import Clip, Kind, builder, manifest, sound
from lab_kit.models.device import choose_device
from lab_kit.models.moonshine.model import END_TOKEN, Moonshine
from lab_kit.models.store.store import ModelStore

ROOT = Path(__file__).parents[2]
MANIFEST = json.loads((ROOT / "datasets" / "manifest.json").read_text(encoding="utf-8"))
RECIPES = json.loads((ROOT / "datasets" / "recipes.json").read_text(encoding="utf-8"))
ENTRIES = {entry["id"]: entry for entry in MANIFEST["clips"]}
HAS_DEBIAN_CLIPS = all(
    builder.is_available(spec) for spec in manifest.read_manifest(manifest.manifest_path()).values()
)
needs_debian_clips = pytest.mark.skipif(
    not HAS_DEBIAN_CLIPS, reason="apt-get install pocketsphinx-testdata"
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Clip]]:
    """Every clip, built afresh."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_DATASETS", str(tmp_path_factory.mktemp("clips")))
        yield {clip.id: clip for clip in datasets.clips()}


def test_real_clips_are_exact(clips: dict[str, Clip]) -> None:
    real = [clip for clip in clips.values() if clip.kind is Kind.REAL]
    assert len(real) >= 22
    for clip in real:
        assert builder.pcm_sha256(builder.read_pcm(clip.path)) == clip.sha256, clip.id
        assert len(clip.samples) == round(clip.duration_s * 16_000)


@needs_debian_clips
def test_twenty_real_utterances_are_held_out(clips: dict[str, Clip]) -> None:
    held_out = [clip for clip in clips.values() if clip.is_held_out]
    assert len(held_out) == 20
    assert {clip.kind for clip in held_out} == {Kind.REAL}
    shown = clips["two-cities-opening"].text
    for clip in held_out:
        assert len(clip.utterances(0.2)) == 1, f"{clip.id} is more than one utterance"
        assert clip.text not in shown


def test_every_word_of_the_text_has_its_time(clips: dict[str, Clip]) -> None:
    for clip in clips.values():
        assert [word.text for word in clip.words] == re.findall(r"\S*\w\S*", clip.text), clip.id
        times = [time for word in clip.words for time in (word.start_s, word.end_s)]
        assert times == sorted(times), clip.id
        assert 0 < times[0] < times[-1] < clip.duration_s


def test_there_is_quiet_around_the_words(clips: dict[str, Clip]) -> None:
    for clip in clips.values():
        assert clip.words[0].start_s >= 0.3, clip.id
        assert clip.duration_s - clip.words[-1].end_s >= 1.0, clip.id
        assert np.abs(clip.samples[:4_000]).max() > 0, f"{clip.id} begins in digital silence"


def test_speech_ends_and_begins_where_the_manifest_says(clips: dict[str, Clip]) -> None:
    """Loud just inside the borders; just outside them quiet, plainly or but for hum."""
    for clip in clips.values():
        plain, bright = _levels_below_speech(clip)
        for utterance in clip.utterances(0.25):
            onset, end = round(utterance.start_s * 100), round(utterance.end_s * 100)
            where = f"{clip.id}: {utterance.text!r}"
            assert bright[onset : onset + 10].max() > -25, f"{where} begins late"
            assert _is_quiet(plain, bright, slice(onset - 12, onset - 3)), f"{where} begins early"
            assert bright[end - 12 : end + 1].max() > -32, f"{where} ends late"
            assert _is_quiet(plain, bright, slice(end + 5, end + 17)), f"{where} ends early"


def _levels_below_speech(clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    """Levels every 10 ms against the clip's loud speech: as they are, and without hum."""
    pcm = builder.read_pcm(clip.path).astype(np.int32)
    brighter = np.clip(np.diff(pcm, prepend=0), -32_768, 32_767)
    both = [sound.frame_levels_dbfs(track.astype(np.int16)) for track in (pcm, brighter)]
    return both[0] - np.percentile(both[0], 95), both[1] - np.percentile(both[1], 95)


def _is_quiet(plain: np.ndarray, bright: np.ndarray, where: slice) -> bool:
    return bool(min(np.median(plain[where]), np.median(bright[where])) < -22)


def test_aligner_and_level_agree_or_the_manifest_says_who_was_followed() -> None:
    for entry in ENTRIES.values():
        for opinion in entry["alignment"]:
            for border in ("onset", "end"):
                apart_s = abs(opinion[f"aligner_{border}_s"] - opinion[f"energy_{border}_s"])
                followed = opinion[f"{border}_rule"]
                assert followed == ("energy" if apart_s > 0.0301 else "aligner"), entry["id"]
                assert apart_s < 0.1, f"{entry['id']}: {apart_s:.2f} s apart, listen to it"
        last = entry["alignment"][-1]
        assert entry["words"][-1][2] == pytest.approx(last[f"{last['end_rule']}_end_s"], abs=0.002)


def test_the_manifest_holds_what_the_recipes_ask_for() -> None:
    texts = {entry["text"] for entry in ENTRIES.values()}
    for recording in RECIPES["recordings"]:
        for phrase in recording["phrases"]:
            assert phrase["text"] in texts
    for speech in RECIPES["speech"]:
        assert ENTRIES[f"speech-{speech['id']}"]["text"] == " ".join(speech["parts"])


def test_pauses_are_as_long_as_the_recipe_says(clips: dict[str, Clip]) -> None:
    first, second = clips["speech-password"].utterances(0.4)
    assert second.start_s - first.end_s == pytest.approx(0.6, abs=0.05)


@pytest.mark.timeout(120)
def test_what_is_heard_is_what_is_written(clips: dict[str, Clip]) -> None:
    """The lab's recognizer, which knows nothing of the texts, hears them almost word for word."""
    model = Moonshine(ModelStore().path("moonshine-tiny-en").paths, choose_device())
    short = [clip for clip in clips.values() if clip.duration_s < 15]
    texts = [_bare(clip.text) for clip in short]
    heard = [_bare(_transcribe(model, clip)) for clip in short]
    rates = {clip.id: jiwer.wer(*pair) for clip, *pair in zip(short, texts, heard, strict=True)}
    assert jiwer.wer(texts, heard) < 0.06, rates
    assert sum(rate > 0.3 for rate in rates.values()) <= 1, rates


def _transcribe(model: Moonshine, clip: Clip) -> str:
    ((choice,),), batch = model.prefill([model.encode(clip.samples)])
    tokens = [choice.token]
    while tokens[-1] != END_TOKEN and len(tokens) < model.token_limit(len(clip.samples)):
        tokens.append(model.step(batch, tokens[-1:])[0].token)
    return model.text(tokens)


def _bare(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s']", " ", text.lower()).split())


@pytest.mark.timeout(120)
def test_aligning_again_gives_the_committed_times() -> None:
    """Two clips, measured from the sound with the same code that wrote the manifest."""
    pytest.importorskip("pocketsphinx")
    script = (
        "import json, sys; sys.path.insert(0, 'datasets'); from measure import measure_all\n"
        "recipes = json.load(open('datasets/recipes.json', encoding='utf-8'))\n"
        "recipes['recordings'][0]['phrases'] = recipes['recordings'][0]['phrases'][:3]\n"
        "recipes['recordings'][0]['clips'] = []; recipes['recordings'][1]['phrases'] = []\n"
        "recipes['speech'] = recipes['speech'][:1]\n"
        "print(json.dumps(list(measure_all(recipes))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    again = {entry["id"]: entry for entry in json.loads(done.stdout)}
    for clip_id in ("two-cities-best", "two-cities-worst", "speech-yes"):
        for word, (text, start_s, end_s) in zip(
            again[clip_id]["words"], ENTRIES[clip_id]["words"], strict=True
        ):
            # another processor may round a frame the other way
            assert word == [text, pytest.approx(start_s, abs=0.02), pytest.approx(end_s, abs=0.02)]


def test_build_script_builds_all_and_is_quick_when_they_are_there(tmp_path: Path) -> None:
    environ = {**os.environ, "LAB_DATASETS": str(tmp_path)}
    command = [sys.executable, str(ROOT / "datasets" / "build.py")]
    for _ in range(2):
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        assert len(done.stdout.splitlines()) == len(ENTRIES)
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    subprocess.run(command, env=environ, check=True, capture_output=True)
    assert times == {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
