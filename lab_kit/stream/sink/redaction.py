"""Personal data taken out of a result: of its text, of its words, and of what is told too early.

Each finding becomes a word that names its kind, as ``[card]``, with the time of all the words that
it stands for. An interim ends before whatever the next word may complete, since what was told
cannot be taken back. What earlier finals of the stream said is looked at together with this one: a
number that is dictated with pauses comes in several finals.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from lab_kit.core.events import TimedWord
from lab_kit.core.personal_data import Redaction
from lab_kit.privacy.findings import Finding
from lab_kit.privacy.scanner import scan
from lab_kit.stream.sink.drafts import Draft, one_word, word_places

BEFORE_CHARS = 300
"""Remembered of earlier finals: more than the longest number, and than what announces one."""


def redact(draft: Draft) -> Draft:
    """The draft without personal data of its kinds."""
    looked = scan(draft.looked_at, draft.kinds, draft.named)
    before = len(draft.looked_at) - len(draft.text)
    found = [_moved(one, -before) for one in looked.findings if one.end > before]
    if not draft.is_final:
        draft = _until(draft, _told_chars(draft.text, looked.settled_chars - before, found))
    return _replaced(draft, [one for one in found if one.end <= len(draft.text)])


def remembered(before: str, text: str) -> str:
    """What is remembered once a final has said ``text``."""
    return f"{before} {text}".strip()[-BEFORE_CHARS:]


def _moved(finding: Finding, by: int) -> Finding:
    return replace(finding, start=max(0, finding.start + by), end=finding.end + by)


def _told_chars(text: str, settled: int, found: Sequence[Finding]) -> int:
    """How much of a text is told: whole words that are settled, and no part of a finding."""
    ends = [0, *(end for _, end in word_places(text))]
    cut = max(end for end in ends if end <= max(0, settled))
    while parted := [one.start for one in found if one.start < cut < one.end]:
        cut = max(end for end in ends if end <= min(parted))
    return cut


def _until(draft: Draft, cut: int) -> Draft:
    text = draft.text[:cut]
    words = draft.words[: len(text.split())]
    return replace(draft, text=text, stable_chars=min(draft.stable_chars, len(text)), words=words)


def _replaced(draft: Draft, findings: Sequence[Finding]) -> Draft:
    """The draft with a placeholder for each finding."""
    text, at, stable = "", 0, draft.stable_chars
    moved_stable = stable
    for one in findings:
        placeholder = f"[{one.kind}]"
        text += draft.text[at : one.start] + placeholder
        at = one.end
        if one.end <= stable:
            moved_stable = stable - one.end + len(text)
        elif one.start < stable:
            moved_stable = len(text) - len(placeholder)
    return replace(
        draft,
        text=text + draft.text[at:],
        stable_chars=moved_stable,
        words=tuple(_words(draft, findings, text + draft.text[at:])),
        redactions=tuple(_redactions(draft, findings)),
    )


def _words(draft: Draft, findings: Sequence[Finding], text: str) -> Iterator[TimedWord]:
    """The words of the new text: those that a finding touches are one word."""
    if not _has_times(draft):
        return
    goes_on = {n for touched in _touched(draft, findings) for n in touched[1:]}
    groups: list[list[TimedWord]] = []
    for number, word in enumerate(draft.words):
        if number in goes_on:
            groups[-1].append(word)
        else:
            groups.append([word])
    for said, group in zip(text.split(), groups, strict=True):
        yield group[0] if said == group[0].text else one_word(said, group)


def _redactions(draft: Draft, findings: Sequence[Finding]) -> Iterator[Redaction]:
    """What was taken out, and when it sounded; the whole segment, where that is not known."""
    has_times = _has_times(draft)
    for one, touched in zip(findings, _touched(draft, findings), strict=True):
        start_s = draft.words[touched[0]].start_s if has_times else draft.start_s
        end_s = draft.words[touched[-1]].end_s if has_times else draft.end_s
        yield Redaction(one.kind, start_s, end_s, one.score, one.reason)


def _touched(draft: Draft, findings: Sequence[Finding]) -> list[range]:
    """The numbers of the words that each finding has a part of."""
    places = list(word_places(draft.text))
    starts, ends = [start for start, _ in places], [end for _, end in places]
    return [range(bisect_right(ends, one.start), bisect_left(starts, one.end)) for one in findings]


def _has_times(draft: Draft) -> bool:
    return [word.text for word in draft.words] == draft.text.split()
