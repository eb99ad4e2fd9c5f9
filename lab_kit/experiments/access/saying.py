"""One sentence with personal data in it, streamed as it is and redacted: words, times, sound."""

import asyncio
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx
import numpy as np
import soundfile
import soxr

from lab_kit.audio.pcm import FloatArray, to_pcm16
from lab_kit.audio.sources.recordings import DEFAULT_CHUNK_S, PacedRecording
from lab_kit.client import NativeWire, stream_over
from lab_kit.client.requests import refused, unreachable
from lab_kit.core.call_record import Spoken, StreamCall
from lab_kit.core.events import Final, Interim, StreamOptions, TimedWord
from lab_kit.core.personal_data import Redaction, redaction_of
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.experiments.access.server import Server
from lab_kit.measure.accuracy import bare_words
from lab_kit.models.synthesizer import Synthesizer
from lab_kit.protocol.recordings import REDACT_SOUND_PATH

SENTENCE = (
    "Good morning, this is Laura Bennett. Please call me back on four one five, five five five,"
    " zero one nine two, or write to laura dot bennett at example dot com."
)
_LEAD_S, _TAIL_S = 0.3, 0.5
_TIMEOUT_S = 60.0
_PLACEHOLDER = re.compile(r"\[\w+\]\S*")
_Name = tuple[str, int]
"""A word without case and marks, and the how manieth of its kind it is in a text."""


@dataclass(frozen=True, slots=True)
class Told:
    """A word of the redacted transcript that is no placeholder.

    Attributes:
        plain_s, redacted_s: from the word's end until it was first shown without redaction and
            with it; None where a transcript does not have it.
    """

    word: TimedWord
    plain_s: float | None
    redacted_s: float | None


@dataclass(frozen=True, slots=True)
class Said:
    """What was said, what was told of it, and what became of its sound.

    Attributes:
        sound, redacted_sound: (samples,) float32 at 16 kHz, as long as each other.
        text: as it was recognized.
        redacted_text: the same with placeholders.
        words: of the redacted text, with their times.
        redactions: what was taken out.
        told: the words that were told in both, and how soon.
    """

    sound: FloatArray
    redacted_sound: FloatArray
    text: str
    redacted_text: str
    words: tuple[TimedWord, ...]
    redactions: tuple[Redaction, ...]
    told: tuple[Told, ...]

    @property
    def later_s(self) -> tuple[float, ...]:
        """How much later each word was first shown with redaction, that was shown in both."""
        return tuple(
            one.redacted_s - one.plain_s
            for one in self.told
            if one.plain_s is not None and one.redacted_s is not None
        )


async def said(server: Server, sentence: str = SENTENCE) -> Said:
    """Have the lab's voice say it, and stream that twice at once: as it is, and with redaction.

    Raises:
        NotInstalled: the voice is not.
        LabError: the server refused something, or cannot be reached.
    """
    sound = await asyncio.to_thread(spoken, sentence)
    plain, redacted = [
        await _streamed(server, sound, sentence, steps) for steps in ((), redaction_of())
    ]
    finals = [one.event for one in redacted.received if isinstance(one.event, Final)]
    words = tuple(word for final in finals for word in final.words)
    return Said(
        sound,
        await _without(server, sound),
        plain.text,
        redacted.text,
        words,
        tuple(one for final in finals for one in final.redactions),
        tuple(_told(plain, redacted, words)),
    )


def spoken(sentence: str) -> FloatArray:
    """The sentence by the lab's voice, with a little quiet around it.

    Returns:
        (samples,) float32 at 16 kHz.

    Raises:
        NotInstalled: the voice is not.
    """
    speech = Synthesizer().speak(sentence)
    sound = soxr.resample(speech.samples, speech.sample_rate_hz, SAMPLE_RATE_HZ)
    lead, tail = (np.zeros(round(s * SAMPLE_RATE_HZ), np.float32) for s in (_LEAD_S, _TAIL_S))
    return np.concatenate([lead, sound.astype(np.float32), tail])


async def _streamed(
    server: Server, sound: FloatArray, sentence: str, steps: tuple[str, ...]
) -> StreamCall:
    until_s = len(sound) / SAMPLE_RATE_HZ - _TAIL_S
    source = PacedRecording(
        "a sentence", sound, (Spoken(sentence, _LEAD_S, until_s),), DEFAULT_CHUNK_S
    )
    options = StreamOptions(postprocess=steps)
    return await stream_over(NativeWire.WEBSOCKET, server.address, source, options)


async def _without(server: Server, sound: FloatArray) -> FloatArray:
    """The recording as the server gives it back."""
    headers = {"content-type": f"audio/l16;rate={SAMPLE_RATE_HZ}"}
    if server.address.key is not None:
        headers["authorization"] = f"Token {server.address.key}"
    async with httpx.AsyncClient(
        base_url=server.url, timeout=_TIMEOUT_S, trust_env=False, headers=headers
    ) as http:
        try:
            answer = await http.post(REDACT_SOUND_PATH, content=to_pcm16(sound))
        except httpx.HTTPError as error:
            raise unreachable(server.url, error) from error
    if not answer.is_success:
        raise refused(answer)
    samples, _ = soundfile.read(io.BytesIO(answer.content), dtype="float32")
    return np.asarray(samples, np.float32)


def _told(plain: StreamCall, redacted: StreamCall, words: Sequence[TimedWord]) -> Iterator[Told]:
    """When each word that is no placeholder was first shown in either stream."""
    before, after = _first_shown_s(plain), _first_shown_s(redacted)
    kept = [word for word in words if not _PLACEHOLDER.match(word.text)]
    for word, name in zip(kept, _numbered([word.text for word in kept]), strict=True):
        shown = before.get(name), after.get(name)
        yield Told(word, *(None if at_s is None else at_s - word.end_s for at_s in shown))


def _first_shown_s(call: StreamCall) -> dict[_Name, float]:
    """When each word was first shown, from the first sample on."""
    finals, shown = "", dict[_Name, float]()
    for one in call.received:
        if isinstance(one.event, Interim | Final):
            so_far = f"{finals} {one.event.text}"
            at_s = (one.received_ns - call.started_ns) / 1e9
            for name in _numbered(_PLACEHOLDER.sub("", so_far).split()):
                shown.setdefault(name, at_s)
            finals = so_far if isinstance(one.event, Final) else finals
    return shown


def _numbered(texts: Sequence[str]) -> list[_Name]:
    """Each word as it is compared, and the how manieth of its kind it is."""
    seen: Counter[str] = Counter()
    names = []
    for text in texts:
        bare = " ".join(bare_words(text))
        seen[bare] += 1
        names.append((bare, seen[bare]))
    return names
