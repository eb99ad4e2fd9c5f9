"""Names of people: announced, behind a title, spelled out, or in a list of common names.

A list cannot tell a writer from a caller: "Charles Dickens" is found, too. And it cannot know every
name, so what surrounds one counts for more: "my name is", a title, "this is".
"""

from collections.abc import Iterator, Sequence

from lab_kit.core.personal_data import PersonalKind
from lab_kit.privacy.findings import Finding, Hold, Seen
from lab_kit.privacy.introductions import Topic, announced
from lab_kit.privacy.name_lists import ALSO_WORDS, FAMILY, GIVEN
from lab_kit.privacy.tokens import Token, word_set
from lab_kit.privacy.vocabulary import FUNCTION_WORDS

_TITLES = word_set("mr mrs ms miss mister dr doctor prof professor")
_PARTICLES = word_set("de da del van von der den la le bin al el di st")
_GREETERS = (
    ("call", "me"),
    ("ask", "for"),
    ("speak", "to"),
    ("speak", "with"),
    ("speaking", "to"),
    ("speaking", "with"),
    ("talking", "to"),
    ("talking", "with"),
    ("spoke", "with"),
    ("spoke", "to"),
    ("booking", "under"),
    ("through", "to"),
)
"""What people say before a name, when a capital follows."""
_WEAK_GREETERS = frozenset({("this", "is"), ("i", "am"), ("i", "m")})
"""Before "Spanish" and "Monday", too: so two words, or a name that is in the list, must follow."""
_ALSO_BETWEEN = ("under", "account", "card", "booking", "order", "ticket", "form", "spelled")
_ONLY_NAMES = GIVEN - ALSO_WORDS
_MOST_WORDS = 4
_LEAST_LETTERS = 4
_LEAST_ANNOUNCED_LETTERS = 3
_KINDS = frozenset({PersonalKind.NAME})


def people(tokens: Sequence[Token]) -> Iterator[Seen]:
    """The names, and what may become one."""
    at = 0
    while at < len(tokens):
        found = _spelled(tokens, at) or _name(tokens, at)
        if found is None:
            at += 1
            continue
        end, score, reason = found
        yield Finding(PersonalKind.NAME, tokens[at].start, tokens[end - 1].end, score, reason)
        at = end
    if (first := _open(tokens)) < len(tokens):
        yield Hold(tokens[first].start, _KINDS)


def _name(tokens: Sequence[Token], at: int) -> tuple[int, float, str] | None:
    """Where a name that begins there ends, how sure that is, and by which rule."""
    token = tokens[at]
    if not token.is_word or (at and token.is_glued and tokens[at - 1].text == "'"):
        return None
    if token.low in _TITLES and (end := _run(tokens, _past_stop(tokens, at + 1))):
        return end, 0.9, "behind a title"
    end = _run(tokens, at)
    if announced(tokens, at, *_ALSO_BETWEEN) is Topic.NAME:
        if end:
            return end, 0.9, "announced as a name"
        if token.low in _ONLY_NAMES:
            return _listed(tokens, at), 0.7, "announced as a name, in small letters"
    return _capitals(tokens, at, end) if end else None


def _capitals(tokens: Sequence[Token], at: int, end: int) -> tuple[int, float, str] | None:
    """The same for words with a capital that no title and no "name" announces."""
    low, has_more = tokens[at].low, any(not one.is_glued for one in tokens[at + 1 : end])
    follows = tokens[at + 1].low if has_more else ""
    greeter = _words_before(tokens, at)
    if greeter in _GREETERS or (greeter in _WEAK_GREETERS and (has_more or low in _ONLY_NAMES)):
        return end, 0.8, "behind what is said before a name"
    if has_more and (low in _ONLY_NAMES or (low in GIVEN and follows in FAMILY)):
        return end, 0.8, "a listed given name and another word with a capital"
    if low in _ONLY_NAMES:
        return end, 0.5, "a listed given name"
    if follows in FAMILY and not _may_be_no_name(tokens, at):
        return end, 0.5, "a word with a capital and a listed family name"
    return None


