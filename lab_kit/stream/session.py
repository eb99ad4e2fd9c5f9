"""The streaming recognizer: when to decode what, and what may be said.

Audio and answers go in with the times they arrived; actions come out: events to emit, decodes to
submit, to refresh, to cancel. No clock, no thread, no model is touched here.

Three ideas:

- Interims re-decode the segment so far, at growing intervals; what two passes agree on is stable.
- A speculative final starts the moment speech seems to stop. If it goes on, that decode becomes an
  interim; if the silence lasts, the final is there when the endpoint is. The wait hides the work.
- Finals leave in the order of their segments, and nothing of a later segment overtakes them.
"""

import math
from collections import deque
from dataclasses import replace

import numpy as np

from lab_kit.audio.buffer import AudioBuffer
from lab_kit.audio.detect.endpointing import Endpointer, Mark, SpeechMark
from lab_kit.audio.detect.vad import SpeechScorer, VoiceActivity, Window
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.events import SpeechStarted, StreamOptions, UtteranceEnd
from lab_kit.core.units import SAMPLE_RATE_HZ, samples
from lab_kit.engine.api import DecodeRequest, Hypothesis, Priority
from lab_kit.stream.actions import Action, Cancel, Emit, Judge, Refresh, Submit
from lab_kit.stream.results import at_s, empty_final, final_of, interim_of, pause_of
from lab_kit.stream.segment import (
    FIRST_INTERIM_SAMPLES,
    MAX_SEGMENT_SAMPLES,
    MIN_SPEECH_SAMPLES,
    PRE_ROLL_SAMPLES,
    SETTLED_SEGMENT_SAMPLES,
    Closing,
    PendingDecode,
    Segment,
    Trigger,
    early_view,
    interim_interval_samples,
)
from lab_kit.stream.stability import EARLY_S, EARLY_TOKENS, shown

MOST_HASTE_SAMPLES = samples(0.025)
"""Silence is judged when a chunk arrives, so an endpoint is off by up to half a chunk; by no more
than this too early, which is less than the place of speech's end is uncertain by."""
HEARD_FOR_TURN_SAMPLES = samples(8.0)
"""What is heard of a turn to tell whether it is finished, as `models.smart_turn` wants it."""
ASKED_AFTER_SAMPLES = samples(0.1)
"""Of silence, before a judge of turns is asked. Of 45 pauses noticed in a reading 15 were over by
then; of those that a reader made inside sentences it took as many for ends as before."""
SENTENCE_PAUSE_SAMPLES = samples(0.2)
"""A shorter pause is taken for one inside a sentence, as by default it ends no utterance."""
DRAFT_DROPS_TOKENS = 2
"""The end of the last hypothesis is where it changes: its final punctuation above all."""

LONG_SAMPLES = samples(3.0)
"""A final of this much audio takes longer than the silence hides; the last interim is its draft.
Over the dataset's 37 clips that took a fifth off the slowest twentieth and changed no word."""
FINAL_DROPS_TOKENS = 4
"""A word or two: the last interim's end was heard without what follows."""


