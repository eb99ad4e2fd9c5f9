"""When each word of a transcript sounded, from what the decoder attended to while it chose it.

A decoder that attends to frames of sound follows the speech as it writes; a few of its heads do
little else. Their attention, a row a token and a column a frame, is searched for the one way
through it that never goes back and collects most: dynamic programming, as forced alignment does.

Attention says little about silence, where it rests on the frames beside it. So the way leads
through islands of speech alone, and a step from one island to the next costs something inside a
word and nothing between two.

Source of attention as alignment: openai/whisper, timing.py (there with a smoothing that made these
times worse); of the search: Sakoe & Chiba, "Dynamic programming algorithm optimization for spoken
word recognition", 1978.
"""

import codecs
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.events import TimedWord
from lab_kit.core.units import SAMPLE_RATE_HZ

Island = tuple[float, float]
"""A stretch of speech, in seconds."""

_CROSSING = 1.0
"""What it costs to cross a silence inside a word; 0.5 to 4 gave the same times."""
_LEVEL_SAMPLES = 160
_ABOVE_QUIET_DB = 5.0
_BELOW_LOUD_DB = 15.0
"""Speech is louder than the quietest tenth by the one, or than the loudest twentieth less the
other, whichever is lower. Of 4, 5, 6, 8, 10 and 12 dB above, 5 had the smallest mean error on the
clips that are not held out; from 8 on, words lost their soft edges."""
_SHORTEST_GAP = 10
"""Levels; a stop consonant is silent for less than these 100 ms. At 60 ms errors doubled."""
_SHORTEST_ISLAND = 3
_FLOOR = 1e-10


@dataclass(frozen=True, slots=True)
class Frames:
    """Where a model's frames lie in its audio: frame f is centred at first_s + f * step_s."""

    first_s: float
    step_s: float


def islands_of(audio: FloatArray) -> list[Island]:
    """The stretches of (samples,) audio that are loud enough for speech; one at least."""
    whole = len(audio) // _LEVEL_SAMPLES * _LEVEL_SAMPLES
    everything = [(0.0, len(audio) / SAMPLE_RATE_HZ)]
    if not whole:
        return everything
    pieces = audio[:whole].reshape(-1, _LEVEL_SAMPLES)
    levels_db = 10 * np.log10(np.maximum((pieces * pieces).mean(axis=1), _FLOOR))
    quiet, loud = np.percentile(levels_db, (10, 95))
    is_loud = levels_db >= min(quiet + _ABOVE_QUIET_DB, loud - _BELOW_LOUD_DB)
    runs = _runs(is_loud)
    joined: list[list[int]] = []
    for first, last in runs:
        if joined and first - joined[-1][1] < _SHORTEST_GAP:
            joined[-1][1] = last
        else:
            joined.append([first, last])
    step_s = _LEVEL_SAMPLES / SAMPLE_RATE_HZ
    found = [(a * step_s, b * step_s) for a, b in joined if b - a >= _SHORTEST_ISLAND]
    return found or everything


def attention(queries: FloatArray, keys: FloatArray) -> FloatArray:
    """Where each token was looked for, (tokens, frames): the mean of the heads.

    Args:
        queries: (heads, tokens, width) float32.
        keys: (heads, frames, width) float32.
    """
    scores = queries @ keys.transpose(0, 2, 1) / np.float32(math.sqrt(queries.shape[2]))
    shares = np.exp(scores - scores.max(axis=2, keepdims=True))
    mean: FloatArray = (shares / shares.sum(axis=2, keepdims=True)).mean(axis=0)
    return mean


