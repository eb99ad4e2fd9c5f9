"""Personal data as people say it and as recognizers write it: found, and not found where none is.

The examples of what is written down were heard from the lab's own recognizer.
"""

import random
import sys

import pytest

from lab_kit.core.errors import PayloadTooLarge
from lab_kit.core.personal_data import PersonalKind
from lab_kit.datasets.personal_data import Sentence, sentences
from lab_kit.privacy.scanner import ALL_KINDS, MOST_CHARS, scan

CARD, PHONE, EMAIL, NATIONAL, BIRTH, ADDRESS, NAME, ACCOUNT = PersonalKind


RULE_WORDS = """\
at gmail.com example dot com underscore 1 22 415-555 4111 1111 one two five double triple oh for to
hundred thousand and then john smith Mary Johnson Dr. Mr Mark April A b street Oak Maple Road,
avenue born on in March third nineteen 1985 my card is number pin code email address name the a I
I'm this phone call me was with , . P.O. Box live spelled K-O-W O'Brien van der apartment unit New
York, from dollars people social license B12 4EG -7 (206) +1 plus @ it's birthday first"""


def found(text: str) -> list[tuple[PersonalKind, str]]:
    return [(one.kind, text[one.start : one.end]) for one in scan(text).findings]


@pytest.mark.parametrize(
    ("marked", "kind"),
    [
        ("it is {4111 1111 1111 1111}, thanks", CARD),
        ("{four one one one, one one one one, one one one one, one one one one}, ", CARD),
        ("{four triple one, 1 1 1 1 1 1 1 1 1 1 1 1}", CARD),
        ("My card is {4111, 1111, 1111, 11111}.", CARD),
        ("Call {555-012. Three, four, five, six}.", PHONE),
        ("It's {for one five, double five five, o one nine two}", PHONE),
        ("call {+1 (555) 010-2345} now", PHONE),
        ("dial {plus one, 718-555-0126}", PHONE),
        ("My social is {one, two, three, four, five, six, seven, eight, nine}", NATIONAL),
        ("SSN {600-1229087}, and", NATIONAL),
        ("The last four of my social are {6789}", NATIONAL),
        ("my passport is {a B1234567}.", ACCOUNT),
        ("my pin is {four two seven one}", ACCOUNT),
        ("write to {ann.b@example.co.uk}.", EMAIL),
        ("{john dot smith at example dot com} is it", EMAIL),
        ("{John, dot, Smith at example.com}", EMAIL),
        ("my email is {happy gardener at gmail}", EMAIL),
        ("It goes to {support at Bluewater dot I o}.", EMAIL),
        ("use {Bluebird 99 at hotmail.com} now", EMAIL),
        ("born on {March third, nineteen eighty five}", BIRTH),
        ("my date of birth? it's {9:23.88}", BIRTH),
        ("at {45 Maple Street, Springfield, Illinois, 62704}", ADDRESS),
        ("at {812 sunset terrace} by mistake", ADDRESS),
        ("I live on {Cherry Lane} now", ADDRESS),
        ("a {P.O. Box 4471, Austin, Texas 78701}.", ADDRESS),
        ("My name is {Xochitl Zywicki}.", NAME),
        ("my name is {john smith} and", NAME),
        ("I spoke with {Doctor Patel}.", NAME),
        ("it was {Kevin O'Brien}'s form", NAME),
        ("It is spelled {K-O-W-A-L}.", NAME),
    ],
)
def test_what_is_personal_is_found_whole(marked: str, kind: PersonalKind) -> None:
    secret = marked[marked.index("{") + 1 : marked.index("}")]
    assert found(marked.replace("{", "").replace("}", "")) == [(kind, secret)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "one, two, three, four, five, six, seven, eight, nine, ten",
        "in 1859 he wrote it",
        "in 1861, 1863 and 1865",
        "the population is 331,449,281",
        "it costs 1200000 dollars",
        "three million two hundred thousand people",
        "My card was declined at 12 shops",
        "My name is on the list",
        "look at the dot on the map",
        "find us at example dot com",
        "it was a two hour drive on a quiet street",
        "She was born in a small village",
        "we meet at noon",
        "this is Spanish",
    ],
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    assert found(text) == []


