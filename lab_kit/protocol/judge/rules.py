"""The rules that a live stream keeps on every wire and in every dialect, each a function.

A rule looks at what was seen, in order, and tells where it is broken. It asks for nothing that a
dialect has no word for: what is not said breaks no rule, but what is said must be true.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lab_kit.protocol.judge.seen import (
    AskedForFinal,
    Begun,
    Closed,
    Ended,
    Failed,
    Finished,
    Happening,
    Opened,
    Refused,
    Result,
    Resumed,
    Seen,
    Sound,
    Speech,
    Used,
    UtteranceOver,
)

EDGE_S = 0.002
"""Times that a dialect rounds to milliseconds may be off by one each."""
AHEAD_S = 0.1
"""A result may reach so far beyond the sound that was sent: models see in windows, and the last one
is filled up."""
BY_SERVER = (Begun, Resumed, Speech, Result, UtteranceOver, Used, Failed, Ended)


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that is broken.

    Attributes:
        rule: its name.
        line: of the capture, where it shows.
        what: what is wrong there, as a sentence.
    """

    rule: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.rule}: {self.what}"


Found = Iterator[tuple[int, str]]
Rule = Callable[[Sequence[Seen]], Found]


def first_and_once(seen: Sequence[Seen]) -> Found:
    """A session begins once, and before anything else is said of it."""
    is_begun = has_spoken = False
    for one in seen:
        if isinstance(one.what, Begun):
            if is_begun:
                yield one.line, "the session begins a second time"
            elif has_spoken:
                yield one.line, "the session begins after something was said"
            is_begun = True
        is_about_it = isinstance(one.what, BY_SERVER) and not isinstance(one.what, Resumed)
        has_spoken = has_spoken or is_about_it


def nothing_after_the_end(seen: Sequence[Seen]) -> Found:
    """After the end nothing is said, and after the connection's end nothing at all."""
    ended: Seen | None = None
    closed: Seen | None = None
    for one in seen:
        if isinstance(one.what, Opened):
            ended = closed = None
        if closed is not None and isinstance(one.what, (*BY_SERVER, Closed)):
            yield one.line, f"{_name(one)} after the connection was over"
        elif ended is not None and isinstance(one.what, BY_SERVER):
            yield one.line, f"{_name(one)} after the end of the stream"
        ended = one if isinstance(one.what, Ended) else ended
        closed = one if isinstance(one.what, Closed | Refused) else closed


def numbers_without_holes(seen: Sequence[Seen]) -> Found:
    """Numbered messages count 1, 2, 3, …, over a new connection too."""
    last = 0
    for one in seen:
        if isinstance(one.what, Resumed):
            if one.what.after > last:
                yield one.line, f"it goes on after {one.what.after}, and {last} was the last"
            last = one.what.after
        if one.sequence is None:
            continue
        if one.sequence == last:
            yield one.line, f"{one.sequence} comes twice"
        elif one.sequence != last + 1:
            yield one.line, f"{one.sequence} after {last}"
        last = one.sequence


def times_in_order(seen: Sequence[Seen]) -> Found:
    """Ends come after starts, finals after one another, words in their result."""
    until_s = 0.0
    for one in seen:
        result = one.what
        if not isinstance(result, Result) or result.end_s is None:
            continue
        if result.is_final and result.end_s < until_s - EDGE_S:
            yield one.line, f"a final until {result.end_s:.2f} s after one until {until_s:.2f} s"
        if result.start_s is None:
            until_s = max(until_s, result.end_s if result.is_final else 0.0)
            continue
        if result.end_s < result.start_s - EDGE_S:
            yield one.line, f"a result ends at {result.end_s:.2f} s, before {result.start_s:.2f} s"
        if result.is_final:
            if result.start_s < until_s - EDGE_S:
                yield (
                    one.line,
                    f"a final from {result.start_s:.2f} s after one until {until_s:.2f} s",
                )
            until_s = max(until_s, result.end_s)
        yield from _words(one.line, result)


