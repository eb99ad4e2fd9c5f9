"""A stream without a model: speech that is said to be speech, and answers that a test writes.

``sound`` makes audio out of spans: noise where someone speaks, next to nothing elsewhere.
``LoudnessScorer`` knows which is which. ``Talk`` pushes it into a session and keeps what comes out.
"""

import math
from collections.abc import Callable, Iterable

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.events import Event, Final, Interim, SpeechStarted, StreamOptions, UtteranceEnd
from lab_kit.engine.api import Hypothesis
from lab_kit.stream.actions import Action, Cancel, Emit, Judge, Refresh, Submit
from lab_kit.stream.session import StreamSession

RATE = 16_000
SPEECH_LEVEL = 0.1
ROOM_LEVEL = 1e-4

Spans = tuple[tuple[float, float], ...]


def sound(duration_s: float, spans: Spans) -> FloatArray:
    """Noise at speech's level inside ``spans`` (seconds), at a quiet room's outside."""
    audio = np.random.default_rng(1).normal(0, ROOM_LEVEL, round(duration_s * RATE))
    for start_s, end_s in spans:
        place = audio[round(start_s * RATE) : round(end_s * RATE)]
        place[:] = np.random.default_rng(2).normal(0, SPEECH_LEVEL, len(place))
    return audio.astype(np.float32)


class LoudnessScorer:
    """Stands for the detector: a window of speech's level is speech, by half or more of it."""

    def score(self, windows: FloatArray) -> list[float]:
        frames = np.abs(windows.reshape(len(windows), -1, 64)).mean(axis=2)
        shares: list[float] = np.mean(frames > SPEECH_LEVEL / 4, axis=1).tolist()
        return shares


class TableScorer:
    """Stands for the detector with a will of its own: probabilities by window, then the last."""

    def __init__(self, probabilities: Iterable[float]) -> None:
        self._probabilities = list(probabilities)

    def score(self, windows: FloatArray) -> list[float]:
        return [self._next() for _ in windows]

    def _next(self) -> float:
        if len(self._probabilities) > 1:
            return self._probabilities.pop(0)
        return self._probabilities[0]


def hypothesis(text: str, probability: float = 0.9, truncated: bool = False) -> Hypothesis:
    """An answer of the engine; one token a word."""
    count = len(text.split())
    return Hypothesis(
        text=text,
        tokens=tuple(range(10, 10 + count)),
        log_probabilities=(math.log(probability),) * count,
        truncated=truncated,
        submitted_ns=1,
        started_ns=2,
        finished_ns=3,
        steps=count,
        compute_ns=4,
    )


class Talk:
    """A session, what was pushed into it, and everything that came out.

    Attributes:
        answer_with: given a decode, the text to answer at once; None leaves it open.
        judge_with: what every pause is judged with at once; None leaves it open.
        asked: pauses that were to be judged.
        started: whether the engine has begun on what it was asked, so that newer audio is refused.
    """

    def __init__(
        self,
        options: StreamOptions | None = None,
        scorer: object | None = None,
        answer_with: Callable[[Submit], str] | None = None,
    ) -> None:
        self.session = StreamSession(options or StreamOptions(), scorer or LoudnessScorer())
        self.answer_with = answer_with
        self.started = True
        self.judge_with: float | None = None
        self.asked: list[Judge] = []
        self.submitted: list[Submit] = []
        self.refreshes: list[Refresh] = []
        self.cancelled: list[int] = []
        self.events: list[Event] = []
        self.pushed_samples = 0

    def hear(self, audio: FloatArray, chunk_s: float = 0.05) -> list[Event]:
        """Push audio in chunks; returns what was said meanwhile."""
        before = len(self.events)
        size = round(chunk_s * RATE)
        for start in range(0, len(audio), size):
            piece = audio[start : start + size]
            self.pushed_samples += len(piece)
            now_ns = self.pushed_samples * 62_500
            self.take(self.session.push(piece, now_ns, now_ns + 1_000))
        return self.events[before:]

    def answer(self, decode: Submit | int, text: str, **about: float) -> list[Event]:
        """Answer one decode; returns what was said because of it."""
        before = len(self.events)
        number = decode if isinstance(decode, int) else decode.number
        self.take(self.session.answer(number, hypothesis(text, **about)))
        return self.events[before:]

    def judge(self, asked: Judge, probability: float) -> list[Event]:
        """Say how sure it is that the turn is finished; returns what was said because of it."""
        before = len(self.events)
        now_ns = self.pushed_samples * 62_500 + 2_000
        self.take(self.session.judged(asked.number, probability, now_ns))
        return self.events[before:]

    def flush(self) -> list[Event]:
        before = len(self.events)
        self.take(self.session.flush(self.now_ns, self.now_ns))
        return self.events[before:]

    def finalize(self) -> list[Event]:
        before = len(self.events)
        self.take(self.session.finalize(self.now_ns, self.now_ns))
        return self.events[before:]

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Emit):
                self.events.append(action.event)
            elif isinstance(action, Cancel):
                self.cancelled.append(action.number)
            elif isinstance(action, Refresh):
                self.refreshes.append(action)
            elif isinstance(action, Judge):
                self.asked.append(action)
                if self.judge_with is not None:
                    self.judge(action, self.judge_with)
            else:
                self.submitted.append(action)
        if self.answer_with is not None:
            for action in actions:
                if isinstance(action, Submit) and action.number not in self.cancelled:
                    self.answer(action, self.answer_with(action))

    @property
    def now_ns(self) -> int:
        return self.pushed_samples * 62_500

    @property
    def finals(self) -> list[Final]:
        return [e for e in self.events if isinstance(e, Final)]

    @property
    def interims(self) -> list[Interim]:
        return [e for e in self.events if isinstance(e, Interim)]

    @property
    def onsets(self) -> list[SpeechStarted]:
        return [e for e in self.events if isinstance(e, SpeechStarted)]

    @property
    def utterance_ends(self) -> list[UtteranceEnd]:
        return [e for e in self.events if isinstance(e, UtteranceEnd)]
