"""Runs scheduled work on the model, and keeps what the model remembers of each sequence."""

from collections.abc import Iterable
from itertools import takewhile
from typing import Protocol

import numpy as np

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import TimedWord
from lab_kit.engine.work import Sequence, SequenceState, Traits, Work
from lab_kit.models.choice import Choice
from lab_kit.models.moonshine.model import (
    BEGIN_TOKEN,
    END_TOKEN,
    FRAMES,
    DecodeBatch,
    EncodedAudio,
    Moonshine,
    aligning_keys,
    join,
    select,
    truncate,
)
from lab_kit.models.word_times import attention, timed_words


class Runner(Protocol):
    """Runs work; the loop knows no more of a device than this.

    Work that raises must leave its sequences as they were, so that each can be tried alone.
    """

    @property
    def traits(self) -> Traits:
        """What the scheduler has to know."""
        ...

    @property
    def words(self) -> int:
        """Entries of the vocabulary."""
        ...

    @property
    def bytes_per_token(self) -> int:
        """What the decoder keeps of one token."""
        ...

    @property
    def bytes_per_audio_s(self) -> int:
        """What it keeps of one second of encoded audio."""
        ...

    def prompt(self, context: str) -> tuple[int, ...]:
        """What the decoder is fed before the answer.

        Raises:
            InvalidParameter: the model takes no context.
        """
        ...

    def token_limit(self, audio_samples: int) -> int:
        """Most tokens that audio of this length can hold."""
        ...

    def encoder_length(self, audio_samples: int) -> int:
        """Samples that the encoder sees of such a clip; equal ones can share a pass."""
        ...

    def run(self, work: Work) -> None:
        """Run ``work`` and advance its sequences."""
        ...

    def text(self, sequence: Sequence) -> str:
        """What the sequence says so far."""
        ...

    def word_times(self, sequence: Sequence) -> tuple[TimedWord, ...]:
        """The words of that text, and when they sounded; before it is forgotten."""
        ...

    def forget(self, sequence: Sequence) -> None:
        """Free everything held for the sequence."""
        ...


class MoonshineRunner:
    """Runs on Moonshine.

    Each decoding sequence lies in one row of one `DecodeBatch`. When a step's sequences are not
    exactly the rows of one batch, their rows are gathered into a new one; while nobody joins or
    leaves, nothing is copied.
    """

    def __init__(self, model: Moonshine) -> None:
        self._model = model
        # the graph has no mask over past tokens, and padding would change the encoder's answer
        self.traits = Traits(lockstep=True)
        self._encoded: dict[int, EncodedAudio] = {}
        self._rows: dict[int, tuple[DecodeBatch, int]] = {}
        self.words = model.words
        self.bytes_per_token, self.bytes_per_audio_s = model.cache_bytes()

    def run(self, work: Work) -> None:
        """Encode, start or step the work's sequences."""
        if work.state is SequenceState.WAITING:
            self._encode(work.sequences[0])
        elif work.state is SequenceState.ENCODED:
            self._start(work.sequences)
        else:
            self._step(work.sequences)

    def prompt(self, context: str) -> tuple[int, ...]:
        """Only the token with which everything begins."""
        if context:
            raise InvalidParameter(
                "a context", "none: Moonshine was not trained to take one", "use Whisper for that"
            )
        return (BEGIN_TOKEN,)

    def token_limit(self, audio_samples: int) -> int:
        """Most tokens that audio of this length can hold."""
        return self._model.token_limit(audio_samples)

    def encoder_length(self, audio_samples: int) -> int:
        """Clips are not padded."""
        return audio_samples

    def text(self, sequence: Sequence) -> str:
        """The words of the sequence's tokens."""
        return self._model.text(sequence.tokens)

    def word_times(self, sequence: Sequence) -> tuple[TimedWord, ...]:
        """The same words, with times."""
        batch, row = self._rows[sequence.number]
        return timed_words(
            self.text(sequence),
            self._model.pieces(sequence.tokens),
            sequence.log_probabilities,
            attention(np.stack(sequence.queries, axis=1), aligning_keys(batch, row)),
            sequence.request.audio,
            FRAMES,
        )

    def forget(self, sequence: Sequence) -> None:
        """Drop the sequence's frames and cache row."""
        self._encoded.pop(sequence.number, None)
        self._rows.pop(sequence.number, None)

    def _encode(self, sequence: Sequence) -> None:
        self._encoded[sequence.number] = self._model.encode(sequence.request.audio)
        sequence.state = SequenceState.ENCODED

    def _start(self, sequences: tuple[Sequence, ...]) -> None:
        draft = sequences[0].draft
        clips = [self._encoded[s.number] for s in sequences]
        choices, batch = self._model.prefill(clips, draft)
        if draft:
            kept = agreeing(draft, choices[0])
            batch = truncate(batch, 1 + kept) if kept < len(draft) else batch
            choices = [choices[0][: kept + 1]]
            count_draft(sequences[0], kept)
        for row, (sequence, chosen) in enumerate(zip(sequences, choices, strict=True)):
            del self._encoded[sequence.number]
            self._rows[sequence.number] = (batch, row)
            accept(sequence, chosen, END_TOKEN)
            sequence.position = batch.position
            sequence.steps += 1

    def _step(self, sequences: tuple[Sequence, ...]) -> None:
        batch, rows = self._gathered(sequences)
        choices = self._model.step(batch, [sequence.tokens[-1] for sequence in rows])
        for sequence, choice in zip(rows, choices, strict=True):
            accept(sequence, [choice], END_TOKEN)
            sequence.position = batch.position
            sequence.steps += 1

    def _gathered(self, sequences: tuple[Sequence, ...]) -> tuple[DecodeBatch, list[Sequence]]:
        """One batch that holds exactly ``sequences``, and which of them is in which row."""
        batches: dict[int, tuple[DecodeBatch, list[Sequence]]] = {}
        for sequence in sequences:
            batch, _ = self._rows[sequence.number]
            batches.setdefault(id(batch), (batch, []))[1].append(sequence)
        parts, ordered = [], []
        for batch, members in batches.values():
            rows = [self._rows[s.number][1] for s in members]
            parts.append(batch if rows == list(range(batch.width)) else select(batch, rows))
            ordered += members
        joined = join(parts)
        for row, sequence in enumerate(ordered):
            self._rows[sequence.number] = (joined, row)
        return joined, ordered


def agreeing(draft: tuple[int, ...], choices: Iterable[Choice]) -> int:
    """Length of the draft's prefix that the model would have chosen itself."""
    pairs = zip(draft, choices, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1].token, pairs))


def count_draft(sequence: Sequence, accepted: int) -> None:
    """Note how much of the sequence's draft was right; it is used up."""
    sequence.drafted += len(sequence.draft)
    sequence.accepted += accepted
    sequence.draft = ()


def accept(sequence: Sequence, choices: Iterable[Choice], end_token: int) -> None:
    """Take the model's choices in order; the sequence is done at the end token or its limit."""
    sequence.state = SequenceState.DECODING
    for choice in choices:
        if choice.token == end_token:
            sequence.state = SequenceState.DONE
            return
        sequence.tokens.append(choice.token)
        sequence.log_probabilities.append(choice.log_probability)
        sequence.queries.append(choice.query)
        if len(sequence.tokens) >= sequence.limit:
            sequence.truncated = True
            sequence.state = SequenceState.DONE
            return
