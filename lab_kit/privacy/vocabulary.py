"""Words that the rules go by: numbers as they are said, and words that introduce or exclude."""

from lab_kit.privacy.tokens import word_set

UNITS = {
    word: str(n)
    for n, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    )
} | {"oh": "0", "o": "0", "nought": "0", "naught": "0"}
TEENS = {
    word: str(n)
    for n, word in enumerate(
        (
            *("ten", "eleven", "twelve", "thirteen", "fourteen"),
            *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
        ),
        start=10,
    )
}
TENS = {
    word: str(n)
    for n, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
}
REPEATS = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
SCALES = {"hundred": "00", "thousand": "000", "million": "000000", "billion": "000000000"}
HOMOPHONES = {
    "won": "1",
    "to": "2",
    "too": "2",
    "tree": "3",
    "free": "3",
    "for": "4",
    "fore": "4",
    "sex": "6",
    "sicks": "6",
    "ate": "8",
    "nein": "9",
}
"""What a recognizer writes for a digit; taken for one only among digits."""
NUMBER_WORDS = frozenset({*UNITS, *TEENS, *TENS, *REPEATS, *SCALES})
GLUE_WORDS = frozenset(
    {"dash", "hyphen", "slash", "stroke", "space", "and", "then", "uh", "um", "er"}
)
GLUE_MARKS = frozenset(",.-–—/():;'")
"""What people and recognizers put between the parts of one number."""
COUNTED = word_set(
    """\
dollars dollar euros euro pounds pound cents percent people persons men women children miles mile
kilometers kilometres km kilograms kilos kg grams meters metres feet foot inches years year months
weeks days hours hour minutes minute seconds degrees times copies bottles parameters books pages
words tons tonnes liters litres gallons acres votes shares jobs homes users customers"""
)
"""After a number these say that it counts something."""

CONNECTIVES = word_set(
    """\
a again and are as at back be but called digits ends ending extension file first for from front
full goes here his her him i in is it its last let long me mine my new next no not now number
numbers of off ok okay old on or our please ready right s same see so that the their then there
these they think this to today true uh um us was we well were which will with would yes you your
abroad says ll d m re under six four three after before either just only believe starts begins
starting beginning reads
"""
)
"""What may stand between a word that introduces and what it introduces."""
FUNCTION_WORDS = word_set(
    """\
a about above across after again against all along also although always am among an and another
any anybody anyone anything are around as at away back be because been before behind being below
between both but by came can cannot come could did do does doing done down during each either else
enough even ever every everybody everyone everything few for from get go goes going gone got had
has have having he hello hence her here hers herself hi high him himself his how however i if in
indeed into is it its itself just later least less let like ll made make many maybe me mine more
most much must my myself near neither never no nobody none nor not nothing now of off often ok
okay old on once one only onto or other others ought our ours out over own past per perhaps please
put quite rather re really said same say says see seen send sent shall she should since so some
somebody someone something soon still such t take taken than thank thanks that the their theirs
them themselves then there therefore these they thing things this those though through thus till
to today together tomorrow too took toward towards under unless until up upon us use used ve very
was way we well went were what whatever when where whereas whether which while who whoever whom
whose why will with within without would yes yesterday yet you your yours yourself yourselves"""
)
"""Never part of a name, of an e-mail address or of a street's name."""
