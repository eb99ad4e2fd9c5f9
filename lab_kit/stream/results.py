"""A segment and what the engine heard in it, as the events that a client is told."""

import math

from lab_kit.core.events import Final, Interim, TimedWord, Timing
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.engine.api import Hypothesis
from lab_kit.stream.joining import after_cut, before_cut
from lab_kit.stream.segment import Closing, PendingDecode, Segment, Trigger
from lab_kit.stream.stability import VisibleText, without_stutter
from lab_kit.stream.words import carried, shifted


def at_s(sample: int) -> float:
    """A place in the stream, in seconds from its first sample."""
    return sample / SAMPLE_RATE_HZ


def interim_of(
    sequence: int,
    segment: Segment,
    pending: PendingDecode,
    hypothesis: Hypothesis,
    visible: VisibleText,
) -> Interim:
    """What of a pass over the segment so far is shown."""
    text = after_cut(visible.text) if segment.goes_on else visible.text
    words = _words(segment, hypothesis, text, at_s(pending.end_sample))
    return Interim(
        sequence=sequence,
        start_s=_start_s(segment, words),
        end_s=at_s(pending.end_sample),
        text=text,
        stable_chars=visible.stable_chars,
        confidence=_confidence(hypothesis),
        timing=_timing(pending.trigger, hypothesis),
        words=words,
    )


def pause_of(
    sequence: int, segment: Segment, pending: PendingDecode, hypothesis: Hypothesis
) -> Interim:
    """What the final will say if nothing more is said."""
    text = _whole(segment, hypothesis)
    end_s = at_s(segment.speech_end_sample)
    words = _words(segment, hypothesis, text, end_s)
    return Interim(
        sequence=sequence,
        start_s=_start_s(segment, words),
        end_s=end_s,
        text=text,
        stable_chars=0,
        confidence=_confidence(hypothesis),
        timing=_timing(pending.trigger, hypothesis),
        words=words,
        at_pause=True,
    )


def final_of(sequence: int, segment: Segment, hypothesis: Hypothesis, closing: Closing) -> Final:
    """What the segment says for good."""
    text = _whole(segment, hypothesis)
    text = before_cut(text) if closing.is_cut else text
    end_s = at_s(segment.speech_end_sample)
    words = _words(segment, hypothesis, text, end_s)
    return Final(
        sequence=sequence,
        start_s=_start_s(segment, words),
        end_s=end_s,
        text=text,
        confidence=_confidence(hypothesis),
        endpoint=closing.endpoint,
        requested=closing.requested,
        timing=_timing(closing.trigger, hypothesis),
        words=words,
        finished_probability=segment.finished_probability,
        tokens=len(hypothesis.tokens),
    )


def empty_final(sequence: int, trigger: Trigger) -> Final:
    """The answer to a client that asks for a final when nothing was said."""
    now_s = at_s(trigger.audio_end_sample)
    stamps = (trigger.decided_ns,) * 3
    timing = Timing(now_s, trigger.received_ns, trigger.decided_ns, *stamps, compute_ns=0)
    return Final(sequence, now_s, now_s, "", 0.0, False, True, timing)


def _whole(segment: Segment, hypothesis: Hypothesis) -> str:
    text = hypothesis.text
    if hypothesis.truncated:
        # running into the limit means that the decoder repeats itself
        text = " ".join(without_stutter(text.split()))
    return after_cut(text) if segment.goes_on else text


def _start_s(segment: Segment, words: tuple[TimedWord, ...]) -> float:
    """Where it begins: at the first word, where that is heard before the voice detector's onset."""
    onset_s = at_s(segment.onset_sample)
    return min(onset_s, words[0].start_s) if words else onset_s


def _words(
    segment: Segment, hypothesis: Hypothesis, text: str, end_s: float
) -> tuple[TimedWord, ...]:
    """Those of a text that begins as the hypothesis does, on the stream's clock."""
    heard = shifted(hypothesis.words, at_s(segment.start_sample), end_s)
    return carried(heard[: len(text.split())], text)


def _confidence(hypothesis: Hypothesis) -> float:
    """Geometric mean of the tokens' probabilities."""
    if not hypothesis.log_probabilities:
        return 0.0
    return math.exp(sum(hypothesis.log_probabilities) / len(hypothesis.log_probabilities))


def _timing(trigger: Trigger, hypothesis: Hypothesis) -> Timing:
    return Timing(
        trigger_audio_s=at_s(trigger.audio_end_sample),
        received_ns=trigger.received_ns,
        decided_ns=trigger.decided_ns,
        submitted_ns=hypothesis.submitted_ns,
        started_ns=hypothesis.started_ns,
        finished_ns=hypothesis.finished_ns,
        compute_ns=hypothesis.compute_ns,
    )
