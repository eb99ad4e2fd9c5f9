"""Figures that prose may state without a source, each with the reason: they are nobody's findings.

Settings and definitions only. What was measured is printed by a cell; what somebody else measured
carries its source.
"""

EVERYWHERE = {
    "300 ms": "the rule the course is named after; its source stands where it is introduced",
}

BY_LAB: dict[str, dict[str, str]] = {
    "01": {
        "14,000 km": "the cable's length, given in exercise 01.2",
        "200 km": "fibre's speed, given with its source in exercise 01.2",
        "100 ms": "the least of endpointing in exercise 01.2",
    },
    "02": {"20 ms": "the time that brief C of exercise 02.1 allows"},
    "03": {
        "24 GB": "the card of exercise 03.2",
        "30 s": "what Whisper's encoder sees, by its definition",
    },
    "04": {
        "4 kHz": "half of the telephone's rate: nothing higher fits into it",
        "8 kHz": "a rate of the cell's table",
        "15 kHz": "the tone of the cell",
        "16 kHz": "the rate of everything behind the wire",
        "100 ms": "the shortest silence of the cell's table",
        "2,000 ms": "the longest silence of the cell's table",
    },
    "07": {
        "400 ms": "a p99 that exercise 07.1 gives",
        "700 ms": "a p99 that exercise 07.1 gives",
        "12 s": "a p99 that exercise 07.1 gives",
    },
    "13": {
        "15 s": "the minimum of Amazon's rule, whose source stands at the picture of it",
        "36 %": "the companion book's figure, which the lab computes the length for",
    },
    "14": {
        "90 s": "the cold start of the lab's own world",
        "15 %": "how far a prediction may be off, by the judge's rule",
        "100 %": "a target of the lab's own policies",
        "85 %": "a target of the lab's own policies",
        "60 %": "the target of the autoscaler that exercise 14.1 gives",
        "100 ms": "the round trip up to which callers may be served elsewhere, a setting",
        "200 ms": "the silence that ends a turn, a setting",
        "15 s": "how often a policy is asked, a setting",
        "14 h": "when the region is lost, a setting",
    },
    "15": {
        "30 minutes": "how long exercise 15.2 has a canary run",
        "50 ms": "the limit that exercise 15.2 gives",
    },
    "12": {
        "0.3 s": "the limit of a final that exercise 12.1 gives",
        "0.8 s": "the limit of first words that exercise 12.1 gives",
        "15 s": "how often the experiment looks at a gauge, by its default",
        "120 times": "the compression of the experiment's plan",
    },
}


def allowed(lab: str, minutes: int) -> dict[str, str]:
    """What the prose of one lab may state; `minutes` is what the catalog says it takes."""
    given = {f"{minutes} minutes": "the catalog's", f"{minutes} min": "the catalog's"}
    return EVERYWHERE | given | BY_LAB.get(lab, {})
