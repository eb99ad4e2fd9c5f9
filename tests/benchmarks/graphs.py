"""What rewriting the default recognizer's graphs gains, and what it does to the words.

    .venv/bin/python tests/benchmarks/graphs.py [--rounds 3]

Every clip of the dataset, whole and cut somewhere, one after the other on one thread: over the
graphs as they were published, and over ours with unsigned, signed and float matrices. Rounds
alternate; of each clip's times the least counts. Words are compared with those of the published
graphs, beside what a change of volume by a thousandth does to these.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import jiwer
import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import clips
from lab_kit.experiments.frameworks.decoding import transcribe_together
from lab_kit.models.device import Device
from lab_kit.models.moonshine import model as moonshine
from lab_kit.models.moonshine.int8 import Weights
from lab_kit.models.moonshine.model import Moonshine
from lab_kit.models.moonshine.published import PublishedMoonshine
from lab_kit.models.store.store import ModelStore

CPU = Device("cpu", "one thread", workers=1)
PUBLISHED = "published"
LOUDER = np.float32(1.001)

Decode: TypeAlias = Callable[[FloatArray], str]


@dataclass(slots=True)
class Seen:
    """Least seconds and last text of each sound."""

    least_s: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def opened(files: dict[str, Path], weights: Weights) -> Moonshine:
    """The recognizer with its matrices written so, whatever this machine would choose."""
    chosen, moonshine.weights_for = moonshine.weights_for, lambda device: weights
    try:
        return Moonshine(files, CPU)
    finally:
        moonshine.weights_for = chosen


def changed(before: list[str], after: list[str]) -> float:
    """Share of words that are others."""
    return jiwer.wer([text or "-" for text in before], [text or "-" for text in after])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    files = dict(ModelStore().path("moonshine-tiny-en").paths)
    whole = [np.array(clip.samples) for clip in clips()]
    sounds = whole + [audio[: SAMPLE_RATE_HZ * (1 + n % 4)] for n, audio in enumerate(whole)]
    published = PublishedMoonshine(files, CPU)
    models = {weights.name.lower(): opened(files, weights) for weights in Weights}
    rules = models["signed"]

    def as_published(audio: FloatArray) -> str:
        return rules.text(published.decode(audio, rules.token_limit(len(audio))))

    ways: dict[str, Decode] = {PUBLISHED: as_published}
    for name, model in models.items():
        ways[name] = lambda audio, model=model: transcribe_together(model, [audio])[0]
    seen = {name: Seen() for name in ways}
    for _ in range(rounds):
        for name, decode in ways.items():
            spent_s, texts = [], []
            for audio in sounds:
                began = time.perf_counter()
                texts.append(decode(audio))
                spent_s.append(time.perf_counter() - began)
            pairs = zip(seen[name].least_s or spent_s, spent_s, strict=True)
            seen[name].least_s = [min(pair) for pair in pairs]
            seen[name].texts = texts
    base = seen[PUBLISHED]
    louder = [as_published(audio * LOUDER) for audio in sounds]
    audio_s = sum(len(audio) for audio in sounds) / SAMPLE_RATE_HZ
    print(f"{len(sounds)} sounds, {audio_s:.0f} s, {rounds} rounds")
    for name, each in seen.items():
        total_s = sum(each.least_s)
        print(
            f"{name:10} {1e3 * total_s / audio_s:6.1f} ms a second of audio,"
            f" {sum(base.least_s) / total_s:.2f} times as fast as published,"
            f" {changed(base.texts, each.texts):.1%} of words others"
        )
    print(f"published, a thousandth louder: {changed(base.texts, louder):.1%} of words others")


if __name__ == "__main__":
    sys.exit(main())
