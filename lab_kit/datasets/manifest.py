"""The manifest: what clips there are, how each is made, and what it must turn out to be.

``datasets/manifest.json`` is written by ``datasets/build.py --align`` and read here. Nothing in it
is executed: a recipe is data that ``builder`` knows how to follow.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab_kit.core.errors import DatasetError
from lab_kit.datasets.clips import Kind, Word

FORMAT = 1


@dataclass(frozen=True, slots=True)
class CutRecipe:
    """A stretch of a recording, with the recording's own room tone added where it is short.

    Args:
        recording: a catalog name, or ``debian:PACKAGE/FILE``.
        from_sample: first sample of the stretch, at 16 kHz.
        to_sample: one past its last.
        lead_samples: room tone put before it.
        tail_samples: room tone put after it.
        tone_from_sample: first sample of the recording's room tone.
        tone_to_sample: one past its last.
        fade_samples: length of each crossfade.
    """

    recording: str
    from_sample: int
    to_sample: int
    lead_samples: int
    tail_samples: int
    tone_from_sample: int
    tone_to_sample: int
    fade_samples: int


@dataclass(frozen=True, slots=True)
class SpeechPart:
    """One stretch of synthesized speech.

    Args:
        text: what is said.
        from_sample: first sample kept of what the voice makes of it, at 16 kHz.
        to_sample: one past the last kept; None keeps all.
    """

    text: str
    from_sample: int
    to_sample: int | None


@dataclass(frozen=True, slots=True)
class SpeechRecipe:
    """Sentences of our own, spoken by the local synthesizer over a bed of low noise.

    Args:
        parts: what is said, one stretch after the other.
        pause_samples: quiet between two parts, at 16 kHz.
        lead_samples: quiet before the first.
        tail_samples: quiet after the last.
        seed: of the voice.
        speed: of the voice; 1.0 is its own pace.
        noise_peak: of the bed, in steps of 16 bits.
        noise_seed: of the bed.
    """

    parts: tuple[SpeechPart, ...]
    pause_samples: int
    lead_samples: int
    tail_samples: int
    seed: int
    speed: float
    noise_peak: int
    noise_seed: int


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """One entry of the manifest.

    Args:
        id, text, kind, source, licence, how_made, words, sha256, is_held_out: as in ``Clip``.
        n_samples: length at 16 kHz.
        recipe: how it is made.
        levels: for a synthesized clip, its level every 20 ms in dB below full scale; else empty.
    """

    id: str
    text: str
    kind: Kind
    n_samples: int
    words: tuple[Word, ...]
    source: str
    licence: str
    how_made: str
    sha256: str
    is_held_out: bool
    recipe: CutRecipe | SpeechRecipe
    levels: tuple[int, ...]


def manifest_path(environ: Mapping[str, str] = os.environ) -> Path:
    """``LAB_DATASETS_MANIFEST`` if set, else ``datasets/manifest.json`` beside the package."""
    if path := environ.get("LAB_DATASETS_MANIFEST"):
        return Path(path).expanduser()
    return Path(__file__).parents[2] / "datasets" / "manifest.json"


def read_manifest(path: Path) -> dict[str, ClipSpec]:
    """Read the manifest: clip id to entry, in the file's order.

    Raises:
        DatasetError: no such file, not JSON, another format, or an entry that lacks something.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _unreadable(path, f"not a manifest of format {FORMAT}")
    try:
        return {spec.id: spec for spec in map(_spec, content["clips"])}
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, f"{type(error).__name__}: {error}") from error


def _spec(entry: Mapping[str, Any]) -> ClipSpec:
    return ClipSpec(
        id=entry["id"],
        text=entry["text"],
        kind=Kind(entry["kind"]),
        n_samples=entry["n_samples"],
        words=tuple(Word(text, start_s, end_s) for text, start_s, end_s in entry["words"]),
        source=entry["source"],
        licence=entry["licence"],
        how_made=entry["how_made"],
        sha256=entry["sha256"],
        is_held_out=entry["is_held_out"],
        recipe=_recipe(entry["recipe"]),
        levels=tuple(entry.get("levels", ())),
    )


def _recipe(entry: Mapping[str, Any]) -> CutRecipe | SpeechRecipe:
    fields = {name: value for name, value in entry.items() if name != "make"}
    match entry["make"]:
        case "cut":
            return CutRecipe(**fields)
        case "speech":
            parts = tuple(SpeechPart(**part) for part in fields["parts"])
            return SpeechRecipe(**fields | {"parts": parts})
        case other:
            raise ValueError(f"unknown recipe {other!r}")


def _unreadable(path: Path, why: str) -> DatasetError:
    return DatasetError(
        received=f"{path}: {why}",
        expected="the manifest that comes with the lab",
        next_step="git checkout datasets/manifest.json, or set LAB_DATASETS_MANIFEST",
    )
