"""Lab 09's answers.

09.1: ask who writes the value. What clients send may be taken more widely (1, 8, 10), and what they
read may gain a field (5). What they send may not be refused (4), and what they read may not go, be
null or have another number (2, 7, 11). New values and messages of the server, and another default,
are valid and still meet a client that was not written for them (3, 6, 12). So is a value that
means something else (9), and no schema shows it.

09.2: every value that a client of the old answer reads has to be found in the new one. Times are
whole milliseconds, words are one list, and what names the model is one object.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from lab_kit.experiments.contracts import BothAnswers

mine = {
    1: "additive",
    2: "breaking",
    3: "behaviour",
    4: "breaking",
    5: "additive",
    6: "behaviour",
    7: "breaking",
    8: "additive",
    9: "behaviour",
    10: "additive",
    11: "breaking",
    12: "behaviour",
}


def guide(both: BothAnswers) -> dict[str, Any]:
    """The guide, with the dates that the old answer's headers tell."""
    deprecated = datetime.fromtimestamp(int(both.old.headers["deprecation"].lstrip("@")), UTC)
    gone = parsedate_to_datetime(both.old.headers["sunset"])
    return {
        "call": "/v2/audio:transcribe",
        "deprecated": deprecated.date().isoformat(),
        "gone": gone.date().isoformat(),
        "status_when_gone": 410,
        "fields": {
            "audio_s": ("duration_ms", 1_000),
            "segments[].start_s": ("segments[].start_ms", 1_000),
            "segments[].end_s": ("segments[].end_ms", 1_000),
            "segments[].words[].text": ("words[].text", None),
            "segments[].words[].start_s": ("words[].start_ms", 1_000),
            "segments[].words[].end_s": ("words[].end_ms", 1_000),
            "segments[].words[].confidence": ("words[].confidence", None),
            "model": ("model.name", None),
            "version": ("model.version", None),
            "device": ("model.device", None),
        },
    }
