"""Lab 04: plan a fleet's bandwidth, tune endpointing for two products, repair a clicking stream.

The first two are judged by the reader's own tables. The third is judged by what the reader's code
does to a stream cut in two ways, by the clicks left in it, and by what the reader's server heard.
"""

from collections.abc import Sequence
from typing import Any

from lab_kit.core.units import BUDGET_S, ms, percent
from lab_kit.course.exercises.exercise import Exercise
from lab_kit.course.outcome import Outcome, inconclusive, not_yet, passed
from lab_kit.datasets import Clip
from lab_kit.experiments.sound import (
    WEBSOCKET,
    CodecReport,
    SilenceReport,
    StreamOutcome,
    as_pcm16,
    clicking,
    clicks,
)
from lab_kit.measure.accuracy import bare_words, word_error_rate
from lab_kit.measure.percentiles import percentile

STREAMS = 10_000
REFERENCE = "linear16 16 kHz"
WER_LIMIT = 0.05
CLOSE = 0.02
"""Two ways to round a plan differ by less."""
CUT_LIMIT = 0.05
OTHER_CUTS = (1_001, 1, 640, 777)
"""Bytes a piece, by turns: what holds for one cutting only is no repair."""
STILL_UNDERSTOOD = 0.2


def judge_plan(answer: Any, measured: object) -> Outcome:
    """04.1: the codec with the fewest bits that keeps the words, and what all its streams take."""
    read = _read_codecs(measured)
    if read is None:
        return not_yet("no table with the reference in it", "codecs and clips", "(table, speech)")
    table, words = read
    if not isinstance(answer, dict) or set(answer) != {"codec", "mbit_per_s"}:
        return not_yet(repr(answer), '{"codec": a name, "mbit_per_s": a number}', "its keys")
    name, mbit = answer["codec"], answer["mbit_per_s"]
    if name not in table:
        return not_yet(repr(name), f"one of {', '.join(table)}", "the table's first column")
    if not isinstance(mbit, int | float) or isinstance(mbit, bool):
        return not_yet(repr(mbit), "a number of Mbit/s", "its type")
    if words * WER_LIMIT < 1:
        return inconclusive(
            f"{words} words: one wrong word is {percent(1 / words, 1)}, more than the limit",
            f"compare with at least {round(1 / WER_LIMIT)} words: the full profile has them",
        )
    return _wrong_codec(table, name, words) or _weigh_plan(table[name], float(mbit), table, words)


def judge_silences(answer: Any, measured: object) -> Outcome:
    """04.2: one silence for a dictation, one for a voice agent, from the reader's own table."""
    rows = _rows(measured, SilenceReport)
    if not any(row.waits_s for row in rows):
        return not_yet("no table", "what compare_silences returned", "waited")
    if not isinstance(answer, dict) or set(answer) != {"dictation", "agent"}:
        return not_yet(repr(answer), '{"dictation": ms, "agent": ms}', "its keys")
    known = {round(ms(row.silence_s)): row for row in rows}
    strange = [value for value in answer.values() if value not in known]
    if strange:
        return not_yet(repr(strange[0]), f"one of {', '.join(map(str, known))}", "the first column")
    careful = [at for at, row in known.items() if row.cut_share <= CUT_LIMIT]
    quick = [at for at, row in known.items() if _median_wait_s(row) <= BUDGET_S]
    if not careful or not quick:
        return inconclusive("no row meets a brief", "measure more silences")
    return (
        _judge_brief("dictation", answer["dictation"], min(careful), careful, known)
        or _judge_brief("agent", answer["agent"], max(quick), quick, known)
        or passed(*(_told(brief, known[at]) for brief, at in answer.items()), _NO_SILENCE_IS_RIGHT)
    )