class StreamSession:
    """The state of one live stream.

    Args:
        options: what the client chose.
        scorer: voice activity's network, with this stream's state.

    Attributes:
        interim_stretch: interims are asked for less often by this factor; more than 1 under load,
            and then without their words.
    """

    def __init__(self, options: StreamOptions, scorer: SpeechScorer) -> None:
        self._options = options
        self._activity = VoiceActivity(scorer)
        self._endpointer = Endpointer(*_silences(options), options.speech_probability)
        self._buffer = AudioBuffer()
        # how far the audio has been judged; within a push it lags behind what the buffer holds
        self._now_sample = 0
        self._last = Trigger(0, 0, 0)
        self._open: Segment | None = None
        self._closing: deque[Segment] = deque()
        self._spoken_until = 0
        self._utterance_end_due: int | None = None
        self._numbers = 0
        self._sequence = 0
        self._utterances = 0
        self.interim_stretch = 1.0
        self._actions: list[Action] = []

    @property
    def owed_finals(self) -> int:
        """Segments that are closed and wait for their text, and what was asked for behind them."""
        return sum(1 + len(segment.asked_after) for segment in self._closing)

    @property
    def owed_since_ns(self) -> int | None:
        """When the oldest of these segments was decided; None if none waits."""
        if not self._closing or (closing := self._closing[0].closing) is None:
            return None
        return closing.trigger.decided_ns

    @property
    def is_between(self) -> bool:
        """Whether nobody speaks, and no final is owed."""
        return self._open is None and not self._closing

    @property
    def tentative(self) -> frozenset[int]:
        """Decodes that may still be cancelled: those of a segment that is open."""
        segment = self._open
        pending = (segment.interim, segment.final) if segment is not None else ()
        return frozenset(decode.number for decode in pending if decode is not None)

    @property
    def processed_s(self) -> float:
        """Audio gone through for speech so far."""
        return self._now_sample / SAMPLE_RATE_HZ

    def push(self, audio: FloatArray, received_ns: int, now_ns: int) -> list[Action]:
        """Take (samples,) float32 at 16 kHz that arrived at ``received_ns``."""
        self._buffer.push(audio)
        trigger = self._last = Trigger(self._buffer.end_sample, received_ns, now_ns)
        for window in self._activity.push(audio):
            self._now_sample = window.end_sample
            self._follow(window)
            self._mark(self._endpointer.push(window), trigger)
            self._mark(self._endpointer.heard_until(self._now_sample), trigger)
            self._cut_if_too_long(trigger)
            self._ask_whether_finished()
        self._now_sample = self._buffer.end_sample
        # the next chunk comes a chunk later: an endpoint belongs to the nearer of the two
        nearer = min(len(audio) // 2, MOST_HASTE_SAMPLES)
        self._mark(self._endpointer.heard_until(self._now_sample + nearer), trigger)
        self._decode_interim(trigger)
        self._announce_utterance_end()
        self._forget_audio()
        return self._taken()

    def answer(self, number: int, hypothesis: Hypothesis) -> list[Action]:
        """Take the answer to decode ``number``; that of one that was cancelled is ignored."""
        for segment in (*self._closing, *([self._open] if self._open else [])):
            if segment.final is not None and segment.final.number == number:
                segment.ready = hypothesis
                if segment.closing is None:
                    self._show(segment, segment.final, hypothesis, is_pause=True)
            elif segment.interim is not None and segment.interim.number == number:
                self._show(segment, segment.interim, hypothesis)
                segment.interim = None
        self._emit_finals()
        return self._taken()

    def judged(self, number: int, probability: float, now_ns: int) -> list[Action]:
        """Take the answer to whether the speaker has finished; one that is too late is ignored."""
        segment = self._open
        if segment is None or segment.asked != number:
            return []
        segment.finished_probability = probability
        self._endpointer.judged(probability >= self._options.finished_probability)
        last = self._last
        trigger = Trigger(last.audio_end_sample, last.received_ns, now_ns)
        self._mark(self._endpointer.heard_until(self._now_sample), trigger)
        return self._taken()

    def unjudged(self, number: int) -> None:
        """Nobody will answer about that pause: its silence decides, without waiting for more."""
        if self._open is not None and self._open.asked == number:
            self._endpointer.judged(True)

    def refreshed(self, pending: PendingDecode) -> None:
        """The engine had not started on an interim yet and will decode the newer audio instead."""
        if self._open is not None and self._open.interim is not None:
            self._open.interim = pending

    def refused(self, number: int) -> bool:
        """The engine had no room for decode ``number``.

        Returns:
            True if the stream can go on: an interim is skipped, a speculative final is asked for
            again at the endpoint. False if the final of a closed segment was refused.
        """
        segment = self._open
        if segment is not None and _is(segment.interim, number):
            segment.interim = None
        if segment is not None and _is(segment.final, number):
            segment.final = None
        return not any(_is(closed.final, number) for closed in self._closing)

    def change(self, options: StreamOptions) -> None:
        """From the next sound on end utterances, and begin them, as ``options`` say; the rest of
        what was chosen stays as it was."""
        self._options = options = replace(
            self._options,
            endpoint_silence_s=options.endpoint_silence_s,
            unfinished_silence_s=options.unfinished_silence_s,
            finished_probability=options.finished_probability,
            speech_probability=options.speech_probability,
        )
        self._endpointer.change(*_silences(options), options.speech_probability)
        heard = None if self._open is None else self._open.finished_probability
        if heard is not None:
            self._endpointer.judged(heard >= options.finished_probability)

    def finalize(self, received_ns: int, now_ns: int) -> list[Action]:
        """Say now what was heard until now; the stream goes on."""
        trigger = Trigger(self._buffer.end_sample, received_ns, now_ns)
        if self._open is None:
            self._close_empty(trigger)
        else:
            self._close_here(self._open, Closing(trigger, endpoint=False, requested=True))
        self._endpointer.restart()
        return self._taken()

    def flush(self, received_ns: int, now_ns: int) -> list[Action]:
        """No more audio will come; every word heard gets its final."""
        if self._open is not None:
            trigger = Trigger(self._buffer.end_sample, received_ns, now_ns)
            self._close_here(self._open, Closing(trigger, endpoint=False, requested=False))
        return self._taken()

    def abandon(self) -> list[Action]:
        """Nobody listens any more: cancel every decode that is pending."""
        for segment in (*self._closing, *([self._open] if self._open else [])):
            self._cancel_interim(segment)
            self._cancel_final(segment)
        self._closing.clear()
        self._open = None
        return self._taken()

    # -- what was heard ------------------------------------------------------------------------

    def _follow(self, window: Window) -> None:
        segment = self._open
        if segment is None:
            return
        if window.speech_probability >= self._endpointer.release_probability:
            segment.voiced_samples += window.end_sample - window.start_sample
            segment.voiced_until_sample = window.end_sample
        old_enough = window.start_sample - segment.start_sample >= MAX_SEGMENT_SAMPLES // 2
        if old_enough and window.speech_probability <= segment.quietest_probability:
            segment.quietest_probability = window.speech_probability
            segment.quietest_sample = (window.start_sample + window.end_sample) // 2

    def _mark(self, mark: SpeechMark | None, trigger: Trigger) -> None:
        if mark is None:
            return
        if mark.mark is Mark.ONSET:
            self._open_segment(mark.at_sample)
        segment = self._open
        if segment is None:
            return
        if mark.mark is Mark.PAUSE:
            segment.speech_end_sample = mark.at_sample
            self._decode_final(segment, trigger)
            self._forget_question(segment)
            if self._options.endpoint_silence_s and self._options.unfinished_silence_s:
                segment.asks_at_sample = mark.at_sample + ASKED_AFTER_SAMPLES
        elif mark.mark is Mark.RESUMED:
            if segment.final is not None and segment.ready is not None:
                self._tell_pause(segment, segment.final, segment.ready, at_pause=False)
            self._resume(segment, trigger, mark.confirmed)
        elif mark.mark is Mark.ENDPOINT:
            self._close(segment, Closing(trigger, endpoint=True, requested=False))

    def _ask_whether_finished(self) -> None:
        segment = self._open
        if segment is None or segment.asks_at_sample is None:
            return
        if self._now_sample < segment.asks_at_sample:
            return
        segment.asks_at_sample = None
        self._numbers += 1
        segment.asked = self._numbers
        start = max(self._buffer.start_sample, self._now_sample - HEARD_FOR_TURN_SAMPLES)
        self._actions.append(Judge(self._numbers, self._buffer.between(start, self._now_sample)))

    def _forget_question(self, segment: Segment) -> None:
        segment.asks_at_sample = segment.asked = segment.finished_probability = None

    def _open_segment(self, onset_sample: int) -> None:
        # who speaks from the first sample on is heard as if it had been quiet before
        earliest = max(self._spoken_until, self._buffer.start_sample) or -PRE_ROLL_SAMPLES
        start = max(onset_sample - PRE_ROLL_SAMPLES, earliest)
        self._open = Segment(
            start_sample=start,
            onset_sample=onset_sample,
            next_interim_sample=onset_sample + FIRST_INTERIM_SAMPLES,
            voiced_samples=samples(0.032),
        )
        if self._options.speech_events:
            self._actions.append(Emit(SpeechStarted(at_s(onset_sample))))

    def _cut_if_too_long(self, trigger: Trigger) -> None:
        segment = self._open
        if segment is None or not segment.grows_too_long(self._now_sample):
            return
        cut = segment.quietest_sample or self._now_sample
        self._cancel_final(segment)
        segment.speech_end_sample = cut
        self._close(segment, Closing(trigger, endpoint=False, requested=False, is_cut=True))
        self._open_segment_at_cut(cut, goes_on=True)

    def _resume(self, segment: Segment, trigger: Trigger, was_pause: bool) -> None:
        """Speech goes on: what was to be the final becomes an interim, unless enough was said."""
        spoken = segment.speech_end_sample - segment.onset_sample
        if segment.final is not None and was_pause and spoken >= SETTLED_SEGMENT_SAMPLES:
            cut = segment.final.end_sample
            is_cut = not self._may_have_finished(segment)
            self._close(segment, Closing(trigger, endpoint=False, requested=False, is_cut=is_cut))
            self._open_segment_at_cut(cut, goes_on=is_cut)
            return
        if segment.final is not None and segment.ready is None:
            segment.interim = segment.final
        segment.final = segment.ready = None
        self._forget_question(segment)

    def _may_have_finished(self, segment: Segment) -> bool:
        """Whether the pause that is over now may have stood between two sentences."""
        probability = segment.finished_probability
        if probability is None:
            return self._now_sample - segment.speech_end_sample >= SENTENCE_PAUSE_SAMPLES
        return probability >= self._options.finished_probability

    def _open_segment_at_cut(self, cut: int, goes_on: bool) -> None:
        self._open = Segment(
            start_sample=cut,
            onset_sample=cut,
            next_interim_sample=self._now_sample,
            goes_on=goes_on,
            voiced_samples=MIN_SPEECH_SAMPLES,
        )

    # -- what is decoded ----------------------------------------------------------------------

    def _decode_interim(self, trigger: Trigger) -> None:
        segment = self._open
        if segment is None or segment.final is not None or not self._options.interim_results:
            return
        end = self._buffer.end_sample
        if end < segment.next_interim_sample:
            return
        speech = end - segment.onset_sample
        request = self._interim_request(segment, end, early=at_s(speech) < EARLY_S)
        if segment.interim is not None:
            # interims of one stream never queue behind each other: the newer replaces the waiting
            self._actions.append(
                Refresh(PendingDecode(segment.interim.number, end, trigger), request)
            )
            return
        segment.next_interim_sample = end + self._interval_samples(speech)
        segment.interim = self._submit(request, end, trigger)

    def _interval_samples(self, speech_samples: int) -> int:
        return interim_interval_samples(speech_samples, self.interim_stretch)

    def _decode_final(self, segment: Segment, trigger: Trigger) -> None:
        self._cancel_interim(segment)
        # what is heard now will be shown, so the next interim can wait as after any other
        speech = self._now_sample - segment.onset_sample
        segment.next_interim_sample = self._now_sample + self._interval_samples(speech)
        request = self._final_request(segment, self._now_sample)
        segment.final = self._submit(request, self._now_sample, trigger)

    def _interim_request(self, segment: Segment, end_sample: int, early: bool) -> DecodeRequest:
        audio = self._heard(segment, end_sample)
        # the first to go under load: whoever needs them has them in the final
        wants_words = self._options.interim_words and self.interim_stretch <= 1
        if early:
            view = early_view(audio)
            early_one = DecodeRequest(view, Priority.INTERIM, EARLY_TOKENS, wants_words=wants_words)
            return self._placed(early_one, segment)
        draft = segment.heard_tokens[:-DRAFT_DROPS_TOKENS]
        request = DecodeRequest(audio, Priority.INTERIM, draft=draft, wants_words=wants_words)
        return self._placed(request, segment)

    def _final_request(self, segment: Segment, end_sample: int) -> DecodeRequest:
        audio = self._heard(segment, end_sample)
        is_long = len(audio) >= LONG_SAMPLES
        draft = segment.heard_tokens[:-FINAL_DROPS_TOKENS] if is_long else ()
        request = DecodeRequest(audio, Priority.FINAL, draft=draft, wants_words=True)
        return self._placed(request, segment)

    def _placed(self, request: DecodeRequest, segment: Segment) -> DecodeRequest:
        """The request with its place in what is said."""
        number = max(0, self._utterances - segment.goes_on)
        return replace(request, utterance=number, goes_on=segment.goes_on)

    def _heard(self, segment: Segment, end_sample: int) -> FloatArray:
        """The segment's sound until then, with quiet for what was before the stream."""
        audio = self._buffer.between(segment.start_sample, end_sample)
        quiet = np.zeros(max(0, -segment.start_sample), np.float32)
        return np.concatenate([quiet, audio]) if len(quiet) else audio

    def _submit(self, request: DecodeRequest, end_sample: int, trigger: Trigger) -> PendingDecode:
        self._numbers += 1
        self._actions.append(Submit(self._numbers, request))
        return PendingDecode(self._numbers, end_sample, trigger)

    def _cancel_interim(self, segment: Segment) -> None:
        if segment.interim is not None:
            self._actions.append(Cancel(segment.interim.number))
            segment.interim = None

    def _cancel_final(self, segment: Segment) -> None:
        if segment.final is not None and segment.ready is None:
            self._actions.append(Cancel(segment.final.number))
        segment.final = segment.ready = None

    # -- what is said --------------------------------------------------------------------------

    def _show(
        self,
        segment: Segment,
        pending: PendingDecode,
        hypothesis: Hypothesis,
        *,
        is_pause: bool = False,
    ) -> None:
        """Emit an interim, unless finals of earlier segments are still owed."""
        speech_s = at_s(pending.end_sample - segment.onset_sample)
        sure = hypothesis.log_probabilities[0] if hypothesis.log_probabilities else -math.inf
        visible = shown(hypothesis.text, segment.heard, speech_s, sure)
        segment.heard, segment.heard_tokens = hypothesis.text, hypothesis.tokens
        if is_pause and self._options.pause_events:
            self._tell_pause(segment, pending, hypothesis, at_pause=True)
            return
        if visible is None or self._closing or not self._options.interim_results:
            return
        self._sequence += 1
        interim = interim_of(self._sequence, segment, pending, hypothesis, visible)
        self._actions.append(Emit(interim))

    def _tell_pause(
        self, segment: Segment, pending: PendingDecode, hypothesis: Hypothesis, *, at_pause: bool
    ) -> None:
        """Emit what the final would say, or would have said, where enough was said for one."""
        is_click = segment.voiced_samples < MIN_SPEECH_SAMPLES
        is_wanted = self._options.pause_events and self._options.interim_results
        if not is_wanted or is_click or self._closing or not hypothesis.text:
            return
        self._sequence += 1
        pause = pause_of(self._sequence, segment, pending, hypothesis)
        self._actions.append(Emit(replace(pause, at_pause=at_pause)))

    def _close(self, segment: Segment, closing: Closing) -> None:
        """Stop listening to the segment; its final leaves as soon as it is there.

        A speculative final that is there or on its way is that final. The caller has dropped it
        where it would not cover what was said.
        """
        self._open = None
        self._cancel_interim(segment)
        if segment.voiced_samples < MIN_SPEECH_SAMPLES and not closing.requested:
            self._cancel_final(segment)
            return
        self._utterance_end_due = None
        segment.closing = closing
        if segment.final is None:
            end = segment.speech_end_sample or self._now_sample
            request = self._final_request(segment, end)
            segment.final = self._submit(request, end, closing.trigger)
        self._spoken_until = segment.speech_end_sample
        self._utterances += not segment.goes_on
        self._closing.append(segment)
        self._emit_finals()

    def _close_here(self, segment: Segment, closing: Closing) -> None:
        """Close at the end of what was heard, or at the pause that was being waited out."""
        pending = segment.final
        if (
            pending is not None
            and segment.voiced_until_sample - pending.end_sample >= MIN_SPEECH_SAMPLES
        ):
            # the level called the pause and the detector did not: a quiet word may have followed
            self._cancel_final(segment)
        if segment.final is None:
            segment.speech_end_sample = self._now_sample
        self._close(segment, closing)

    def _close_empty(self, trigger: Trigger) -> None:
        """A client that asks for a final gets one, though nothing was said; in its turn."""
        if self._closing:
            self._closing[-1].asked_after.append(trigger)
        else:
            self._emit_empty(trigger)

    def _emit_empty(self, trigger: Trigger) -> None:
        self._sequence += 1
        self._actions.append(Emit(empty_final(self._sequence, trigger)))

    def _emit_finals(self) -> None:
        while self._closing and self._closing[0].ready is not None:
            self._emit_final(self._closing.popleft())

    def _emit_final(self, segment: Segment) -> None:
        hypothesis, closing = segment.ready, segment.closing
        assert hypothesis is not None
        assert closing is not None
        self._sequence += 1
        final = final_of(self._sequence, segment, hypothesis, closing)
        self._actions.append(Emit(final))
        for trigger in segment.asked_after:
            self._emit_empty(trigger)
        if self._options.utterance_end_s is not None and not self._closing:
            gap = samples(self._options.utterance_end_s)
            self._utterance_end_due = segment.speech_end_sample + gap

    def _announce_utterance_end(self) -> None:
        due = self._utterance_end_due
        if due is not None and self._open is None and self._buffer.end_sample >= due:
            self._actions.append(Emit(UtteranceEnd(at_s(self._spoken_until))))
            self._utterance_end_due = None

    # -- housekeeping --------------------------------------------------------------------------

    def _forget_audio(self) -> None:
        keep = self._buffer.end_sample - PRE_ROLL_SAMPLES - samples(0.2)
        if self._options.unfinished_silence_s is not None:
            keep = min(keep, self._buffer.end_sample - HEARD_FOR_TURN_SAMPLES)
        if self._open is not None:
            keep = min(keep, self._open.start_sample)
        self._buffer.forget_before(keep)

    def _taken(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions


def _silences(options: StreamOptions) -> tuple[int | None, int | None]:
    """That end an utterance, and one which did not sound finished."""
    silence_s, unfinished_s = options.endpoint_silence_s, options.unfinished_silence_s
    return (
        None if silence_s is None else samples(silence_s),
        None if unfinished_s is None else samples(unfinished_s),
    )


def _is(pending: PendingDecode | None, number: int) -> bool:
    return pending is not None and pending.number == number