def spelled(pieces: Iterable[bytes]) -> list[str]:
    """Each token's bytes as text; a letter cut in two belongs to the token that ends it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    texts = [decoder.decode(piece) for piece in pieces]
    if rest := decoder.decode(b"", final=True):
        texts[-1] += rest
    return texts


def timed_words(
    text: str,
    pieces: Sequence[str],
    log_probabilities: Sequence[float],
    attention: FloatArray,
    audio: FloatArray,
    frames: Frames,
) -> tuple[TimedWord, ...]:
    """The words of ``text`` with their times.

    Args:
        text: what the tokens say; what stands in ``pieces`` and not here was taken out.
        pieces: what each token adds, with a space before a word's first.
        log_probabilities: of each token.
        attention: (tokens, frames) float32; see `attention`.
        audio: what was heard, (samples,) float32 at 16 kHz.
        frames: where the model's frames lie in it.
    """
    owners = _owners(text, pieces)
    if not owners:
        return ()
    begins_word = np.array([piece.startswith(" ") for piece in pieces])
    begins_word[0] = True
    islands = islands_of(audio)
    firsts, lasts = _laid_out(attention, begins_word, islands, frames)
    words = []
    for word, (first, last) in zip(text.split(), owners, strict=True):
        sure = math.exp(sum(log_probabilities[first : last + 1]) / (last + 1 - first))
        words.append(TimedWord(word, firsts[first], lasts[last], sure))
    return tuple(words)


def _owners(text: str, pieces: Sequence[str]) -> list[tuple[int, int]]:
    """Of each word of ``text``, the first and last token that letters of it come from.

    Letters that were taken out are skipped. One that stands in no piece, as a mark for bytes that
    spell none, belongs to whoever came before it.
    """
    letters, owner = "".join(pieces), [n for n, piece in enumerate(pieces) for _ in piece]
    owners, at, token = [], 0, 0
    for word in text.split():
        tokens = []
        for letter in word:
            if (found := letters.find(letter, at)) >= 0:
                at, token = found + 1, owner[found]
            tokens.append(token)
        owners.append((tokens[0], tokens[-1]))
    return owners


def _laid_out(
    attention: FloatArray,
    begins_word: npt.NDArray[np.bool_],
    islands: Sequence[Island],
    frames: Frames,
) -> tuple[list[float], list[float]]:
    """Start and end of each token, in seconds."""
    tokens, count = attention.shape
    centres_s = frames.first_s + frames.step_s * np.arange(count)
    within = _within(centres_s, islands)
    kept = np.flatnonzero(within >= 0)
    if len(kept) < tokens:  # nobody says so much in so short a time
        edges_s = np.linspace(islands[0][0], islands[-1][1], tokens + 1).tolist()
        return edges_s[:-1], edges_s[1:]
    island = within[kept]
    is_border = np.diff(island, prepend=island[0]) > 0
    firsts = _way(attention[:, kept], begins_word, is_border)
    lasts = np.append(firsts[1:], len(kept)) - 1
    half_s = frames.step_s / 2
    # the first and the last frame of an island reach to its edges
    lefts_s, rights_s = centres_s[kept] - half_s, centres_s[kept] + half_s
    begin_s, end_s = np.array(islands)[island].T
    lefts_s = np.where(is_border, begin_s, np.maximum(lefts_s, begin_s))
    is_last = np.append(is_border[1:], True)
    rights_s = np.where(is_last, end_s, np.minimum(rights_s, end_s))
    lefts_s[0] = begin_s[0]
    return lefts_s[firsts].tolist(), rights_s[lasts].tolist()


def _way(
    attention: FloatArray, begins_word: npt.NDArray[np.bool_], is_border: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """The first frame of each token on the best way: (tokens,), the first at 0.

    Every frame belongs to one token, every token has a frame. A token that is ``begins_word`` may
    start at a border for nothing; any other, and one that goes on across it, pays.
    """
    tokens, frames = attention.shape
    places = np.arange(frames)
    price = np.where(is_border, _CROSSING, 0.0)
    sums = np.cumsum(attention - price, axis=1)  # of a token that went on since the first frame
    chosen = np.zeros((tokens, frames), np.int64)
    best = sums[0]
    for token in range(1, tokens):
        # had it started at frame s, with the one before ending at s - 1
        begun = np.full(frames, -np.inf)
        begun[1:] = best[:-1] - sums[token, :-1]
        if begins_word[token]:
            begun += price
        begun[:token] = -np.inf
        most = np.maximum.accumulate(begun)
        chosen[token] = np.maximum.accumulate(np.where(begun == most, places, 0))
        best = most + sums[token]
    firsts = np.zeros(tokens, np.int64)
    end = frames - 1
    for token in range(tokens - 1, 0, -1):
        firsts[token] = chosen[token, end]
        end = firsts[token] - 1
    return firsts


def _within(
    centres_s: npt.NDArray[np.floating], islands: Sequence[Island]
) -> npt.NDArray[np.int64]:
    """Of each frame, the island it lies in; -1 outside."""
    within = np.full(len(centres_s), -1, np.int64)
    for number, (start_s, end_s) in enumerate(islands):
        within[(centres_s >= start_s) & (centres_s < end_s)] = number
    return within


def _runs(is_on: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and one past last of each run of True."""
    edges = np.flatnonzero(np.diff(is_on.astype(np.int8), prepend=0, append=0))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