def judge_repair(answer: Any, measured: object) -> Outcome:
    """04.3: a function from the relay's pieces to whole samples of the speaker's sound."""
    if not isinstance(measured, tuple) or len(measured) != 2 or not isinstance(measured[0], Clip):
        return not_yet("nothing to compare with", "the clip and what was heard", "(clip, heard)")
    clip, heard = measured
    if not callable(answer):
        return not_yet(repr(answer), "a function from pieces to pieces", "its definition")
    for pieces in (clicking(clip), clicking(clip, OTHER_CUTS)):
        repaired = answer(list(pieces))
        if repaired is None or repaired is ...:
            return not_yet("no answer yet", "a list of bytes", "the cell above")
        if fault := _fault(list(repaired), clip):
            return fault
    if not isinstance(heard, StreamOutcome) or heard.refusal:
        return not_yet(
            getattr(heard, "refusal", None) or repr(heard), "an open stream", "what was heard"
        )
    wrong = word_error_rate(clip.text, heard.text)
    if wrong > STILL_UNDERSTOOD:
        return inconclusive(
            f"every byte is right, and yet {percent(wrong)} of the words are wrong: '{heard.text}'",
            "stream it again on a quiet machine",
        )
    return passed(
        "No click is left, no sample lost, in either way of cutting.",
        f"The server heard: {heard.text}",
        "The server refused half a sample instead of guessing. Had it padded the odd byte, this"
        " stream would click for ever.",
    )


EXERCISES = (
    Exercise(
        "04.1",
        "Plan the bandwidth of 10,000 streams",
        judge_plan,
        (
            "Two questions, in this order: which codecs keep the words, and which of those is"
            " smallest on this wire?",
            "Strike out the rows that are too wrong in noise. Then compare the column"
            " 'in WebSocket', which has the headers in it, and not 'kbit/s'.",
            f"Of the rows within {percent(WER_LIMIT)} (in noise) of {REFERENCE}, the least in the"
            f" column 'in WebSocket'; times {STREAMS:,}; kbit to Mbit is a thousandth.",
        ),
    ),
    Exercise(
        "04.2",
        "Tune endpointing for two products",
        judge_silences,
        (
            "One product must not interrupt, the other must not wait. Which column does each read?",
            f"Dictation: at most {percent(CUT_LIMIT)} of the pauses cut, then the shortest silence."
            f" Agent: a median wait within {ms(BUDGET_S):.0f} ms, then the fewest cuts.",
            "Fewer cuts come with longer silences: the agent takes the longest that is quick"
            " enough, the dictation the shortest that is careful enough.",
        ),
    ),
    Exercise(
        "04.3",
        "Repair a clicking stream",
        judge_repair,
        (
            "Print the first bytes of each piece, and its length. Which bytes are not sound?",
            "Two faults: a header of 44 bytes in front of every piece, and cuts in the middle of a"
            " sample. Neither drop nor invent a byte of sound.",
            "rest = b''; for each piece: data = rest + piece[44:]; give all but an odd last byte;"
            " keep that byte as rest.",
        ),
    ),
)

_NO_SILENCE_IS_RIGHT = (
    "No single silence suits both: it is the product's to choose, so make it a parameter. To be"
    " quick and careful, look at the words, not only at the silence."
)


def _rows(measured: object, kind: type[Any]) -> list[Any]:
    rows = measured if isinstance(measured, list | tuple) else ()
    return [row for row in rows if isinstance(row, kind)]


def _read_codecs(measured: object) -> tuple[dict[str, CodecReport], int] | None:
    """The table by name, and how many words it rests on; None if something lacks."""
    if not isinstance(measured, tuple) or len(measured) != 2:
        return None
    table = {row.codec.name: row for row in _rows(measured[0], CodecReport)}
    words = sum(len(bare_words(clip.text)) for clip in _rows(measured[1], Clip))
    return (table, words) if REFERENCE in table and words else None


def _plan_mbit(report: CodecReport) -> float:
    return WEBSOCKET.bytes_per_s(report.bytes_per_s, report.frame_s) * 8 * STREAMS / 1e6


def _uncertain(wer: float, words: int) -> float:
    """Half the width of a 95 % interval around an error rate, as if words failed independently.

    Source: the normal approximation of a proportion's standard error, 1.96 sqrt(p (1 - p) / n).
    """
    share = min(max(wer, 1 / words), 1 - 1 / words)
    return float(1.96 * (share * (1 - share) / words) ** 0.5)


