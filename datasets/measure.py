"""From ``recipes.json`` to the manifest's entries: cut, speak, time the words, hash.

Phrases are timed once, in the recording's own time; every clip cut from it inherits those times
shifted, so a phrase has the same truth in whichever clip it is heard.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from align import Aligned, Quiet, align, quiet_of, quietest_stretch

from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import builder
from lab_kit.datasets.manifest import CutRecipe, SpeechPart, SpeechRecipe
from lab_kit.datasets.sound import Pcm, low_noise

# What every single-utterance clip has: enough quiet before for a VAD to settle and for pre-roll,
# enough after for endpointing at 1 s.
MIN_LEAD_S = 0.30
LEAD_S = 0.40
TAIL_S = 1.20
# Nothing of the neighbouring phrase is taken along.
CLEAR_OF_NEIGHBOUR_S = 0.04
FADE_SAMPLES = 480
SENSE_TONE_S = 0.15
# Quiet that the aligner is given on either side of a spoken part.
MARGIN_SAMPLES = 4_800
# The bed under synthesized speech: white noise of ±57 steps is -60 dBFS, as quiet as the recording.
NOISE_PEAK = 57
NOISE_DBFS = -60.0
# What is kept of the voice's own quiet around a part, so that pauses are as long as they should be.
KEPT_S = 0.10


@dataclass(frozen=True, slots=True)
class Phrase:
    """A timed phrase of a recording; all times in the recording's seconds."""

    id: str
    text: str
    aligned: Aligned
    offset_s: float

    @property
    def onset_s(self) -> float:
        """Where its first word begins."""
        return self.offset_s + self.aligned.words[0].start_s

    @property
    def end_s(self) -> float:
        """Where its last word ends."""
        return self.offset_s + self.aligned.words[-1].end_s


