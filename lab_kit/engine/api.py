"""What the engine offers: submit audio, get a hypothesis, change your mind."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.events import ModelInfo, PriorityClass, TimedWord
from lab_kit.core.ids import StreamId


class Priority(IntEnum):
    """Lower runs first, within a class. Finals go before interims: someone waits for them."""

    FINAL = 0
    INTERIM = 1


INTERIM_SHARE = 0.2
"""Interims are asked for again when so much more was said, in parts of what had been said."""


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """One decode.

    Attributes:
        audio: (samples,) float32 in [-1, 1] at 16 kHz.
        max_tokens: stop here even if the model would go on; None takes the model's own limit for
            audio of this length.
        draft: tokens that the answer probably begins with; they are checked in one pass and
            the agreeing prefix is kept. Empty decodes token by token.
        context: what was said before, or is likely to be said: it steers the model, which must be
            one that takes such a prompt.
        stream: whose request it is; within a class streams take turns. None is nobody's.
        priority_class: which class's share of the device it is done with (`fairness`).
        is_private: its words may be compared with others', but not kept.
        wants_words: whether the times of its words are wanted; they take half a millisecond a
            second of sound.
        deadline_ns: on the monotonic clock; from then on nobody waits for it, and it is not begun.
        utterance: which of its stream it is of, from 0.
        goes_on: the utterance was cut before, and this is more of it.
        on_compute: told, on the engine's threads, how many nanoseconds of the device each pass took
            for it; whatever becomes of it. It must be quick.
        on_start: told, on the engine's threads, that its first pass begins: from now on it cannot
            be refreshed. It must be quick.
    """

    audio: FloatArray
    priority: Priority
    max_tokens: int | None = None
    draft: tuple[int, ...] = ()
    context: str = ""
    stream: StreamId | None = None
    priority_class: PriorityClass = PriorityClass.INTERACTIVE
    is_private: bool = False
    wants_words: bool = False
    deadline_ns: int | None = None
    utterance: int = 0
    goes_on: bool = False
    on_compute: Callable[[int], object] | None = None
    on_start: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the model heard.

    Attributes:
        log_probabilities: of each token, in order.
        truncated: the token limit ended it, not the model.
        submitted_ns, started_ns, finished_ns: the request's life, on the monotonic clock. A
            request may wait between two of its steps, too; all its waiting is put before its
            start, so that start to finish is the time it was worked on.
        steps: decoder passes that it took part in.
        compute_ns: time the device spent on passes it took part in, shared by their width.
        drafted, accepted: tokens that were offered to it, and those of them that it agreed with.
        reused: positions that its latest start found in the cache.
        preempted: times that it lost its place in the cache and started again.
        words: of the text, with times from the audio's first sample, where they were wanted.
    """

    text: str
    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    truncated: bool
    submitted_ns: int
    started_ns: int
    finished_ns: int
    steps: int
    compute_ns: int
    drafted: int = 0
    accepted: int = 0
    reused: int = 0
    preempted: int = 0
    words: tuple[TimedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    """A submitted request; ``future`` gives its `Hypothesis`, or is cancelled."""

    number: int
    future: "Future[Hypothesis]"


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the engine is.

    Attributes:
        waiting: requests not started.
        running: requests started and not finished.
        longest_wait_s: how long the oldest of those that wait has waited, batch work left out:
            waiting is what that is for.
        busy_s: time that all workers together have computed since the engine began, batch work left
            out again: it fills what others leave.
        interim_s: the part of it that went into interims, which can do with less.
        workers: how many there are.
    """

    waiting: int
    running: int
    longest_wait_s: float = 0.0
    busy_s: float = 0.0
    interim_s: float = 0.0
    workers: int = 1


@dataclass(frozen=True, slots=True)
class CacheFrame:
    """The decoder's cache at one moment.

    Attributes:
        at_ns: when, on the server's monotonic clock.
        reserved: slots given to sequences; a shared one counts once.
        written: of those, holding a token.
        runs: adjacent slots with one owner, as (owner, slots, slots that hold a token): the number
            of a sequence, or `kv.FREE`, `kv.SHARED`, `kv.KEPT`.
    """

    at_ns: int
    reserved: int
    written: int
    runs: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class CacheView:
    """The decoder's cache: what it costs, and how it was used.

    Attributes:
        bytes_per_token: keys and values of one token of text, all layers together.
        bytes_per_audio_s: what a second of encoded audio adds while its sequence lives.
        slots: tokens that the cache holds; 0 where the runtime allocates as it goes.
        frames: one after each step, oldest first; only the latest are kept.
    """

    bytes_per_token: int
    bytes_per_audio_s: int
    slots: int = 0
    frames: tuple[CacheFrame, ...] = ()


class Engine(Protocol):
    """A device that decodes for many streams."""

    @property
    def model(self) -> ModelInfo:
        """What runs, and where."""
        ...

    def submit(self, request: DecodeRequest) -> Ticket:
        """Queue a request.

        Raises:
            SystemOverloaded: the queue is full.
        """
        ...

    def refresh(self, ticket: Ticket, request: DecodeRequest) -> bool:
        """Replace a request that has not started, keeping its place; False if it has."""
        ...

    def cancel(self, ticket: Ticket) -> None:
        """Drop a request and free what it holds; its future is cancelled."""
        ...

    def load(self) -> Load:
        """How busy the engine is now."""
        ...
