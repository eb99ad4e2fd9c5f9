"""Access as runs make it: keys that end at once or late, budgets that drain or never do."""

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.events import TimedWord
from lab_kit.core.personal_data import Redaction
from lab_kit.experiments.access import (
    LIVE_WIRES,
    Ask,
    Drained,
    Flooder,
    Leaks,
    Plan,
    Revoked,
    Said,
    Told,
)
from lab_kit.measure.leaks import Figures

KEY_ENDED = "KEY_ENDED: the key sk_live_abcdefgh, which is revoked"
REVOKED: dict[str, list[Revoked]] = {
    "quick": [
        Revoked(wire.value, 0.03 + 0.01 * n, KEY_ENDED) for wire in LIVE_WIRES for n in (1, 2, 9)
    ],
    "late": [Revoked("WebSocket", 0.9, KEY_ENDED), Revoked("gRPC", 31.4, "")],
    "one": [Revoked("a wire with an uncommonly long name of its own", 0.0, "")],
}


def flooder(tenant: str, sound_s: float, compute_s: float, is_costly: bool = False) -> Flooder:
    """A tenant that sent twenty requests."""
    return Flooder(tenant, sound_s, 20, compute_s, is_costly)


FLOODS: dict[str, list[Flooder]] = {
    "marked": [
        flooder("short", 1.0, 0.57),
        flooder("usual", 1.2, 0.79),
        flooder("long", 32.0, 9.04, is_costly=True),
    ],
    "few": [Flooder("short", 1.0, 4, 0.1, False), Flooder("long", 32.0, 4, 1.9, False)],
    "free": [flooder("silent", 1.0, 0.0), flooder("a tenant with a long name", 600.0, 1_234.5)],
}


def ask(
    sent_s: float,
    before_s: float,
    reserved_s: float = 0.2,
    cost_s: float = 0.07,
    wait_s: float | None = None,
    *,
    is_told: bool = False,
    is_silence: bool = False,
) -> Ask:
    """A request that took a tenth of a second."""
    left_s = before_s - cost_s + 0.01
    return Ask(
        sent_s, sent_s + 0.1, before_s, reserved_s, cost_s, left_s, wait_s, is_told, is_silence
    )


USUAL = (
    ask(0.1, 0.6),
    ask(0.3, 0.54, cost_s=0.0, is_silence=True),
    ask(0.5, 0.14, 0.0, 0.0, 0.61),
    ask(0.7, 0.16, 0.0, 0.0, 0.43),
    ask(1.2, 0.21, is_told=True),
    ask(1.4, 0.0, 0.0, 0.0, 0.09),
    ask(1.6, 0.02, 0.0, 0.0, 1.8, is_told=True),
    ask(3.4, 0.21, is_told=True),
)
DRAINED: dict[str, Drained] = {
    "usual": Drained(Plan(), USUAL),
    "never refused": Drained(Plan(6_000.0, 600.0), USUAL[:2]),
    "broken": Drained(Plan(), (*USUAL[:4], ask(2.0, 0.1, 0.0, 0.0, 12.5, is_told=True))),
    "dear": Drained(Plan(0.6, 40.0), (ask(0.1, 40.0, 31.0, 38.0), ask(9.0, 0.0, wait_s=180.0))),
    "many": Drained(Plan(), tuple(ask(n / 4, 0.6 - n / 100, 0.05, 0.04) for n in range(30))),
}


def said(words: list[tuple[str, float, float]], later_s: float, seconds: float = 12.0) -> Said:
    """A sentence whose placeholders begin with a bracket."""
    timed = tuple(TimedWord(text, start, end, 0.9) for text, start, end in words)
    gone = tuple(
        Redaction(text.strip("[].,"), start, end, 0.8, "announced")
        for text, start, end in words
        if text.startswith("[")
    )
    sound: FloatArray = (0.5 * np.sin(np.arange(round(16_000 * seconds)) / 5)).astype(np.float32)
    left = sound.copy()
    for one in gone:
        left[round(one.start_s * 16_000) : round(one.end_s * 16_000)] = 0
    kept = [word for word in timed if not word.text.startswith("[")]
    told = tuple(
        Told(word, 0.01 * n, 0.01 * n + later_s if n % 5 else None) for n, word in enumerate(kept)
    )
    text = " ".join(word.text for word in timed)
    return Said(sound, left, text, text, timed, gone, told)


SENTENCE = [
    ("Good", 0.6, 0.76),
    ("morning,", 0.76, 1.34),
    ("this", 1.34, 1.5),
    ("is", 1.5, 1.7),
    ("[name].", 1.7, 2.47),
    ("Please", 3.17, 3.38),
    ("call", 3.38, 3.67),
    ("me", 3.67, 3.84),
    ("[phone],", 4.25, 5.28),
    ("[national_number].", 5.4, 8.26),
    ("an-uncommonly-long-word-that-is-one", 8.56, 8.8),
]
SAID: dict[str, Said] = {
    "usual": said(SENTENCE, 0.2),
    "early": said(SENTENCE, -0.4),
    "late": said(SENTENCE, 7.5),
    "nothing personal": said(SENTENCE[:4], 0.0, 2.0),
    "nothing told": said([("[account].", 0.2, 1.9)], 0.0, 2.0),
    "nothing heard": said([], 0.0, 1.0),
}

ONE = Figures(spans=7, found_spans=5, chars=70, leaked_chars=12, findings=6, right_findings=6)
LEAKS: dict[str, Leaks] = {
    "usual": Leaks(
        {"card": Figures(7, 7, 70, 0, 7, 7), "national_number": ONE, "phone": ONE},
        {"card": ONE, "national_number": ONE, "phone": Figures(7, 1, 70, 60, 9, 3)},
        "spoken by a voice, recognized by a model with a rather long name, on a day in November",
    ),
    "all": Leaks({"name": Figures(3, 3, 9, 0, 3, 3)}, {"name": Figures(3, 3, 9, 0, 3, 3)}, "x"),
    "none": Leaks({}, {"name": Figures(findings=2)}, "recognized by nobody"),
}
