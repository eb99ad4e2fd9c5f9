"""Follow a recipe, check the result against the manifest, keep it in the cache.

A real clip must match its SHA-256 to the bit. A synthesized one comes out of a neural network,
whose last bits depend on the processor and the runtime: where its SHA-256 differs, it must still
have the same length, begin and end where the manifest's does, and have the same level every 20 ms,
all within the tolerances below, or it is refused, because its word times would be wrong.
"""

import os
import tempfile
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from platformdirs import user_cache_path

from lab_kit.core.errors import DatasetError
from lab_kit.core.units import SAMPLE_RATE_HZ, percent
from lab_kit.datasets import sound
from lab_kit.datasets.clips import Clip, Kind, read_pcm
from lab_kit.datasets.manifest import ClipSpec, CutRecipe, SpeechPart, SpeechRecipe
from lab_kit.datasets.sound import Pcm
from lab_kit.models.store.store import ModelStore
from lab_kit.models.synthesizer import Synthesizer

DEBIAN_PREFIX = "debian:"
DEBIAN_FOLDERS = {
    # where that Debian package puts its LibriVox recordings
    "pocketsphinx-testdata": Path("/usr/share/pocketsphinx/test/data/librivox"),
}

# How far a synthesized clip may be from the manifest's where the bits differ. Speech is what lies
# above the noise bed by a clear margin. Words that all move by 40 ms break the share; a burst in
# the quiet breaks the other limit.
LEVEL_STEP_FRAMES = 2
SPEECH_ABOVE_DBFS = -48
MAX_LEVEL_DIFFERENCE_DB = 4
MIN_SHARE_WITHIN = 0.95
MAX_MOVED_STEPS = 1


def cache_folder() -> Path:
    """``LAB_DATASETS`` if set, else ``clips`` in the platform's user cache."""
    if folder := os.environ.get("LAB_DATASETS"):
        return Path(folder).expanduser()
    return user_cache_path("lab_kit") / "clips"


def load_clip(spec: ClipSpec, folder: Path) -> Clip:
    """The clip, from the cache if a good copy is there, else built.

    Raises:
        DatasetError: its source is not here, or what was built is not what the manifest promises.
        ModelStoreError: the recording has not been fetched.
    """
    path = folder / f"{spec.id}-{spec.sha256[:12]}.wav"
    if not _is_good(spec, path):
        pcm = build_pcm(spec.recipe)
        if difference := explain_difference(spec, pcm):
            raise _not_as_promised(spec, difference)
        _write_wav(path, pcm)
    return Clip(
        id=spec.id,
        text=spec.text,
        kind=spec.kind,
        duration_s=spec.n_samples / SAMPLE_RATE_HZ,
        sample_rate_hz=SAMPLE_RATE_HZ,
        words=spec.words,
        source=spec.source,
        licence=spec.licence,
        sha256=spec.sha256,
        how_made=spec.how_made,
        is_held_out=spec.is_held_out,
        path=path,
    )


def build_pcm(recipe: CutRecipe | SpeechRecipe) -> Pcm:
    """Follow one recipe: (samples,) int16 at 16 kHz."""
    if isinstance(recipe, CutRecipe):
        return _cut(recipe)
    return _speak(recipe)


def read_recording(name: str) -> Pcm:
    """A recording by its name in a recipe: (samples,) int16 at 16 kHz.

    Raises:
        DatasetError: the Debian package that carries it is not installed.
        ModelStoreError: it has not been fetched into the store.
    """
    if name.startswith(DEBIAN_PREFIX):
        return read_pcm(_debian_path(name))
    return _read_from_store(name)


def is_available(spec: ClipSpec) -> bool:
    """False only where the clip comes from a Debian package that is not installed."""
    name = spec.recipe.recording if isinstance(spec.recipe, CutRecipe) else ""
    if not name.startswith(DEBIAN_PREFIX):
        return True
    package, file_name = name.removeprefix(DEBIAN_PREFIX).split("/")
    return (DEBIAN_FOLDERS[package] / file_name).is_file()


def spoken_part(part: SpeechPart, recipe: SpeechRecipe) -> Pcm:
    """One part in the synthesizer's voice: (samples,) int16 at 16 kHz."""
    return _spoken(part.text, recipe.seed, recipe.speed)[part.from_sample : part.to_sample]


def pcm_sha256(pcm: Pcm) -> str:
    """Hexadecimal SHA-256 of the samples as little-endian 16-bit PCM."""
    return sha256(pcm.astype("<i2").tobytes()).hexdigest()


def levels_db(pcm: Pcm) -> tuple[int, ...]:
    """Level of each 20 ms in whole dB below full scale: what a synthesized clip is compared by."""
    step = sound.frame_levels_dbfs(pcm)
    whole = len(step) // LEVEL_STEP_FRAMES * LEVEL_STEP_FRAMES
    return tuple(round(level) for level in step[:whole].reshape(-1, LEVEL_STEP_FRAMES).max(1))


