"""The latency metrics of a live stream, and where the time went.

Zero is when sound was *due*, never when a byte was sent, and speech ends where the words end,
never where a detector says so. Otherwise a slow sender or a lazy detector would flatter the
result. Definitions: docs/glossary.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lab_kit.core.call_record import Received, RequestCall, Spoken, StageSpan, StreamCall, Waterfall
from lab_kit.core.events import Final, Interim
from lab_kit.measure.accuracy import bare_words
from lab_kit.measure.percentiles import percentile

NETWORK_OUT = "network out"
QUEUE_WAIT = "queue wait"
PREPROCESSING = "preprocessing"
INFERENCE = "inference"
POSTPROCESSING = "postprocessing"
NETWORK_BACK = "network back"
ENDPOINTING = "endpointing"
STAGES = (
    ENDPOINTING,
    NETWORK_OUT,
    PREPROCESSING,
    QUEUE_WAIT,
    INFERENCE,
    POSTPROCESSING,
    NETWORK_BACK,
)
"""Every stage in the order in which it happens; a color each, everywhere."""

_EDGE_S = 0.05
"""Spans that share less than this only touch; neither end is known more exactly."""
_SAME_ONSET_S = 0.3
"""A segment that begins within this of an utterance's onset begins with it."""


@dataclass(frozen=True, slots=True)
class UtteranceDelays:
    """One utterance's delays; None where the result never came, which is infinitely late.

    Attributes:
        first_result_s: speech onset until the first non-empty result.
        first_word_s: speech onset until the first result whose first word is the final's.
        final_delay_s: true speech end until its last final; one that came sooner is of an earlier
            piece, as where a call is closed while somebody speaks.
        heard: the finals' text.
    """

    spoken: Spoken
    first_result_s: float | None
    first_word_s: float | None
    final_delay_s: float | None
    heard: str


def utterance_delays(call: StreamCall) -> list[UtteranceDelays]:
    """The delays of every utterance of ``call.spoken``, in order."""
    return [_delays(call, spoken) for spoken in call.spoken]


def freshness_s(call: StreamCall, step_s: float = 0.1) -> list[float]:
    """How old the newest result's audio was, sampled every ``step_s`` while someone spoke."""
    results = [r for r in call.received if isinstance(r.event, Interim | Final)]
    ages: list[float] = []
    for spoken in call.spoken:
        moment_s = spoken.start_s + step_s
        while moment_s <= spoken.end_s:
            now_ns = call.due_ns(moment_s)
            covered = [_end_s(r) for r in results if r.received_ns <= now_ns]
            ages.append(moment_s - max([spoken.start_s, *covered]))
            moment_s += step_s
    return ages


def result_gaps_s(call: StreamCall) -> list[float]:
    """How long nothing new was heard while someone spoke: gaps between results, within utterances.

    The first gap of an utterance begins with its first result, the last ends when its sound does;
    an utterance without any result is one gap as long as itself.
    """
    results = [r for r in call.received if isinstance(r.event, Interim | Final) and r.event.text]
    gaps: list[float] = []
    for spoken in call.spoken:
        from_ns, to_ns = call.due_ns(spoken.start_s), call.due_ns(spoken.end_s)
        moments = [r.received_ns for r in results if from_ns <= r.received_ns <= to_ns]
        borders = [*(moments or [from_ns]), to_ns]
        gaps += [(b - a) / 1e9 for a, b in pairwise(borders)]
    return gaps


def rtf(call: StreamCall) -> float:
    """Device time of all results that arrived, per second of audio.

    Decodes that were dropped before they gave a result are not in it; the server's own CPU time
    is.
    """
    results = [r.event for r in call.received if isinstance(r.event, Interim | Final)]
    return sum(event.timing.compute_ns for event in results) / 1e9 / call.audio_s


def transcript(call: StreamCall) -> str:
    """The finals, joined."""
    finals = [r.event.text for r in call.received if isinstance(r.event, Final)]
    return " ".join(text for text in finals if text)