def _run(tokens: Sequence[Token], first: int) -> int:
    """Past the words with a capital that make a name; 0 where there are none."""
    at, names, end = first, 0, 0
    while at < len(tokens) and names < _MOST_WORDS:
        token = tokens[at]
        if token.is_word and token.is_capital and _may_name(token):
            names, end = names + 1, at + 1
        elif not (end and _joins(tokens, at)):
            break
        at += 1
    return end


def _joins(tokens: Sequence[Token], at: int) -> bool:
    """Whether it stands within a name: as in O'Brien, in van der Berg, behind an initial."""
    token = tokens[at]
    if token.text in "'’-":
        return token.is_glued and _follows_glued(tokens, at + 1)
    if token.low in _PARTICLES and at + 1 < len(tokens) and tokens[at + 1].text == "-":
        return _follows_glued(tokens, at + 2)
    return (token.low in _PARTICLES or token.text == ".") and _goes_on(tokens, at)


def _may_name(token: Token) -> bool:
    return (token.is_letter and token.low != "i") or token.low not in FUNCTION_WORDS


def _follows_glued(tokens: Sequence[Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].is_glued and tokens[at].is_capital


def _goes_on(tokens: Sequence[Token], at: int) -> bool:
    """Whether the particle, or the stop behind an initial, has a name after it."""
    if at + 1 >= len(tokens) or not tokens[at + 1].is_capital or not _may_name(tokens[at + 1]):
        return False
    return tokens[at].text != "." or tokens[at - 1].is_letter


def _listed(tokens: Sequence[Token], first: int) -> int:
    end = first + 1
    while end < len(tokens) and end - first < _MOST_WORDS and tokens[end].low in FAMILY:
        end += 1
    return end


def _spelled(tokens: Sequence[Token], first: int) -> tuple[int, float, str] | None:
    """Letters said one by one, as K-O-W-A-L-S-K-I."""
    if not tokens[first].is_letter or (first and tokens[first - 1].is_letter):
        return None
    at, letters = first, 0
    end = first
    while at < len(tokens):
        if tokens[at].is_letter:
            letters, end = letters + 1, at + 1
        elif tokens[at].text not in "-.,":
            break
        at += 1
    is_announced = announced(tokens, first, *_ALSO_BETWEEN) is Topic.NAME or _is_spelling(
        tokens, first
    )
    if letters >= _LEAST_ANNOUNCED_LETTERS and is_announced:
        return end, 0.8, "spelled, and announced"
    return (end, 0.4, "letters one by one") if letters >= _LEAST_LETTERS else None


def _is_spelling(tokens: Sequence[Token], first: int) -> bool:
    return any(
        one.low in ("spelled", "spell", "spelt") for one in tokens[max(0, first - 4) : first]
    )


def _past_stop(tokens: Sequence[Token], at: int) -> int:
    return at + 1 if at < len(tokens) and tokens[at].text == "." else at


def _words_before(tokens: Sequence[Token], at: int) -> tuple[str, ...]:
    words = [one.low for one in tokens[max(0, at - 4) : at] if not one.is_mark]
    return tuple(words[-2:])


def _may_be_no_name(tokens: Sequence[Token], at: int) -> bool:
    """Whether a capital there says nothing: where a sentence begins, or behind an article."""
    return at == 0 or tokens[at - 1].text in ".?!" or tokens[at - 1].low in ("the", "a", "an")


def _open(tokens: Sequence[Token]) -> int:
    """Where the end begins that a name may still grow out of: a title, a capital, an initial."""
    first = len(tokens)
    while first > 0:
        token = tokens[first - 1]
        is_part = token.low in _TITLES or token.low in _PARTICLES
        is_part |= token.is_letter or token.text in ".-'’"
        is_part |= token.text == "," and first > 1 and tokens[first - 2].is_letter
        is_name = token.is_word and token.is_capital and _may_name(token)
        if not (is_part or is_name):
            break
        first -= 1
    while first < len(tokens) and tokens[first].is_mark:
        first += 1
    return first
