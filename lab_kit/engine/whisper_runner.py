"""Runs scheduled work on Whisper, whose sequences live in the slots that a cache hands out.

A start, a step and the check of a draft are one and the same pass: each sequence is fed whatever
the cache does not hold of it yet. So sequences at any position share a pass, and one that lost its
place feeds all it has said so far and goes on.
"""

import numpy as np

from lab_kit.core.events import TimedWord
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.engine.drafting import NgramDraft
from lab_kit.engine.kv import KvCache
from lab_kit.engine.runner import accept, agreeing, count_draft
from lab_kit.engine.work import Sequence, SequenceState, Traits, Work
from lab_kit.models.choice import Choice
from lab_kit.models.kv_pool import KvPool
from lab_kit.models.whisper.model import (
    CLIP_S,
    FRAMES,
    DecodeRow,
    EncodedSpeech,
    Whisper,
    aligning_keys,
)
from lab_kit.models.word_times import attention, timed_words


class WhisperRunner:
    """Runs on Whisper.

    Args:
        pool: where keys and values are; as many slots as ``kv`` hands out.
        kv: says which slots are whose; the scheduler reserves them before it asks for a pass.
        drafter: guesses the next tokens; None takes one token a pass.
        encode_width: clips in one encoder pass, which pads all of them to the same length.
    """

    def __init__(
        self,
        model: Whisper,
        pool: KvPool,
        kv: KvCache,
        drafter: NgramDraft | None = None,
        encode_width: int = 1,
    ) -> None:
        self._model = model
        self._pool = pool
        self._kv = kv
        self._drafter = drafter
        self._encoded: dict[int, EncodedSpeech] = {}
        self.words = model.words
        self.traits = Traits(lockstep=False, encode_width=encode_width)

    @property
    def bytes_per_token(self) -> int:
        """What the pool keeps of one token."""
        return self._pool.bytes_per_token

    @property
    def bytes_per_audio_s(self) -> int:
        """A thirtieth of a clip's, for every clip is filled up to 30 s."""
        return self._model.bytes_per_clip // CLIP_S

    def run(self, work: Work) -> None:
        """Encode, or pass the work's sequences through the decoder once."""
        if work.state is SequenceState.WAITING:
            self._encode(work.sequences)
        else:
            self._pass(work.sequences)

    def prompt(self, context: str) -> tuple[int, ...]:
        """The context, if there is one, and the marks that begin a transcript."""
        return self._model.prompt_after(context)

    def token_limit(self, audio_samples: int) -> int:
        """Most tokens that audio of this length can hold."""
        return self._model.token_limit(audio_samples)

    def encoder_length(self, audio_samples: int) -> int:
        """Every clip is filled up to the same length."""
        return CLIP_S * SAMPLE_RATE_HZ

    def text(self, sequence: Sequence) -> str:
        """The words of the sequence's tokens."""
        return self._model.text(sequence.tokens)

    def word_times(self, sequence: Sequence) -> tuple[TimedWord, ...]:
        """The same words, with times."""
        keys = aligning_keys(self._encoded[sequence.number])
        return timed_words(
            self.text(sequence),
            self._model.pieces(sequence.tokens),
            sequence.log_probabilities,
            attention(np.stack(sequence.queries, axis=1), keys),
            sequence.request.audio,
            FRAMES,
        )

    def forget(self, sequence: Sequence) -> None:
        """Drop the sequence's frames; its slots are the scheduler's to free."""
        self._encoded.pop(sequence.number, None)

    def _encode(self, sequences: tuple[Sequence, ...]) -> None:
        clips = self._model.encode([s.request.audio for s in sequences])
        for sequence, encoded in zip(sequences, clips, strict=True):
            self._encoded[sequence.number] = encoded
            sequence.state = SequenceState.ENCODED

    def _pass(self, sequences: tuple[Sequence, ...]) -> None:
        answers = self._model.decode([self._row(s) for s in sequences], self._pool)
        for sequence, choices in zip(sequences, answers, strict=True):
            self._advance(sequence, choices[-1 - len(sequence.draft) :])

    def _row(self, sequence: Sequence) -> DecodeRow:
        known = (*sequence.prompt, *sequence.tokens, *sequence.draft)
        return DecodeRow(
            known[sequence.position :],
            self._kv.places(sequence.number, len(known)),
            self._encoded[sequence.number],
            len(sequence.prompt),
        )

    def _advance(self, sequence: Sequence, choices: list[Choice]) -> None:
        """Accept what the model chose after the last token, and as far as the draft agrees."""
        kept = agreeing(sequence.draft, choices)
        sequence.position = len(sequence.prompt) + len(sequence.tokens) + kept
        sequence.steps += 1
        count_draft(sequence, kept)
        accept(sequence, choices[: kept + 1], self._model.end_token)
        if self._drafter is None:
            return
        if sequence.state is SequenceState.DONE:
            self._drafter.learn(sequence.tokens)
        else:
            room = sequence.limit - len(sequence.tokens)
            sequence.draft = self._drafter.propose(sequence.tokens, room)
