"""How well personal data is found in what was said, and in what a recognizer made of it.

The sentences are the held-out half of `lab_kit.datasets.personal_data`. What was recognized of them
is kept beside them, with its date, since speaking and recognizing all of them takes a minute;
`recognized_again` does it anew.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from lab_kit.audio.pcm import to_pcm16
from lab_kit.client import transcribe
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets.personal_data import Sentence, sentences
from lab_kit.experiments.access.saying import spoken
from lab_kit.experiments.access.server import Server
from lab_kit.measure.leaks import Figures, Judged, carried_spans, figures_by_kind
from lab_kit.privacy.scanner import scan

_FILE = "personal_data_heard.json"


@dataclass(frozen=True, slots=True)
class Leaks:
    """Figures by kind.

    Attributes:
        said: of the sentences as they were written.
        heard: of what was recognized.
        how_heard: by what, and when.
    """

    said: Mapping[str, Figures]
    heard: Mapping[str, Figures]
    how_heard: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What was recognized of the held-out sentences, in their order."""

    how: str
    texts: tuple[str, ...]


def heard_before() -> Heard:
    """As it is kept."""
    kept = json.loads(files("lab_kit.datasets").joinpath(_FILE).read_text("utf-8"))
    return Heard(kept["how"], tuple(kept["texts"]))


async def recognized_again(server: Server, chosen: Sequence[Sentence] | None = None) -> list[str]:
    """Have the lab's voice say each sentence, and the server recognize it.

    Args:
        chosen: by default all that are held out.

    Raises:
        NotInstalled: the voice is not.
        LabError: the server refused something, or cannot be reached.
    """
    texts = []
    for one in sentences(is_held_out=True) if chosen is None else chosen:
        sound = to_pcm16(await asyncio.to_thread(spoken, one.text))
        kind = f"audio/l16;rate={SAMPLE_RATE_HZ}"
        call = await transcribe(server.url, sound, kind, "a sentence", key=server.address.key)
        texts.append(call.text)
    return texts


def leaks(heard: Heard | None = None) -> Leaks:
    """Look for personal data in both, and compare with what is marked.

    Args:
        heard: what was recognized of the held-out sentences; by default as it is kept.

    Raises:
        ValueError: it has not as many texts as there are sentences.
    """
    heard = heard or heard_before()
    gold = sentences(is_held_out=True)
    said = figures_by_kind(_judged(one.text, one) for one in gold)
    carried = [_judged(text, one) for text, one in zip(heard.texts, gold, strict=True)]
    return Leaks(said, figures_by_kind(carried), heard.how)


def _judged(text: str, sentence: Sentence) -> Judged:
    spans = sentence.spans
    if text != sentence.text:
        spans = tuple(carried_spans(sentence.text, spans, text))
    return Judged(text, spans, scan(text).findings)
