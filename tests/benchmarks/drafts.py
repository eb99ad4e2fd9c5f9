"""Do drafts pay? Interims decoded from the previous hypothesis as a draft, and without one.

    .venv/bin/python tests/benchmarks/drafts.py

A draft is checked in one decoder pass and its agreeing prefix is kept. With an int8 model a pass
over many tokens rounds differently from many passes over one, so the text may differ. Drafts stay
only while they save at least a quarter of an interim's device time and make what is shown no less
stable. Both ways see the same audio in the same run, one after the other on one worker, in the
order of the recording and without its pauses.
"""

import dataclasses
import sys
from dataclasses import dataclass, field

import numpy as np

from lab_kit.core.events import Final, Interim, ModelInfo, StreamOptions
from lab_kit.datasets import Clip, clips
from lab_kit.engine.api import DecodeRequest, Hypothesis, Priority
from lab_kit.engine.loop import EngineLoop
from lab_kit.engine.runner import MoonshineRunner
from lab_kit.measure.accuracy import bare_words
from lab_kit.models.device import choose_device
from lab_kit.models.moonshine.model import Moonshine, warm_up
from lab_kit.models.silero import SileroScorer, open_silero
from lab_kit.models.store.store import ModelStore
from lab_kit.stream.actions import Action, Emit, Submit
from lab_kit.stream.session import StreamSession

CHUNK_SAMPLES = 800
SAVING_WANTED = 0.25


@dataclass
class Tally:
    """What one way of decoding cost and showed."""

    interims: int = 0
    compute_ns: int = 0
    steps: int = 0
    shown_words: int = 0
    changed_words: int = 0
    texts: list[str] = field(default_factory=list)

    @property
    def ms_per_interim(self) -> float:
        return self.compute_ns / 1e6 / self.interims

    @property
    def changed_share(self) -> float:
        return self.changed_words / self.shown_words


def run(engine: EngineLoop, clip: Clip, scorer: SileroScorer, drafts: bool, tally: Tally) -> None:
    """Push a clip through a session whose every ask is answered at once."""
    session = StreamSession(StreamOptions(), scorer)
    shown: list[str] = []
    finals: list[str] = []

    def carry_out(actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Emit):
                note(action)
            elif isinstance(action, Submit):
                carry_out(session.answer(action.number, decode(action.request)))

    def decode(request: DecodeRequest) -> Hypothesis:
        asked = request if drafts else dataclasses.replace(request, draft=())
        answer = engine.submit(asked).future.result()
        if request.priority is Priority.INTERIM and request.draft:
            tally.interims += 1
            tally.compute_ns += answer.compute_ns
            tally.steps += answer.steps
        return answer

    def note(emit: Emit) -> None:
        nonlocal shown
        if isinstance(emit.event, Interim | Final):
            words = bare_words(emit.event.text)
            tally.shown_words += len(shown)
            kept = sum(a == b for a, b in zip(shown, words, strict=False))
            tally.changed_words += len(shown) - kept
            shown = words if isinstance(emit.event, Interim) else []
        if isinstance(emit.event, Final):
            finals.append(emit.event.text)

    audio = np.array(clip.samples)
    for start in range(0, len(audio), CHUNK_SAMPLES):
        carry_out(session.push(audio[start : start + CHUNK_SAMPLES], 0, 0))
    carry_out(session.flush(0, 0))
    tally.texts.append(" ".join(finals))


def main() -> None:
    """Run both ways over every clip and print the comparison."""
    device = choose_device()
    store = ModelStore()
    model = Moonshine(store.path("moonshine-tiny-en").paths, device)
    warm_up(model)
    silero = open_silero(store.path("silero-vad")["silero_vad_16k_sequence.onnx"])
    engine = EngineLoop(MoonshineRunner(model), ModelInfo("", "", "", ""), workers=1)
    plain, drafted = Tally(), Tally()
    for clip in clips():
        run(engine, clip, SileroScorer(silero), drafts=False, tally=plain)
        run(engine, clip, SileroScorer(silero), drafts=True, tally=drafted)
    engine.stop()
    for name, tally in (("token by token", plain), ("with drafts", drafted)):
        print(
            f"{name:15} {tally.interims} interims, {tally.ms_per_interim:5.1f} ms and "
            f"{tally.steps / tally.interims:4.1f} passes each, "
            f"{tally.changed_share:.1%} of shown words changed later"
        )
    saving = 1 - drafted.ms_per_interim / plain.ms_per_interim
    same = sum(a == b for a, b in zip(plain.texts, drafted.texts, strict=True))
    print(
        f"saving {saving:.0%}, wanted {SAVING_WANTED:.0%}; "
        f"finals equal: {same} of {len(plain.texts)}"
    )
    stable = drafted.changed_share <= plain.changed_share + 0.01
    print("keep drafts" if saving >= SAVING_WANTED and stable else "drop drafts")


if __name__ == "__main__":
    sys.exit(main())