def send_lateness_s(call: StreamCall) -> list[float]:
    """How late each chunk left; a generator that is late measures itself."""
    return [(sent.sent_ns - sent.due_ns) / 1e9 for sent in call.sent]


def final_waterfall(call: StreamCall, spoken: Spoken) -> Waterfall:
    """From the true end of ``spoken`` to its last final, stage by stage.

    Raises:
        ValueError: the utterance got no final, or what was sent is not known, as of a broken call.
    """
    finals = [one for one in _finals_of(call, spoken) if _holds_end(call, spoken, one)]
    if not finals:
        raise ValueError(f"no final arrived for '{spoken.text}'")
    if not call.sent:
        raise ValueError("what was sent is not known: the call broke before its end")
    last = finals[-1]
    event = last.event
    assert isinstance(event, Final)
    timing = event.timing
    # a resampler may give a sample more than was sent, so the last chunk stands in for the next
    reached = (s for s in call.sent if s.audio_end_s >= timing.trigger_audio_s - 1e-6)
    sent = next(reached, call.sent[-1])
    local = call.clock.to_local
    decided, finished = local(timing.decided_ns), local(timing.finished_ns)
    started = local(timing.started_ns)
    borders = [
        (ENDPOINTING, sent.sent_ns),
        (NETWORK_OUT, local(timing.received_ns)),
        (PREPROCESSING, decided),
        (QUEUE_WAIT, max(decided, started)),
        (INFERENCE, max(decided, finished)),
        (POSTPROCESSING, local(last.remote_sent_ns)),
        (NETWORK_BACK, last.received_ns),
    ]
    zero_ns = call.due_ns(spoken.end_s)
    hidden: tuple[StageSpan, ...] = ()
    if started < decided:
        until = min(finished, decided)
        hidden = (StageSpan(INFERENCE, (started - zero_ns) / 1e9, (until - zero_ns) / 1e9),)
    return Waterfall(
        title=call.name,
        zero="the speaker stops",
        stages=_consecutive(zero_ns, borders),
        hidden=hidden,
        clock_error_s=call.clock.error_ns / 1e9,
        device=call.device,
    )


def request_waterfall(call: RequestCall) -> Waterfall:
    """From the request's first byte out to the response's last byte in, stage by stage."""
    local = {name: call.clock.to_local(stamp) for name, stamp in call.remote_ns.items()}
    borders = [
        (NETWORK_OUT, local["received"]),
        (PREPROCESSING, local["decoded"]),
        (QUEUE_WAIT, local["started"]),
        (INFERENCE, local["finished"]),
        (POSTPROCESSING, local["responded"]),
        (NETWORK_BACK, call.received_ns),
    ]
    return Waterfall(
        title=call.name,
        zero="the request is sent",
        stages=_consecutive(call.sent_ns, borders),
        hidden=(),
        clock_error_s=call.clock.error_ns / 1e9,
        device=call.device,
    )


def median_final_delay_s(call: StreamCall) -> float:
    """The final delay that half of the call's utterances stayed within; infinite if few came.

    Raises:
        ValueError: nobody knows what was said in this call.
    """
    delays = [one.final_delay_s for one in utterance_delays(call)]
    if not delays:
        raise ValueError(f"'{call.name}' has no utterance with known times; stream a clip")
    return percentile([math.inf if delay is None else delay for delay in delays], 0.5)


def stage_s(waterfall: Waterfall, name: str) -> float:
    """How long the stage ``name`` took; 0 where the waterfall has none."""
    return sum(stage.length_s for stage in waterfall.stages if stage.name == name)


