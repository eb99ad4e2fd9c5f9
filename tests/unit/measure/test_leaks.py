"""Precision, recall and leak rate, counted by hand; gold spans carried to what was heard."""

import pytest

from lab_kit.core.personal_data import PersonalKind, PersonalSpan
from lab_kit.measure.leaks import (
    Figures,
    Judged,
    carried_spans,
    early_words,
    figures_by_kind,
    overall,
)

PHONE, CARD = PersonalKind.PHONE, PersonalKind.CARD
TEXT = "call 555-0192 or 4111"
GOLD = [PersonalSpan(PHONE, 5, 13), PersonalSpan(CARD, 17, 21)]


def test_half_a_number_is_not_found_and_half_of_it_has_leaked() -> None:
    found = [PersonalSpan(CARD, 9, 13), PersonalSpan(CARD, 14, 16)]
    by_kind = figures_by_kind([Judged(TEXT, GOLD, found)])
    assert by_kind == {
        "card": Figures(1, 0, 4, 4, findings=2, right_findings=1),
        "phone": Figures(1, 0, 7, 3),
    }
    assert by_kind["card"].precision == 0.5
    assert by_kind["phone"].leak_rate == pytest.approx(3 / 7)
    assert by_kind["phone"].precision is None


def test_marks_need_not_be_covered_and_the_kind_need_not_be_right() -> None:
    found = [PersonalSpan(CARD, 5, 8), PersonalSpan(CARD, 9, 13), PersonalSpan(PHONE, 17, 21)]
    total = overall(figures_by_kind([Judged(TEXT, GOLD, found)]))
    assert (total.recall, total.precision, total.leak_rate) == (1.0, 1.0, 0.0)


def test_nothing_has_no_figures() -> None:
    empty = overall(figures_by_kind([Judged("so", [], [])]))
    assert (empty.recall, empty.precision, empty.leak_rate) == (None, None, None)


@pytest.mark.parametrize(
    ("said", "heard", "secrets"),
    [
        ("call {five five five, oh one}.", "Call 555-01.", ["555-01"]),
        ("write {a dot b at c dot com} now", "Write A.B@c.com now.", ["A.B@c.com"]),
        ("for {William Nguyen}.", "for William and Ion.", ["William and Ion"]),
        ("it was {Bob} I think", "it was I think", []),
        ("so {Ann} and {Bob} came", "So Anne and Rob came.", ["Anne", "Rob"]),
    ],
)
def test_spans_are_carried_to_where_they_were_heard(
    said: str, heard: str, secrets: list[str]
) -> None:
    spans, text = [], ""
    for n, part in enumerate(said.replace("}", "{").split("{")):
        if n % 2:
            spans.append(PersonalSpan(PHONE, len(text), len(text) + len(part)))
        text += part
    carried = carried_spans(text, spans, heard)
    assert [heard[span.start : span.end] for span in carried] == secrets


def test_what_an_interim_told_too_early_is_what_the_final_withheld() -> None:
    heard, final = "I am Ann and Ann is fine", "I am [name] and [name] is fine"
    assert early_words("I am Ann", heard, final) == ["ann"]
    assert early_words("I am and fine", heard, final) == []
