"""What the caller hears of the answer, by the clock: what was sent is played without a gap.

Nobody is told when a client plays what it got. It cannot be sooner than it came, and clients that
talk play at once; so this is the earliest, and what the caller hears may lag behind by as much as a
client buffers.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.voice.levels import BANDS, FRAME_S, SILENCE_DB, Levels, band_levels_db

KEPT_S = 2.0
"""Of what was played, for its echo."""


@dataclass(frozen=True, slots=True)
class _Piece:
    start_s: float
    end_s: float
    levels_db: Levels


class Playback:
    """One conversation's loudspeaker. All times are of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._pieces: deque[_Piece] = deque()
        self._ends_s = -math.inf

    def send(self, sound: FloatArray, rate_hz: int, now_s: float) -> float:
        """(samples,) in [-1, 1] leave now; returns when they begin to be heard."""
        start_s = max(now_s, self._ends_s)
        self._ends_s = start_s + len(sound) / rate_hz
        self._pieces.append(_Piece(start_s, self._ends_s, band_levels_db(sound, rate_hz)))
        while self._pieces and self._pieces[0].end_s < now_s - KEPT_S:
            self._pieces.popleft()
        return start_s

    def stop(self, now_s: float) -> None:
        """What was not heard by now never is."""
        self._ends_s = min(self._ends_s, now_s)
        pieces = [piece for piece in self._pieces if piece.start_s < now_s]
        self._pieces = deque(_until(piece, now_s) for piece in pieces)

    def left_s(self, now_s: float) -> float:
        """Sound that is still to be heard."""
        return max(0.0, self._ends_s - now_s)

    def loudest_db(self, from_s: float, to_s: float) -> Levels:
        """The highest level in each band that was heard between two moments, (bands,)."""
        loudest = np.full(BANDS, SILENCE_DB)
        for piece in self._pieces:
            first = max(0, int((from_s - piece.start_s) / FRAME_S))
            last = int((to_s - piece.start_s) / FRAME_S) + 1
            if last > 0 and len(within := piece.levels_db[first:last]):
                loudest = np.maximum(loudest, within.max(axis=0))
        return loudest


def _until(piece: _Piece, end_s: float) -> _Piece:
    if piece.end_s <= end_s:
        return piece
    count = int((end_s - piece.start_s) / FRAME_S) + 1
    return _Piece(piece.start_s, end_s, piece.levels_db[:count])