def middle(calls: Sequence[RequestCall]) -> RequestCall:
    """The one with the median total; of an even number the quicker of the two in the middle.

    Raises:
        ValueError: there is none.
    """
    if not calls:
        raise ValueError("no calls, so none is in their middle; make one first")
    return sorted(calls, key=lambda call: call.total_s)[(len(calls) - 1) // 2]


def grew_most(before: Waterfall, after: Waterfall) -> str:
    """The stage that took longer by most in ``after``."""
    names = [stage.name for stage in after.stages]
    return max(names, key=lambda name: stage_s(after, name) - stage_s(before, name))


def grown(waterfall: Waterfall, name: str, by_s: float) -> Waterfall:
    """The waterfall as it would be if stage ``name`` took ``by_s`` longer and the rest as long.

    Raises:
        ValueError: it has no such stage.
    """
    if name not in [stage.name for stage in waterfall.stages]:
        raise ValueError(f"no stage '{name}' among {[s.name for s in waterfall.stages]}")
    stages, at_s = [], 0.0
    for stage in waterfall.stages:
        length_s = stage.length_s + (by_s if stage.name == name else 0.0)
        stages.append(StageSpan(stage.name, at_s, at_s + length_s))
        at_s += length_s
    return replace(waterfall, stages=tuple(stages))


def _consecutive(zero_ns: int, borders: list[tuple[str, int]]) -> tuple[StageSpan, ...]:
    """Stages from one border to the next; together they cover everything from zero.

    Nothing ends before it began: a border that the clock error puts before the one it follows, or
    after the end, is moved to it.
    """
    stages, at_ns, last_ns = [], zero_ns, borders[-1][1]
    for name, border_ns in borders:
        until_ns = min(max(at_ns, border_ns), max(at_ns, last_ns))
        stages.append(StageSpan(name, (at_ns - zero_ns) / 1e9, (until_ns - zero_ns) / 1e9))
        at_ns = until_ns
    return tuple(stages)


def _delays(call: StreamCall, spoken: Spoken) -> UtteranceDelays:
    finals = _finals_of(call, spoken)
    last = [one for one in finals if _holds_end(call, spoken, one)][-1:]
    heard = " ".join(r.event.text for r in finals if isinstance(r.event, Final))
    results = [
        r
        for r in call.received
        if isinstance(r.event, Interim | Final) and r.event.text and _overlaps(r.event, spoken)
    ]
    return UtteranceDelays(
        spoken=spoken,
        first_result_s=_since(call, spoken.start_s, results[:1]),
        first_word_s=_since(call, spoken.start_s, _surviving(results, heard, spoken)[:1]),
        final_delay_s=_since(call, spoken.end_s, last),
        heard=heard,
    )


def _surviving(results: list[Received], heard: str, spoken: Spoken) -> list[Received]:
    """Results whose first word is the final's, if their segment began with this utterance."""
    first_words = bare_words(heard)[:1]
    return [
        r
        for r in results
        if isinstance(r.event, Interim | Final)
        and abs(r.event.start_s - spoken.start_s) < _SAME_ONSET_S
        and bare_words(r.event.text)[:1] == first_words
    ]


def _finals_of(call: StreamCall, spoken: Spoken) -> list[Received]:
    return [
        r
        for r in call.received
        if isinstance(r.event, Final) and r.event.text and _overlaps(r.event, spoken)
    ]


def _holds_end(call: StreamCall, spoken: Spoken, final: Received) -> bool:
    """Whether a final came late enough to hold the utterance's end."""
    return final.received_ns >= call.due_ns(spoken.end_s - _EDGE_S)


def _overlaps(event: Interim | Final, spoken: Spoken) -> bool:
    """Whether a result's span and an utterance share more than their edges."""
    return event.start_s < spoken.end_s - _EDGE_S and event.end_s > spoken.start_s + _EDGE_S


def _since(call: StreamCall, audio_s: float, results: list[Received]) -> float | None:
    return (results[0].received_ns - call.due_ns(audio_s)) / 1e9 if results else None


def _end_s(received: Received) -> float:
    return received.event.end_s if isinstance(received.event, Interim | Final) else 0.0
