"""When turns end: after a fixed silence, or sooner where they sound finished and later elsewhere.

    .venv/bin/python tests/benchmarks/turns.py

Every clip goes through a stream's session chunk by chunk, in the clip's own time: what is counted
is when a turn is ended, not how long a machine takes to write it. Ends are where a sentence ends in
the clip's text, pauses are silences of 0.2 s and more inside sentences of people who read, and
hesitations are sentences broken off after a word that no sentence ends with. A judgement comes
`JUDGED_S` after it was asked for.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.events import Final, StreamOptions
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip, Kind, clips
from lab_kit.engine.api import Hypothesis
from lab_kit.gateway.versions.engine_factory import load_turns
from lab_kit.models.silero import SileroScorer, open_silero
from lab_kit.models.store.store import ModelStore
from lab_kit.stream.actions import Action, Cancel, Emit, Judge, Submit
from lab_kit.stream.session import StreamSession

CHUNK_SAMPLES = 320
JUDGED_S = 0.04
PAUSE_S = 0.2
NEAR_S = 0.15
"""A turn's end this close to a true one, or to a pause, is that one."""
TAIL_S = 1.5
ROOM_DB = -60.0
_OPEN_WORDS = "a an and at because but for from if in my of on or that the to with your"
OPEN = frozenset(_OPEN_WORDS.split())
POLICIES = {
    "200 ms": StreamOptions(endpoint_silence_s=0.2),
    "500 ms": StreamOptions(endpoint_silence_s=0.5),
    "200 ms if it sounds finished, else 1 s": StreamOptions(
        endpoint_silence_s=0.2, unfinished_silence_s=1.0
    ),
}
NOTHING = Hypothesis("so", (), (), False, 0, 0, 0, 0, 0)


@dataclass
class Tally:
    """What a policy did."""

    delays_s: list[float] = field(default_factory=list)
    missed: int = 0
    pauses: int = 0
    pauses_cut: int = 0
    hesitations: int = 0
    hesitations_cut: int = 0
    judged: int = 0
    judging_s: float = 0.0


class Listener:
    """Carries out what sessions ask for; every decode is answered at once, with a word."""

    def __init__(self) -> None:
        store = ModelStore()
        self._silero = open_silero(store.path("silero-vad")["silero_vad_16k_sequence.onnx"])
        self._turns = load_turns()

    def ends(self, options: StreamOptions, audio: FloatArray, tally: Tally) -> list[Final]:
        """The finals with which turns ended."""
        session = StreamSession(options, SileroScorer(self._silero))
        finals: list[Final] = []
        due: list[tuple[int, int, float]] = []

        def carry_out(actions: list[Action], now: int) -> None:
            cancelled = {a.number for a in actions if isinstance(a, Cancel)}
            for action in actions:
                if isinstance(action, Emit) and isinstance(action.event, Final):
                    finals.append(action.event)
                elif isinstance(action, Submit) and action.number not in cancelled:
                    carry_out(session.answer(action.number, NOTHING), now)
                elif isinstance(action, Judge):
                    began_s = time.thread_time()
                    sure = self._turns.completeness(action.audio)
                    tally.judging_s += time.thread_time() - began_s
                    tally.judged += 1
                    due.append((now + round(JUDGED_S * SAMPLE_RATE_HZ), action.number, sure))

        for start in range(0, len(audio), CHUNK_SAMPLES):
            now = start + CHUNK_SAMPLES
            carry_out(session.push(audio[start:now], now, now), now)
            while due and due[0][0] <= now:
                _, number, sure = due.pop(0)
                carry_out(session.judged(number, sure, now), now)
        return [final for final in finals if final.endpoint]


def room(seconds: float) -> FloatArray:
    """A quiet one."""
    rng = np.random.default_rng(3)
    count = round(seconds * SAMPLE_RATE_HZ)
    return rng.normal(0, 10 ** (ROOM_DB / 20), count).astype(np.float32)


def true_ends_s(clip: Clip) -> Iterator[float]:
    """Where a sentence ends and nobody goes on for a while."""
    for word, after in zip(clip.words, [*clip.words[1:], None], strict=True):
        is_quiet = after is None or after.start_s - word.end_s >= PAUSE_S
        if word.text.endswith((".", "?", "!")) and is_quiet:
            yield word.end_s


def pauses_s(clip: Clip) -> Iterator[float]:
    """Where somebody pauses inside a sentence."""
    for word, after in zip(clip.words, clip.words[1:], strict=False):
        is_inside = not word.text.endswith((".", "?", "!"))
        if is_inside and after.start_s - word.end_s >= PAUSE_S:
            yield word.end_s


def hesitations(clip: Clip) -> Iterator[tuple[float, FloatArray]]:
    """The clip broken off after words that no sentence ends with, and where."""
    for word in clip.words[1:-1]:
        if word.text in OPEN:
            cut = round(word.end_s * SAMPLE_RATE_HZ)
            yield word.end_s, np.append(clip.samples[:cut], room(TAIL_S)).astype(np.float32)


def near(finals: list[Final], at_s: float) -> Final | None:
    """The turn that ended there."""
    return next((final for final in finals if abs(final.end_s - at_s) <= NEAR_S), None)


def judge(listener: Listener, options: StreamOptions) -> Tally:
    """One policy over every clip."""
    tally = Tally()
    for clip in clips():
        audio = np.append(clip.samples, room(TAIL_S)).astype(np.float32)
        finals = listener.ends(options, audio, tally)
        for end_s in true_ends_s(clip):
            final = near(finals, end_s)
            if final is None:
                tally.missed += 1
            else:
                tally.delays_s.append(final.timing.trigger_audio_s - end_s)
        if clip.kind is Kind.REAL:
            for pause_s in pauses_s(clip):
                tally.pauses += 1
                tally.pauses_cut += near(finals, pause_s) is not None
        else:
            for cut_s, broken in hesitations(clip):
                ended = near(listener.ends(options, broken, tally), cut_s)
                tally.hesitations += 1
                early = ended is not None and ended.timing.trigger_audio_s - cut_s < 2 * PAUSE_S
                tally.hesitations_cut += early
    return tally


def main() -> None:
    """Print a line a policy."""
    listener = Listener()
    for name, options in POLICIES.items():
        tally = judge(listener, options)
        p50, p95 = (np.percentile(tally.delays_s, q) * 1e3 for q in (50, 95))
        print(
            f"{name}\n  final delay p50 {p50:.0f} ms, p95 {p95:.0f} ms over"
            f" {len(tally.delays_s)} ends, {tally.missed} missed;"
            f" pauses cut {tally.pauses_cut} of {tally.pauses};"
            f" hesitations cut {tally.hesitations_cut} of {tally.hesitations}"
        )
        if tally.judged:
            each_ms = tally.judging_s / tally.judged * 1e3
            print(f"  {tally.judged} judgements, {each_ms:.0f} ms of CPU each")


if __name__ == "__main__":
    sys.exit(main())