def measure_all(recipes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every clip's manifest entry."""
    two_cities, sense = recipes["recordings"]
    yield from _two_cities(two_cities)
    for phrase in sense["phrases"]:
        yield _sense(sense, phrase)
    for number, recipe in enumerate(recipes["speech"]):
        yield _speech(recipe, number)


def _two_cities(group: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    pcm = builder.read_recording(group["recording"])
    tone = _samples(group["tone_s"])
    quiet = quiet_of(pcm[slice(*tone)])
    phrases = [_phrase(pcm, phrase, quiet) for phrase in group["phrases"]]
    for clip in group["clips"]:
        yield _cut_clip(group, clip["id"], pcm, tone, phrases, clip["phrases"],
                        is_whole=clip.get("is_whole", False), is_held_out=False)  # fmt: skip
    for number, phrase in enumerate(phrases):
        yield _cut_clip(group, f"two-cities-{phrase.id}", pcm, tone, phrases, (number, number + 1),
                        is_whole=False,
                        is_held_out=number >= group["held_out_from_phrase"])  # fmt: skip


def _phrase(pcm: Pcm, phrase: Mapping[str, Any], quiet: Quiet) -> Phrase:
    first, last = _samples(phrase["window_s"])
    aligned = align(pcm[first:last], phrase["text"], quiet, phrase.get("spoken", {}))
    return Phrase(phrase["id"], phrase["text"], aligned, first / SAMPLE_RATE_HZ)


def _sense(group: Mapping[str, Any], phrase: Mapping[str, Any]) -> dict[str, Any]:
    recording = group["recording"].format(phrase["file"])
    pcm = builder.read_recording(recording)
    tone = quietest_stretch(pcm, SENSE_TONE_S)
    quiet = quiet_of(pcm[slice(*tone)])
    aligned = align(pcm, phrase["text"], quiet, phrase.get("spoken", {}))
    timed = [Phrase(phrase["id"], phrase["text"], aligned, 0.0)]
    return _cut_clip(group | {"recording": recording}, f"sense-{phrase['id']}", pcm, tone, timed,
                     (0, 1), is_whole=False, is_held_out=True)  # fmt: skip


def _cut_clip(
    group: Mapping[str, Any], clip_id: str, pcm: Pcm, tone: tuple[int, int],
    phrases: Sequence[Phrase], which: Sequence[int], *, is_whole: bool, is_held_out: bool,
) -> dict[str, Any]:  # fmt: skip
    taken = phrases[which[0] : which[1]]
    recipe = _cut_recipe(group["recording"], pcm, tone, phrases, which, is_whole)
    shift_s = (recipe.lead_samples - recipe.from_sample) / SAMPLE_RATE_HZ
    return _entry(
        clip_id, " ".join(phrase.text for phrase in taken), "real", recipe,
        [(phrase.aligned, phrase.offset_s + shift_s) for phrase in taken],
        source=group["source"], licence=group["licence"],
        how_made=_how_cut(group["recording"], recipe), is_held_out=is_held_out,
    )  # fmt: skip


def _cut_recipe(
    recording: str, pcm: Pcm, tone: tuple[int, int], phrases: Sequence[Phrase],
    which: Sequence[int], is_whole: bool,
) -> CutRecipe:  # fmt: skip
    first, last = phrases[which[0]], phrases[which[1] - 1]
    if is_whole:
        return CutRecipe(recording, 0, len(pcm), 0, 0, *tone, FADE_SAMPLES)
    free_from_s = phrases[which[0] - 1].end_s + CLEAR_OF_NEIGHBOUR_S if which[0] else 0.0
    free_to_s = len(pcm) / SAMPLE_RATE_HZ
    if which[1] < len(phrases):
        free_to_s = phrases[which[1]].onset_s - CLEAR_OF_NEIGHBOUR_S
    from_s = max(free_from_s, first.onset_s - LEAD_S)
    to_s = min(free_to_s, last.end_s + TAIL_S)
    has_lead = first.onset_s - from_s >= MIN_LEAD_S
    lead_s = 0.0 if has_lead else LEAD_S - (first.onset_s - from_s)
    tail_s = last.end_s + TAIL_S - to_s
    return CutRecipe(recording, *_samples((from_s, to_s, lead_s, tail_s)), *tone, FADE_SAMPLES)


def _how_cut(recording: str, recipe: CutRecipe) -> str:
    start_s, stop_s = recipe.from_sample / SAMPLE_RATE_HZ, recipe.to_sample / SAMPLE_RATE_HZ
    added = [
        f"{samples / SAMPLE_RATE_HZ:.2f} s of the recording's own room tone put {where}"
        for samples, where in ((recipe.lead_samples, "before"), (recipe.tail_samples, "after"))
        if samples
    ]
    rate = "at its own 16 kHz" if recording.startswith("debian:") else "48 kHz to 16 kHz"
    joined = "; ".join([f"{start_s:.2f} s to {stop_s:.2f} s of the recording, {rate}", *added])
    return f"{joined}{', repeated with crossfades' if added else ''}."


def _speech(plan: Mapping[str, Any], number: int) -> dict[str, Any]:
    spoken = plan.get("spoken", {})
    whole = SpeechRecipe(
        parts=tuple(SpeechPart(text, 0, None) for text in plan["parts"]),
        pause_samples=MARGIN_SAMPLES, lead_samples=MARGIN_SAMPLES, tail_samples=MARGIN_SAMPLES,
        seed=0, speed=plan.get("speed", 1.0), noise_peak=NOISE_PEAK, noise_seed=number,
    )  # fmt: skip
    recipe = replace(
        whole,
        parts=tuple(_trimmed(whole, part, spoken) for part in whole.parts),
        pause_samples=_to_samples(max(plan.get("pause_s", 0.0) - 2 * KEPT_S, 0.0)),
        lead_samples=_to_samples(LEAD_S - KEPT_S),
        tail_samples=_to_samples(TAIL_S - KEPT_S),
    )
    return _entry(
        f"speech-{plan['id']}", " ".join(plan["parts"]), "synthesized", recipe,
        _time_parts(recipe, spoken), is_held_out=False,
        source="hibari-tts 0.2.1, voice heart",
        licence="our own text, synthesized here with hibari (Apache-2.0)",
        how_made=f"Synthesized at speed {recipe.speed}, 24 kHz to 16 kHz, over a bed of white "
        f"noise at {NOISE_DBFS:.0f} dBFS.",
    )  # fmt: skip


def _trimmed(whole: SpeechRecipe, part: SpeechPart, spoken: Mapping[str, str]) -> SpeechPart:
    """The part without the quiet that the voice puts around it, but for ``KEPT_S``."""
    ((aligned, shift_s),) = _time_parts(replace(whole, parts=(part,)), spoken)
    lead_s = whole.lead_samples / SAMPLE_RATE_HZ
    first_s = aligned.words[0].start_s + shift_s - lead_s - KEPT_S
    last_s = aligned.words[-1].end_s + shift_s - lead_s + KEPT_S
    return SpeechPart(part.text, max(_to_samples(first_s), 0), _to_samples(last_s))


def _time_parts(recipe: SpeechRecipe, spoken: Mapping[str, str]) -> list[tuple[Aligned, float]]:
    """Align each part by itself, with what quiet there is on either side."""
    pcm = builder.build_pcm(recipe)
    quiet = quiet_of(low_noise(SAMPLE_RATE_HZ, recipe.noise_peak, recipe.noise_seed))
    timed, at = [], recipe.lead_samples
    for index, part in enumerate(recipe.parts):
        length = len(builder.spoken_part(part, recipe))
        before = recipe.pause_samples if index else recipe.lead_samples
        after = recipe.pause_samples if index + 1 < len(recipe.parts) else recipe.tail_samples
        first, last = at - min(before, MARGIN_SAMPLES), at + length + min(after, MARGIN_SAMPLES)
        timed.append((align(pcm[first:last], part.text, quiet, spoken), first / SAMPLE_RATE_HZ))
        at += length + recipe.pause_samples
    return timed


def _entry(
    clip_id: str, text: str, kind: str, recipe: CutRecipe | SpeechRecipe,
    parts: Sequence[tuple[Aligned, float]], **facts: Any,
) -> dict[str, Any]:  # fmt: skip
    pcm = builder.build_pcm(recipe)
    make = "cut" if isinstance(recipe, CutRecipe) else "speech"
    entry = {
        "id": clip_id,
        "text": text,
        "kind": kind,
        **facts,
        "n_samples": len(pcm),
        "sha256": builder.pcm_sha256(pcm),
        "recipe": {"make": make, **asdict(recipe)},
        "words": [
            [word.text, round(word.start_s + shift_s, 3), round(word.end_s + shift_s, 3)]
            for aligned, shift_s in parts
            for word in aligned.words
        ],
        "alignment": [_opinions(aligned, shift_s) for aligned, shift_s in parts],
    }
    if kind == "synthesized":
        entry["levels"] = builder.levels_db(pcm)
    return entry


def _opinions(aligned: Aligned, shift_s: float) -> dict[str, Any]:
    """What the aligner and the level said, and which was followed."""
    return {
        "aligned_by": aligned.aligned_by,
        "aligner_onset_s": round(aligned.aligner_onset_s + shift_s, 3),
        "energy_onset_s": round(aligned.energy_onset_s + shift_s, 3),
        "onset_rule": aligned.onset_rule,
        "aligner_end_s": round(aligned.aligner_end_s + shift_s, 3),
        "energy_end_s": round(aligned.energy_end_s + shift_s, 3),
        "end_rule": aligned.end_rule,
    }


def _to_samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)


def _samples(seconds: Sequence[float]) -> tuple[int, ...]:
    return tuple(_to_samples(value) for value in seconds)