def _words(line: int, result: Result) -> Found:
    assert result.start_s is not None
    assert result.end_s is not None
    last_s = result.start_s
    if result.words and result.words[0].start_s < result.start_s - EDGE_S:
        yield line, f"the word {result.words[0].text!r} begins before its result"
        last_s = result.words[0].start_s
    for word in result.words:
        if word.end_s < word.start_s - EDGE_S:
            yield line, f"the word {word.text!r} ends before it begins"
        if word.start_s < last_s - EDGE_S:
            yield line, f"the word {word.text!r} begins before the one in front of it"
        if word.end_s > result.end_s + EDGE_S:
            yield line, f"the word {word.text!r} ends after its result"
        last_s = max(last_s, word.start_s)


def no_sound_from_the_future(seen: Sequence[Seen]) -> Found:
    """A result tells of sound that was sent before it."""
    sent_s: float | None = 0.0
    has_sound = any(isinstance(one.what, Sound) for one in seen)
    for one in seen:
        if isinstance(one.what, Sound):
            length_s = one.what.audio_s
            sent_s = None if sent_s is None or length_s is None else sent_s + length_s
        if sent_s is None or not has_sound:
            continue
        if isinstance(one.what, Result):
            end_s = one.what.end_s
        else:
            end_s = one.what.at_s if isinstance(one.what, Speech) else None
        if end_s is not None and end_s > sent_s + AHEAD_S:
            yield one.line, f"it tells of {end_s:.2f} s, and {sent_s:.2f} s were sent"


def a_final_is_final(seen: Sequence[Seen]) -> Found:
    """After a segment's final nothing more is said of it."""
    finals: set[str] = set()
    until_s = 0.0
    for one in seen:
        result = one.what
        if not isinstance(result, Result):
            continue
        if result.segment is not None and result.segment in finals:
            kind = "a second final" if result.is_final else "an interim"
            yield one.line, f"{kind} of segment {result.segment} after its final"
        elif not result.is_final and _begins_before(result, until_s):
            yield one.line, f"an interim from {result.start_s:.2f} s after its final"
        if result.is_final:
            finals |= {result.segment} if result.segment is not None else set()
            until_s = max(until_s, result.end_s or 0.0)


def _begins_before(result: Result, until_s: float) -> bool:
    return result.start_s is not None and result.start_s < until_s - EDGE_S


def an_interim_has_its_final(seen: Sequence[Seen]) -> Found:
    """What was shown is settled before a stream ends well."""
    shown: dict[str | None, Seen] = {}
    settled: set[str] = set()
    for one in seen:
        if isinstance(one.what, Result):
            if one.what.is_final:
                shown.pop(one.what.segment, None)
                settled |= {one.what.segment} if one.what.segment is not None else set()
            elif one.what.text and one.what.segment not in settled:
                shown[one.what.segment] = one
        if isinstance(one.what, Ended) or (isinstance(one.what, Closed) and one.what.is_well):
            for interim in shown.values():
                yield interim.line, "an interim that no final followed"
            shown.clear()


def revisions_count(seen: Sequence[Seen]) -> Found:
    """The results of a segment are numbered 1, 2, 3, …; stable text is in them."""
    revisions: dict[str | None, int] = {}
    for one in seen:
        result = one.what
        if not isinstance(result, Result):
            continue
        if result.stable_chars is not None and not 0 <= result.stable_chars <= len(result.text):
            yield one.line, f"{result.stable_chars} stable characters of {len(result.text)}"
        if result.revision is not None:
            before = revisions.get(result.segment, 0)
            if result.revision != before + 1:
                yield one.line, f"revision {result.revision} after {before}"
            revisions[result.segment] = result.revision


