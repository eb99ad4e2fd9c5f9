"""How far the times of words are from those of the clips, and what they cost.

    .venv/bin/python tests/benchmarks/words.py

Every clip goes through a stream's session chunk by chunk, so that words lie in segments as a live
stream cuts them, once as it is and once with noise 20 dB below it, for each model. The truth is the
manifest's: forced alignment corrected by level (`datasets/align.py`). CPU is compared with the
same decodes without words.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.events import Final, StreamOptions, TimedWord
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip, clips
from lab_kit.engine.api import DecodeRequest, Engine, Priority
from lab_kit.gateway.versions.engine_factory import make_first_version, open_recognizer
from lab_kit.measure.confidence import JudgedWord, confidence_ranges, judged_words
from lab_kit.models.store.repository import Repository
from lab_kit.stream.actions import Action, Cancel, Emit, Submit
from lab_kit.stream.session import StreamSession
from lab_kit.stream.stability import bare_word

MODELS = ("moonshine-tiny-en", "whisper-tiny-en")
CHUNK_SAMPLES = 320
TAIL_S = 1.0
NOISE_DB = -20.0
MEDIAN_WANTED_MS, P90_WANTED_MS = 35.0, 110.0


def heard(engine: Engine, session: StreamSession, audio: FloatArray) -> list[TimedWord]:
    """The words of a stream whose every decode is answered at once."""
    asked: dict[int, DecodeRequest] = {}
    words: list[TimedWord] = []

    def carry_out(actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Emit) and isinstance(action.event, Final):
                words.extend(action.event.words)
            elif isinstance(action, Submit):
                asked[action.number] = action.request
            elif isinstance(action, Cancel):
                asked.pop(action.number, None)

    def answer() -> None:
        for number in list(asked):
            hypothesis = engine.submit(asked[number]).future.result()
            carry_out(session.answer(number, hypothesis))
            asked.pop(number, None)

    for start in range(0, len(audio), CHUNK_SAMPLES):
        carry_out(session.push(audio[start : start + CHUNK_SAMPLES], 0, 0))
        answer()
    carry_out(session.flush(0, 0))
    answer()
    return words


def matched(clip: Clip, words: list[TimedWord]) -> Iterator[tuple[int, int]]:
    """Places of words that are the same in the clip and in what was heard."""
    true, said = ([bare_word(word.text) for word in each] for each in (clip.words, words))
    alike = SequenceMatcher(a=true, b=said, autojunk=False)
    for first, second, count in alike.get_matching_blocks():
        yield from ((first + step, second + step) for step in range(count))


def noisy(audio: FloatArray, rng: np.random.Generator) -> FloatArray:
    """With white noise so far below it."""
    level = np.sqrt((audio * audio).mean()) * 10 ** (NOISE_DB / 20)
    return (audio + rng.normal(0, level, len(audio))).astype(np.float32)


def measure(model: str, repository: Repository) -> None:
    """Print one model's table."""
    make_first_version(repository, model, lambda _: None)
    recognizer = open_recognizer(repository.open(model, 1))
    options = StreamOptions(interim_results=False, speech_events=False)
    rng = np.random.default_rng(1)
    judged: list[JudgedWord] = []
    print(f"\n{model}: |error| of starts and ends, ms")
    for is_held_out in (False, True):
        for is_noisy in (False, True):
            errors_ms: list[float] = []
            for clip in clips(is_held_out=is_held_out):
                audio = np.append(clip.samples, np.zeros(round(TAIL_S * SAMPLE_RATE_HZ)))
                audio = audio.astype(np.float32)
                audio = noisy(audio, rng) if is_noisy else audio
                session = StreamSession(options, recognizer.new_scorer())
                words = heard(recognizer.engine, session, audio)
                pairs = list(matched(clip, words))
                for true, said in pairs:
                    errors_ms.append((words[said].start_s - clip.words[true].start_s) * 1e3)
                    errors_ms.append((words[said].end_s - clip.words[true].end_s) * 1e3)
                judged += judged_words(clip.text, words)
            sizes = np.abs(errors_ms)
            median, p90 = np.median(sizes), np.percentile(sizes, 90)
            reached = median <= MEDIAN_WANTED_MS and p90 <= P90_WANTED_MS
            print(
                f"  {'held out' if is_held_out else 'others':9}"
                f" {'noise at -20 dB' if is_noisy else 'as it is':16} {len(sizes):5} edges,"
                f" bias {np.median(errors_ms):+4.0f}, median {median:3.0f}, p90 {p90:4.0f}"
                f"{'' if reached else '  above 35 and 110'}"
            )
    print("  confidence: share of words that are right")
    for each in confidence_ranges(judged):
        print(f"    {each.low:.2f} to {each.high:.2f}: {each.share_right:4.0%} of {each.words}")
    cost(recognizer.engine)
    recognizer.stop()


def cost(engine: Engine) -> None:
    """Print what words add to a decode, taking turns with the same decode without."""
    requests = [
        DecodeRequest(np.array(clip.samples[: 6 * SAMPLE_RATE_HZ]), Priority.FINAL)
        for clip in clips(is_held_out=True)
    ]
    spent = {True: 0.0, False: 0.0}
    for request in requests:
        for wants in (True, False, True, False):
            began_s = time.process_time()
            engine.submit(replace(request, wants_words=wants)).future.result()
            spent[wants] += time.process_time() - began_s
    audio_s = 2 * sum(len(request.audio) for request in requests) / SAMPLE_RATE_HZ
    added_ms = (spent[True] - spent[False]) / audio_s * 1e3
    share = spent[True] / spent[False] - 1
    print(f"  CPU: {added_ms:.2f} ms a second of sound more than without words, {share:+.1%}")


def main() -> None:
    """Measure each model."""
    with tempfile.TemporaryDirectory() as folder:
        for model in MODELS:
            measure(model, Repository(Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
