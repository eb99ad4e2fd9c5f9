"""Text on both sides of a cut: nobody stopped there, so it reads as one.

A segment that grows too long is cut at its quietest place, and the recognizer, which hears a piece
of sound, writes each piece as if it were a sentence: a full stop here, a capital there. What it
wrote within a piece stays.
"""

_WORDS = """\
a about above across after again against all although am among an and another any anybody anyone
anything are around as at be because been before behind being below between both but by can
cannot could did do does doing done down during each either else enough even ever every
everybody everyone everything few for from had has have having he hence her here hers herself
him himself his how however if in indeed into is it its itself just least less many maybe me
mine more most much must my myself neither never no nobody none nor not nothing now of off often
on once one only onto or other others ought our ours ourselves out over own per perhaps quite
rather same shall she should since so some somebody someone something still such than that the
their theirs them themselves then there therefore these they this those though through thus to
too toward towards under unless until up upon us very was we well were what whatever when where
whereas whether which while who whoever whom whose why will with within without would yes yet
you your yours yourself yourselves"""
_NEVER_A_NAME = frozenset(_WORDS.split())
"""Words that begin with a capital only where a sentence does."""


def before_cut(text: str) -> str:
    """A piece that more follows on: without the full stop that ends no sentence."""
    return text[:-1] if text.endswith(".") and not text.endswith("..") else text


def after_cut(text: str) -> str:
    """A piece that follows on another: without the capital that begins no sentence.

    Only of a word that is never a name; what else begins with a capital may be one.
    """
    first, space, rest = text.partition(" ")
    if first.rstrip(",;:.?!").lower().partition("'")[0] in _NEVER_A_NAME:
        first = first[:1].lower() + first[1:]
    return f"{first}{space}{rest}"