def explain_difference(spec: ClipSpec, pcm: Pcm) -> str | None:
    """What separates a built clip from the manifest's; None if nothing that matters does."""
    if len(pcm) != spec.n_samples:
        return f"{len(pcm)} samples instead of {spec.n_samples}"
    digest = pcm_sha256(pcm)
    if digest == spec.sha256:
        return None
    if spec.kind is Kind.REAL:
        return f"SHA-256 {digest} instead of {spec.sha256}"
    return _explain_levels(np.array(spec.levels), np.array(levels_db(pcm)))


def _explain_levels(expected: NDArray[np.int64], got: NDArray[np.int64]) -> str | None:
    is_speech, is_speech_here = expected > SPEECH_ABOVE_DBFS, got > SPEECH_ABOVE_DBFS
    if not is_speech_here.any():
        return "it holds no speech"
    moved = np.abs(_first_and_last(is_speech) - _first_and_last(is_speech_here)).max()
    if moved > MAX_MOVED_STEPS:
        return f"its speech begins or ends {moved * 20} ms off"
    is_within = np.abs(expected - got) <= MAX_LEVEL_DIFFERENCE_DB
    share = float(is_within[is_speech | is_speech_here].mean())
    if share >= MIN_SHARE_WITHIN:
        return None
    return (
        f"its level is within {MAX_LEVEL_DIFFERENCE_DB} dB of the manifest's for {percent(share)} "
        f"of its speech instead of {percent(MIN_SHARE_WITHIN)}"
    )


def _first_and_last(is_speech: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.flatnonzero(is_speech)[[0, -1]]


def _is_good(spec: ClipSpec, path: Path) -> bool:
    try:
        return path.is_file() and explain_difference(spec, read_pcm(path)) is None
    except soundfile.LibsndfileError:
        return False  # a damaged cache file is simply made again


def _cut(recipe: CutRecipe) -> Pcm:
    recording = read_recording(recipe.recording)
    tone = recording[recipe.tone_from_sample : recipe.tone_to_sample]
    fade = recipe.fade_samples
    clip = recording[recipe.from_sample : recipe.to_sample]
    if recipe.lead_samples:
        lead = sound.room_tone(tone, recipe.lead_samples + fade, fade)
        clip = sound.crossfade(lead, clip, fade)
    if recipe.tail_samples:
        tail = sound.room_tone(tone, recipe.tail_samples + fade, fade)
        clip = sound.crossfade(clip, tail, fade)
    return clip


def _speak(recipe: SpeechRecipe) -> Pcm:
    pieces = [np.zeros(recipe.lead_samples, np.int16)]
    for index, part in enumerate(recipe.parts):
        if index:
            pieces.append(np.zeros(recipe.pause_samples, np.int16))
        pieces.append(spoken_part(part, recipe))
    pieces.append(np.zeros(recipe.tail_samples, np.int16))
    speech = np.concatenate(pieces)
    return sound.mix(speech, sound.low_noise(len(speech), recipe.noise_peak, recipe.noise_seed))


@lru_cache(maxsize=8)
def _spoken(text: str, seed: int, speed: float) -> Pcm:
    speech = _synthesizer().speak(text, seed=seed, speed=speed)
    resampled = soxr.resample(speech.samples, speech.sample_rate_hz, SAMPLE_RATE_HZ, quality="HQ")
    return sound.to_pcm(np.rint(resampled * 32_767).astype(np.int64))


@cache
def _synthesizer() -> Synthesizer:
    return Synthesizer()


@cache
def _read_from_store(name: str) -> Pcm:
    """Cached, because twenty clips are cut from one recording."""
    (path,) = ModelStore().path(name).paths.values()
    return sound.decimate_by_three(read_pcm(path))


def _debian_path(name: str) -> Path:
    package, file_name = name.removeprefix(DEBIAN_PREFIX).split("/")
    path = DEBIAN_FOLDERS[package] / file_name
    if not path.is_file():
        raise DatasetError(
            received=f"no {path}",
            expected=f"the recordings of the Debian package {package}",
            next_step=f"apt-get install {package}, or use the clips that need no package",
        )
    return path


def _write_wav(path: Path, pcm: Pcm) -> None:
    """Write beside the target and rename, so that a reader never sees half a clip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(suffix=".wav", dir=path.parent)
    os.close(handle)
    try:
        soundfile.write(temporary, pcm, SAMPLE_RATE_HZ, subtype="PCM_16")
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _not_as_promised(spec: ClipSpec, difference: str) -> DatasetError:
    return DatasetError(
        received=f"{spec.id}, built here, differs: {difference}",
        expected="the clip that the manifest's word times belong to",
        next_step="use the real clips, or measure this machine's own times: "
        "python datasets/build.py --align",
    )
