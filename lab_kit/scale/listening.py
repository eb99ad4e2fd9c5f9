"""One stream's rules in numbers: when it asks for an interim, a final, and what it takes back.

They are those of `stream.session` with the default options. Texts have a length here and no words.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from lab_kit.audio.detect.endpointing import Mark
from lab_kit.engine.api import INTERIM_SHARE
from lab_kit.scale.costs import ServerCosts
from lab_kit.scale.decoding import Decode, Decoder
from lab_kit.scale.sound import CallerSound, HeardMark, Voice

PRE_ROLL_S = 0.2
FIRST_INTERIM_S = 0.1
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 0.05, 0.5
SETTLED_S, LONGEST_S = 4.0, 6.0
EDGE_S = 1e-6
"""Sums of chunks are not exact."""
EARLY_S, EARLY_TOKENS, EARLY_TAIL_S = 0.6, 4, 0.1
DRAFT_DROPS, FINAL_DRAFT_DROPS = 2, 4
LONG_S = 3.0
"""The same as in `stream.segment`, `stream.stability` and `stream.session`; a test compares."""


def interim_interval_s(speech_s: float) -> float:
    """How much more must be said before the segment is decoded again, at full service."""
    return min(max(speech_s * INTERIM_SHARE, SHORTEST_INTERVAL_S), LONGEST_INTERVAL_S)


@dataclass(slots=True, eq=False)
class _Segment:
    onset_s: float
    next_interim_s: float
    start_s: float
    end_s: float = 0.0
    interim: Decode | None = None
    final: Decode | None = None
    is_ready: bool = False
    heard_tokens: int = 0
    quietest: float = 1.0
    quietest_s: float | None = None


class Listener:
    """The state of one stream.

    Args:
        told: called with a segment's begin and end, in seconds of the sound, when its final leaves.
    """

    def __init__(
        self,
        number: int,
        sound: CallerSound,
        decoder: Decoder,
        costs: ServerCosts,
        told: Callable[[float, float], None],
    ) -> None:
        self._number = number
        self._decoder = decoder
        self._costs = costs
        self._told = told
        self._marks = deque(sound.marks)
        self._voices = deque(sound.voices)
        self._chunk_s = sound.chunk_s
        self._open: _Segment | None = None
        self._closing: deque[_Segment] = deque()

    def push(self, chunk: int) -> None:
        """A chunk was received and judged."""
        now_s = (chunk + 1) * self._chunk_s
        while self._marks and self._marks[0].chunk <= chunk:
            self._mark(self._marks.popleft(), now_s)
        while self._voices and self._voices[0].end_s <= now_s:
            self._follow(self._voices.popleft())
        self._cut_if_too_long(now_s)
        self._ask_interim(now_s)

    def finish(self, now_s: float) -> None:
        """No more sound will come."""
        if self._open is not None:
            self._open.end_s = self._open.end_s if self._open.final else now_s
            self._close(self._open, now_s)

    def _mark(self, heard: HeardMark, now_s: float) -> None:
        if heard.mark is Mark.ONSET:
            onset_s = heard.at_s
            self._open = _Segment(onset_s, onset_s + FIRST_INTERIM_S, max(0, onset_s - PRE_ROLL_S))
            return
        segment = self._open
        if segment is None:
            return
        if heard.mark is Mark.PAUSE:
            segment.end_s = heard.at_s
            self._drop_interim(segment)
            segment.next_interim_s = now_s + interim_interval_s(now_s - segment.onset_s)
            segment.final = self._final(segment, now_s)
        elif heard.mark is Mark.RESUMED:
            self._resume(segment, heard.confirmed, now_s)
        elif heard.mark is Mark.ENDPOINT:
            self._close(segment, now_s)

    def _follow(self, voice: Voice) -> None:
        """Remember the quietest place in the later half of a segment, where it may be cut."""
        segment = self._open
        is_late = segment is not None and voice.end_s - segment.start_s >= LONGEST_S / 2
        if segment is not None and is_late and voice.probability <= segment.quietest:
            segment.quietest, segment.quietest_s = voice.probability, voice.end_s

    def _cut_if_too_long(self, now_s: float) -> None:
        segment = self._open
        if segment is None or now_s - segment.start_s < LONGEST_S:
            return
        cut_s = segment.quietest_s or now_s
        self._drop_final(segment)
        segment.end_s = cut_s
        self._close(segment, now_s)
        self._open = _Segment(cut_s, now_s, cut_s)

    def _resume(self, segment: _Segment, confirmed: bool, now_s: float) -> None:
        if segment.final is not None and confirmed and segment.end_s - segment.onset_s >= SETTLED_S:
            cut_s = now_s
            self._close(segment, now_s)
            self._open = _Segment(cut_s, now_s, cut_s)
            return
        if segment.final is not None and not segment.is_ready:
            segment.interim = segment.final
        segment.final, segment.is_ready = None, False

    def _ask_interim(self, now_s: float) -> None:
        segment = self._open
        if segment is None or segment.final is not None or now_s < segment.next_interim_s - EDGE_S:
            return
        speech_s, window_s = now_s - segment.onset_s, now_s - segment.start_s
        tokens = self._tokens(speech_s)
        is_early = speech_s < EARLY_S
        window_s += EARLY_TAIL_S if is_early else 0.0
        tokens = min(tokens, EARLY_TOKENS) if is_early else tokens
        drafted = 0 if is_early else self._drafted(segment, tokens, DRAFT_DROPS)
        if segment.interim is not None:
            self._decoder.refresh(segment.interim, window_s, tokens, drafted)
            return
        segment.next_interim_s = now_s + interim_interval_s(speech_s)

        def answered() -> None:
            if segment.interim is decode:
                segment.interim = None
                segment.heard_tokens = decode.tokens

        decode = Decode(self._number, False, window_s, tokens, drafted, answered)
        segment.interim = decode
        self._decoder.submit(decode)

    def _final(self, segment: _Segment, now_s: float) -> Decode:
        window_s = now_s - segment.start_s
        tokens = self._tokens(segment.end_s - segment.onset_s)
        is_long = window_s >= LONG_S
        drafted = self._drafted(segment, tokens, FINAL_DRAFT_DROPS) if is_long else 0

        def answered() -> None:
            segment.heard_tokens = decode.tokens
            if segment.final is decode:
                segment.is_ready = True
                self._tell()
            elif segment.interim is decode:
                segment.interim = None

        decode = Decode(self._number, True, window_s, tokens, drafted, answered)
        self._decoder.submit(decode)
        return decode

    def _close(self, segment: _Segment, now_s: float) -> None:
        self._open = None
        self._drop_interim(segment)
        self._closing.append(segment)
        if segment.final is None:
            segment.final = self._final(segment, now_s)
        self._tell()

    def _tell(self) -> None:
        """Finals leave in the order of their segments."""
        while self._closing and self._closing[0].is_ready:
            segment = self._closing.popleft()
            self._told(segment.onset_s, segment.end_s)

    def _drop_interim(self, segment: _Segment) -> None:
        if segment.interim is not None:
            self._decoder.cancel(segment.interim)
            segment.interim = None

    def _drop_final(self, segment: _Segment) -> None:
        if segment.final is not None and not segment.is_ready:
            self._decoder.cancel(segment.final)
        segment.final, segment.is_ready = None, False

    def _tokens(self, speech_s: float) -> int:
        """Of an answer, with the one that ends it."""
        return max(1, round(speech_s * self._costs.tokens_per_s)) + 1

    def _drafted(self, segment: _Segment, tokens: int, dropped: int) -> int:
        return max(0, min(segment.heard_tokens - 1 - dropped, tokens - 1))
