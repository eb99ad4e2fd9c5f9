"""Events as plain values and back: what our own client needs and no provider's message has.

The text is left out, since every dialect has a place for it; not every one has for words. A
provider's SDK ignores the rest, as it ignores whatever it does not know.
"""

from dataclasses import asdict, fields, replace
from typing import Any

from lab_kit.core.errors import InvalidMessage
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    SpeechStarted,
    StreamEnded,
    TimedWord,
    Timing,
    UtteranceEnd,
)
from lab_kit.core.personal_data import Redaction

_KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (SpeechStarted, Interim, Final, UtteranceEnd, StreamEnded)
}
_WORD = tuple(field.name for field in fields(TimedWord))


def described(event: Event, sent_ns: int, version: str) -> dict[str, Any]:
    """An event without its text, when it was sent, and which version of the model spoke.

    Its words, if it has any, are there with their times.
    """
    if not isinstance(event, Interim | Final):
        values = asdict(event)
    else:
        # `asdict` copies what it finds: for the words of ten minutes, 10 ms of the server's loop
        values = asdict(replace(event, words=()))
        del values["text"]
        values["words"] = [{name: getattr(word, name) for name in _WORD} for word in event.words]
    return {"kind": type(event).__name__, "sent_ns": sent_ns, "version": version, **values}


def event_of(description: dict[str, Any], text: str = "") -> tuple[Event, int, str]:
    """The event, when it was sent on the server's clock, and the model's version.

    Raises:
        InvalidMessage: it describes none.
    """
    try:
        values = dict(description)
        kind = _KINDS[values.pop("kind")]
        sent_ns, version = values.pop("sent_ns"), values.pop("version")
        if kind in (Interim, Final):
            words = tuple(TimedWord(**word) for word in values["words"])
            values |= {"text": text, "timing": Timing(**values["timing"]), "words": words}
        if kind is Final:
            gone = values.get("redactions", ())
            values["redactions"] = tuple(Redaction(**one) for one in gone)
        return kind(**values), sent_ns, version
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidMessage(
            f"a description {str(description)[:200]!r}",
            "an event's, as this server writes it",
            "check that the server is a lab_kit of this version",
        ) from error