def _wrong_codec(table: dict[str, CodecReport], name: str, words: int) -> Outcome | None:
    limit = table[REFERENCE].wer_in_noise + WER_LIMIT
    over = table[name].wer_in_noise - limit
    if 0 < over <= _uncertain(table[name].wer_in_noise, words):
        return inconclusive(
            f"{name}: {percent(table[name].wer_in_noise, 1)} of the words wrong in noise, with"
            f" {words} words too near to the limit of {percent(limit, 1)} to tell",
            "take a codec further inside, or compare with more clips",
        )
    if over > 0:
        return not_yet(
            f"{name}: {percent(table[name].wer_in_noise, 1)} of the words wrong in noise",
            f"at most {percent(limit, 1)}, five points above {REFERENCE}",
            "its row; how it does in a quiet room is not asked",
        )
    allowed = [each for each, row in table.items() if row.wer_in_noise <= limit]
    least = min(allowed, key=lambda each: _plan_mbit(table[each]))
    if _plan_mbit(table[name]) > _plan_mbit(table[least]) * (1 + CLOSE):
        return not_yet(
            f"{name}: {_plan_mbit(table[name]):,.0f} Mbit/s",
            "the fewest that keep the words",
            f"the row of {least}",
        )
    return None


def _weigh_plan(
    report: CodecReport, mbit: float, table: dict[str, CodecReport], words: int
) -> Outcome:
    due = _plan_mbit(report)
    bare = report.bytes_per_s * 8 * STREAMS / 1e6
    if abs(mbit - due) <= CLOSE * due:
        return passed(
            f"{due:,.0f} Mbit/s for {STREAMS:,} streams of {report.codec.name};"
            f" {due - bare:,.0f} of them are headers.",
            f"{REFERENCE} would take {_plan_mbit(table[REFERENCE]):,.0f}.",
            f"Its word error rate in noise rests on {words} words:"
            f" {percent(report.wer_in_noise, 1)} ±"
            f" {100 * _uncertain(report.wer_in_noise, words):.0f} points. Measure more before you"
            " sign.",
            "Fewer, larger messages would save headers and cost delay: that is the next trade.",
        )
    slips = (
        (bare, "that is the sound alone; every message has headers"),
        (due / 8, "bytes are not bits"),
        (due * 1e3, "that is kbit/s"),
        (due / STREAMS, "that is one stream"),
    )
    named = [why for slip, why in slips if abs(mbit - slip) <= CLOSE * slip]
    return not_yet(
        f"{mbit:,.0f} Mbit/s",
        "bits of sound and headers, of all streams",
        named[0] if named else f"the column 'in WebSocket', times {STREAMS:,}",
    )


def _median_wait_s(row: SilenceReport) -> float:
    return percentile(row.waits_s, 0.5) if row.waits_s else float("inf")


def _judge_brief(
    brief: str, chosen: int, best: int, allowed: Sequence[int], known: dict[int, SilenceReport]
) -> Outcome | None:
    if chosen == best:
        return None
    if chosen in allowed:
        better = "waits less" if brief == "dictation" else "cuts less"
        return not_yet(
            _told(brief, known[chosen]),
            "the best within the limit",
            f"a row that keeps the limit and {better}",
        )
    limit = (
        f"at most {percent(CUT_LIMIT)} cut" if brief == "dictation" else "a median within the line"
    )
    return not_yet(_told(brief, known[chosen]), limit, "its row")


def _told(brief: str, row: SilenceReport) -> str:
    return (
        f"{brief}, {ms(row.silence_s):g} ms: {percent(row.cut_share)} of pauses cut,"
        f" {ms(_median_wait_s(row)):,.0f} ms median wait"
    )


def _fault(repaired: list[Any], clip: Clip) -> Outcome | None:
    """What is wrong with repaired pieces; None if nothing is."""
    if not all(isinstance(piece, bytes | bytearray) for piece in repaired):
        return not_yet("not only bytes", "a list of bytes", "what your function returns")
    odd = [number for number, piece in enumerate(repaired, 1) if len(piece) % 2]
    if odd:
        return not_yet(
            f"piece {odd[0]} holds {len(repaired[odd[0] - 1]):,} bytes, half a sample too many",
            "whole samples in every piece",
            "the server's own refusal",
        )
    joined = b"".join(repaired)
    if joined == clip.pcm16:
        return None
    found = clicks(as_pcm16(repaired), clip.samples)
    difference = len(joined) - len(clip.pcm16)
    where = "headers are left in the sound" if b"RIFF" in joined else "bytes of sound were changed"
    if b"RIFF" not in joined and difference:
        where = f"{abs(difference):,} bytes {'too many' if difference > 0 else 'lost'}"
    return not_yet(f"{found:,} clicks: {where}", "the speaker's samples and nothing else", "a diff")