def marks_where_they_belong(seen: Sequence[Seen]) -> Found:
    """Speech starts before its results, and an utterance is over after its final."""
    heard_until_s = -1.0
    for one in seen:
        what = one.what
        if isinstance(what, Speech) and what.at_s < heard_until_s - EDGE_S:
            yield one.line, f"speech started at {what.at_s:.2f} s, after a final from beyond it"
        if isinstance(what, UtteranceOver) and what.last_word_end_s > heard_until_s + EDGE_S:
            yield one.line, f"an utterance over at {what.last_word_end_s:.2f} s, before its final"
        if isinstance(what, Result) and what.is_final and what.end_s is not None:
            heard_until_s = max(heard_until_s, what.end_s)


def finals_that_were_asked_for(seen: Sequence[Seen]) -> Found:
    """A final is called asked for only where the client has asked."""
    asked = 0
    for one in seen:
        asked += isinstance(one.what, AskedForFinal)
        if isinstance(one.what, Result) and one.what.requested:
            if not asked:
                yield one.line, "a final that is called asked for, and nobody had asked"
            asked = max(0, asked - 1)


def usage_adds_up(seen: Sequence[Seen]) -> Found:
    """Usage has no gap and no overlap, and is all the sound there was."""
    until_s: float | None = None
    sent_s: float | None = 0.0
    for one in seen:
        what = one.what
        if isinstance(what, Sound):
            sent_s = None if sent_s is None or what.audio_s is None else sent_s + what.audio_s
        if isinstance(what, Used):
            begins_s = until_s or 0.0
            if what.from_s is not None and abs(what.from_s - begins_s) > EDGE_S:
                yield one.line, f"usage from {what.from_s:.2f} s, after {begins_s:.2f} s"
            if what.until_s < begins_s - EDGE_S:
                yield one.line, f"usage until {what.until_s:.2f} s, after {begins_s:.2f} s"
            until_s = what.until_s
        if isinstance(what, Ended) and what.audio_s is not None:
            if until_s is not None and abs(what.audio_s - until_s) > EDGE_S:
                yield one.line, f"{what.audio_s:.2f} s in all, and {until_s:.2f} s of usage"
            if sent_s and what.audio_s > sent_s + AHEAD_S:
                yield one.line, f"{what.audio_s:.2f} s in all, and {sent_s:.2f} s were sent"


def an_end_with_its_reason(seen: Sequence[Seen]) -> Found:
    """A fatal error and a good end do not go together."""
    fatal: Seen | None = None
    has_finished = has_ended = False
    for one in seen:
        what = one.what
        if isinstance(what, Opened):
            fatal, has_finished, has_ended = None, False, False
        has_finished = has_finished or isinstance(what, Finished)
        has_ended = has_ended or isinstance(what, Ended)
        if fatal is not None and isinstance(what, Result | Speech | Begun):
            yield one.line, f"{_name(one)} after a fatal error"
        if isinstance(what, Failed) and what.is_fatal:
            fatal = one
        if isinstance(what, Closed) and not what.by_client:
            if fatal is not None and what.is_well:
                yield one.line, f"closed with {what.code}, as if all was well, after a fatal error"
            if what.is_well and not (has_finished or has_ended):
                yield one.line, f"closed with {what.code}, and the client had not finished"


RULES: dict[str, Rule] = {
    "begins-once": first_and_once,
    "nothing-after-the-end": nothing_after_the_end,
    "numbers": numbers_without_holes,
    "times": times_in_order,
    "future": no_sound_from_the_future,
    "final-is-final": a_final_is_final,
    "interim-has-final": an_interim_has_its_final,
    "revisions": revisions_count,
    "marks": marks_where_they_belong,
    "asked-for": finals_that_were_asked_for,
    "usage": usage_adds_up,
    "reason": an_end_with_its_reason,
}
"""By name, in the order in which they are told."""


def _name(one: Seen) -> str:
    return _NAMES.get(type(one.what), type(one.what).__name__.lower())


_NAMES: dict[type[Happening], str] = {
    Result: "a result",
    Speech: "a start of speech",
    Used: "usage",
    Failed: "an error",
    Ended: "an end",
    Begun: "a begin",
    Closed: "another end of the connection",
    Sound: "sound",
}
