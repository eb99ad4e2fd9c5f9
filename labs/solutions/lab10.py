"""Lab 10's answers.

10.1: read what can be read (exp, scope, cnf, alg), then ask what only the server knows: whether a
key was revoked, and whether a token has opened its stream. A token that has opened one opens no
other, and is still good for everything else in its scope.

10.2: a tank that drains at the rate and holds one burst. What has drained made room that others may
have used, so only the rest of a reservation can be taken out again, and what lies above it sinks.

10.3: numbers are words where people speak. So a run of number words counts, wherever commas stand,
and an address begins with one; a name is known by what is said before it.
"""

import math
import re
from typing import Any

mine = {
    1: "everything",
    2: "nothing",
    3: "nothing",
    4: "recordings",
    5: "nothing",
    6: "nothing",
    7: "recordings",
    8: "nothing",
    9: "nothing",
    10: "streams",
    11: "nothing",
    12: "nothing",
}


# -- 10.2 ----------------------------------------------------------------------------------------


def reserve(state: dict[str, Any], number: int, cost_s: float, now_s: float) -> float:
    """0.0 where it fits, and then it is reserved; else how long to wait."""
    if cost_s > state["burst_s"]:
        return math.inf
    drained = now_s * state["per_s"]
    surface = max(state.get("surface", 0.0), drained)
    missing_s = surface + cost_s - drained - state["burst_s"]
    if missing_s > 1e-9:  # of sums in floating point
        return float(missing_s / state["per_s"])
    state["surface"] = surface + cost_s
    state.setdefault("ends", {})[number] = cost_s, surface + cost_s
    return 0.0


def settle(state: dict[str, Any], number: int, cost_s: float, now_s: float) -> None:
    """The reservation was this."""
    drained = now_s * state["per_s"]
    reserved_s, end = state["ends"].pop(number)
    if cost_s > reserved_s:
        state["surface"] = max(state["surface"], drained) + cost_s - reserved_s
        return
    back_s = min(reserved_s - cost_s, max(0.0, end - drained))
    state["surface"] -= back_s
    for other, (cost, above) in state["ends"].items():
        if above > end:
            state["ends"][other] = cost, above - back_s


# -- 10.3 ----------------------------------------------------------------------------------------

_NUMBER = (
    r"(?:oh|zero|one|two|three|four|five|six|seven|eight|nine|ten|\w+teen|eleven|twelve|"
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)ty|double|triple|hundred|thousand|nought|\d+)"
)
_ROW = rf"(?i:\b{_NUMBER}(?:[ ,-]+(?:{_NUMBER}|plus\b))"
_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
)
RULES = (
    r"[+(]?\d[\d ()-]{4,}\d",
    r"\S+@\S+\w",
    rf"{_ROW}{{4,}}\b)",  # five numbers in a row
    rf"(?<=is ){_ROW}{{2,}}\b)",
    rf"(?i:(?:number|code|PIN|account|ID|social|card)\D{{0,24}}?)\b((?i:{_NUMBER})(?:[ ,-]+"
    rf"(?:(?i:{_NUMBER})|[A-Z]))+)\b",
    r"(?i:(?:\b\w+ (?:dot|plus|underscore) )*\b\w+ at \w+(?: \w+)? dot \w+)",
    r"\b(?:Mrs?|Ms|Miss|Mister|Doctor|Dr|Professor)\.? [A-Z]\w+",
    r"(?:name(?:'s| is)|[Tt]his is|I am|I'm|[Aa]sk for|[Cc]all me|speak(?:ing)? (?:to|with)|"
    r"brother|sister|husband|wife|for) ([A-Z]\w+(?: [A-Z][\w-]+)?)",
    rf"(?:{_MONTH} (?i:the )?(?:\d\w+|\w+th|first|second|third|\w+-?first)(?:, [\w ]+?)?)(?=[.,?])",
    rf"(?:[Bb]orn|[Bb]irth\w*)\b[^.]*?\b((?i:{_NUMBER})[\w ,/]*|\d[\d/]+)(?=[.,]? *(?:in |,|\.|$))",
    rf"(?i:{_NUMBER}(?: {_NUMBER})*) (?:[A-Z]\w+ )+(?:Street|Road|Avenue|Lane|Way|Terrace|Drive|"
    r"Court|Place|Boulevard|Square)(?:, [A-Z]\w+)*",
)


def find(text: str) -> list[tuple[int, int]]:
    """From where to where something personal stands; a rule with a group means that group."""
    found = [match for rule in RULES for match in re.finditer(rule, text)]
    return [match.span(match.re.groups and 1) for match in found]
