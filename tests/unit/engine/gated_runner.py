"""A device that computes nothing and obeys: the engine's boundary, doubled.

Each request's audio holds its name in its first sample. It takes ``STEPS`` decoder steps, and its
text says its name. Work passes only while the gate is open, so a test decides what is under way.
"""

import threading

import numpy as np
from hang import HANG_S

from lab_kit.engine.api import DecodeRequest, Priority
from lab_kit.engine.work import Sequence, SequenceState, Traits, Work

STEPS = 3


class GatedRunner:
    """Stands for the model's runner; says of itself what it was asked to do."""

    traits = Traits(lockstep=True)
    words = 1_000
    bytes_per_token = 10
    bytes_per_audio_s = 1_000

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.done: list[tuple[SequenceState, tuple[int, ...]]] = []
        self.forgotten: list[int] = []
        self.fails_on: set[int] = set()
        self.fails_at: SequenceState | None = None
        self.steps_of: dict[int, int] = {}

    def run(self, work: Work) -> None:
        self.entered.release()
        assert self.gate.wait(HANG_S)
        names = tuple(name_of(sequence) for sequence in work.sequences)
        self.done.append((work.state, names))
        if self.fails_on & set(names) and self.fails_at in (None, work.state):
            raise RuntimeError(f"the device failed on {names}")
        for sequence in work.sequences:
            self._advance(sequence, work.state)

    def prompt(self, context: str) -> tuple[int, ...]:
        return ()

    def token_limit(self, audio_samples: int) -> int:
        return STEPS

    def encoder_length(self, audio_samples: int) -> int:
        return audio_samples

    def text(self, sequence: Sequence) -> str:
        return f"text {name_of(sequence)}"

    def forget(self, sequence: Sequence) -> None:
        self.forgotten.append(sequence.number)

    def wait_until_entered(self) -> None:
        assert self.entered.acquire(timeout=HANG_S)

    def _advance(self, sequence: Sequence, state: SequenceState) -> None:
        if state is SequenceState.WAITING:
            sequence.state = SequenceState.ENCODED
            return
        sequence.state = SequenceState.DECODING
        sequence.position += 1
        sequence.steps += 1
        sequence.tokens.append(10 + sequence.position)
        sequence.log_probabilities.append(-0.1)
        if sequence.position == self.steps_of.get(name_of(sequence), STEPS):
            sequence.state = SequenceState.DONE


def request(name: int, priority: Priority = Priority.FINAL) -> DecodeRequest:
    """A request that the runner will know by ``name``."""
    return DecodeRequest(np.array([name], np.float32), priority)


def name_of(sequence: Sequence) -> int:
    return int(sequence.request.audio[0])
