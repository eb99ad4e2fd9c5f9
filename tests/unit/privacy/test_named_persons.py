"""What a recognizer of persons says, as findings: with the rules' own, and without what is none."""

import pytest

from lab_kit.core.personal_data import PersonalKind
from lab_kit.privacy.persons import REASON
from lab_kit.privacy.scanner import scan

SAID = "Yesterday Priya Raghunathan told me that it was cancelled."


def span(text: str, part: str) -> tuple[int, int]:
    at = text.index(part)
    return at, at + len(part)


def taken(text: str, *parts: str) -> list[str]:
    """What is found in a text where the recognizer names these parts of it."""
    looked = scan(text, named=[span(text, part) for part in parts])
    return [text[one.start : one.end] for one in looked.findings]


def test_a_name_that_no_list_has_is_found_with_its_reason_and_score() -> None:
    assert scan(SAID).findings == ()
    (found,) = scan(SAID, named=[span(SAID, "Priya Raghunathan")]).findings
    assert (found.kind, found.reason) == (PersonalKind.NAME, REASON)
    assert 0 < found.score < 0.8, "less sure than what is announced"
    assert SAID[found.start : found.end] == "Priya Raghunathan"


def test_it_is_one_of_the_kind_name_and_is_left_alone_where_others_are_asked_for() -> None:
    named = [span(SAID, "Priya Raghunathan")]
    assert scan(SAID, {PersonalKind.CARD}, named).findings == ()


def test_with_a_finding_of_the_rules_it_is_one_as_the_surer_says() -> None:
    text = "My name is Priya and so on."
    looked = scan(text, named=[span(text, "Priya and")])
    assert [text[one.start : one.end] for one in looked.findings] == ["Priya"]
    assert looked.findings[0].reason == "announced as a name"


@pytest.mark.parametrize(
    ("text", "named", "found"),
    [
        ("Then Tariq's car broke down.", "Tariq's", ["Tariq"]),
        ("Then the Tariq, and so on.", "the Tariq,", ["Tariq"]),
        ("The Mastercard is mine.", "Mastercard", []),
        ("The PIN is not here.", "PIN", []),
        ("There were Seventeen of them.", "Seventeen", []),
    ],
)
def test_what_no_name_begins_or_ends_with_is_left_out(
    text: str, named: str, found: list[str]
) -> None:
    assert taken(text, named) == found