def test_a_card_that_its_checksum_confirms_is_surer_than_one_that_was_announced() -> None:
    (sure,) = scan("my card is 4111111111111111").findings
    (announced,) = scan("my card is 4111111111111112").findings
    assert sure.score > announced.score
    assert "Luhn" in sure.reason


def test_only_the_kinds_that_are_asked_for_are_found_and_held() -> None:
    text = "My name is Mary Johnson, call 415-555-0192"
    (only,) = scan(text, {PHONE}).findings
    assert text[only.start : only.end] == "415-555-0192"
    assert scan(text, {NAME}).settled_chars == len(text)
    assert scan(text, {PHONE}).settled_chars == text.index("415")


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("my number is 555 12", "my number is"),
        ("my number is five five", "my number is"),
        ("my number is double", "my number is"),
        ("write to john dot smith at", "write to"),
        ("write to john dot", "write to"),
        ("please ask Doctor", "please ask"),
        ("it was 1859 and then", "it was"),
        ("it was 1859 and then they", "it was 1859 and then they"),
        ("we live at 45 Maple", "we live at"),
    ],
)
def test_what_may_still_become_a_finding_is_not_settled(text: str, settled: str) -> None:
    assert text[: scan(text).settled_chars].rstrip() == settled


@pytest.mark.parametrize("sentence", sentences(), ids=lambda sentence: sentence.text[:40])
def test_what_is_settled_is_never_found_later(sentence: Sentence) -> None:
    assert told_too_early(sentence.text) == ""
    for span in sentence.spans:
        assert told_too_early(sentence.text, frozenset({span.kind})) == ""


@pytest.mark.parametrize("kinds", [ALL_KINDS, *(frozenset({kind}) for kind in PersonalKind)])
def test_nor_in_any_mixture_of_what_the_rules_look_at(kinds: frozenset[PersonalKind]) -> None:
    """Sequences that nobody says, from the words that rules go by; also for each kind alone."""
    chance, words = random.Random(7), RULE_WORDS.split()
    for _ in range(250):
        text = " ".join(chance.choice(words) for _ in range(chance.randrange(2, 12)))
        assert told_too_early(text, kinds) == "", text


def told_too_early(text: str, kinds: frozenset[PersonalKind] = ALL_KINDS) -> str:
    """Letters that a beginning of the text would tell, and the whole text withholds."""
    secret = covered(text, kinds)
    for end in range(len(text)):
        if end and text[end - 1] != " " and text[end] != " ":
            continue  # an interim has whole words
        begun = scan(text[:end], kinds)
        hidden = {at for one in begun.findings for at in range(one.start, one.end)}
        told = set(range(begun.settled_chars)) - hidden
        if early := sorted(at for at in told & secret if text[at].isalnum()):
            return f"{text[:end]!r} tells {''.join(text[at] for at in early)!r}"
    return ""


def covered(text: str, kinds: frozenset[PersonalKind]) -> set[int]:
    return {at for one in scan(text, kinds).findings for at in range(one.start, one.end)}


PIECES = "a|1 |a.|at |x at |a-b@|john dot |four |A |, |1,|name |(|Mary |born on March 3 "


@pytest.mark.parametrize("piece", PIECES.split("|"))
def test_work_grows_with_the_length_and_no_faster(piece: str) -> None:
    """Four times the text takes four times the work; sixteen would be its square."""
    long = piece * (MOST_CHARS // len(piece))
    assert calls_of(long) < 5 * calls_of(long[: MOST_CHARS // 4])


def calls_of(text: str) -> int:
    """Functions, and what they iterate over, that a scan runs: the same on any machine."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        scan(text)
    finally:
        sys.setprofile(None)
    return calls


def test_a_text_beyond_the_bound_is_refused() -> None:
    with pytest.raises(PayloadTooLarge, match="20,001"):
        scan("a" * (MOST_CHARS + 1))


def test_all_kinds_are_looked_for() -> None:
    assert frozenset(PersonalKind) == ALL_KINDS
    gold = {span.kind for sentence in sentences() for span in sentence.spans}
    assert gold == ALL_KINDS
