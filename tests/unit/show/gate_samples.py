"""Differences of two versions as runs make them: decided either way, undecided, and odd."""

from lab_kit.measure.version_gate import ALL, Difference


def group(
    name: str,
    difference: float,
    reach: float | None = 0.01,
    clips: int = 31,
    old: float = 0.15,
    changed: int = 5,
) -> Difference:
    """A group whose interval reaches so far to both sides."""
    low, high = (None, None) if reach is None else (difference - reach, difference + reach)
    return Difference(name, clips, 29 * clips, changed, old, old + difference, low, high, 0.95)


VOICES = [group("reader of Dickens", 0.007, 0.018, 15, 0.298), group("voice", 0.0, None, 5)]
NOISES = [group("as recorded", 0.0, 0.0, old=0.039), group("noise at 0 dB", 0.008, 0.02)]
GATES: dict[str, tuple[list[Difference], float]] = {
    "ship": ([group(ALL, 0.001, 0.004), *VOICES, *NOISES], 0.01),
    "hold": ([group(ALL, 0.052, 0.03), group("voice " * 9, 0.13, 0.02), *NOISES], 0.01),
    "ask": ([group(ALL, 0.009, 0.015), *VOICES, *NOISES], 0.01),
    "group asks": ([group(ALL, 0.002, 0.004), group("synthesized voice", 0.03, 0.04, 11)], 0.01),
    "near": ([group(ALL, 0.0099, 0.04)], 0.01),
    "few": ([group(ALL, 0.5, None, 3), group("one voice", 1.5, None, 1)], 0.0),
    "same": ([group(ALL, 0.0, 0.0, changed=0), group("a", 0.0, 0.0), group("b", 0.0, 0.0)], 0.0),
    "better": ([group(ALL, -0.2, 0.05, old=0.3), NOISES[0]], -0.01),
    "far allowance": ([group(ALL, 0.001, 0.001)], 0.9),
}
"""What was found and what is allowed, by what comes out."""
