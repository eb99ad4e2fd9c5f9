"""When turns end: after a fixed silence, or sooner where they sound finished and later elsewhere.

    .venv/bin/python tests/benchmarks/turns.py [--streams N]

First without a server, chunk by chunk in the sound's own time: what is counted is when a turn is
ended, not how long a machine takes to write it; a judgement comes `JUDGED_S` after the question.
Then N callers at once (24) speak to a server by the provider's own SDK, and what is counted is when
the final is here.

Ends are where a sentence ends in the text: of the clips, and of `SENTENCES`, spoken for this.
Pauses are silences of 0.2 s and more inside sentences of people who read; a clip that is a part of
another counts once. Sentences broken off after a word that no sentence ends with, by people or by
the lab's voice, stand for hesitations.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from live import client_of, send

from lab_kit.audio.pcm import FloatArray, to_pcm16
from lab_kit.audio.resample import to_rate
from lab_kit.bench import Bench
from lab_kit.core.events import Final, StreamOptions
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip, Kind, clips
from lab_kit.engine.api import Hypothesis
from lab_kit.gateway.versions.engine_factory import load_turns
from lab_kit.models.silero import SileroScorer, open_silero
from lab_kit.models.store.store import ModelStore
from lab_kit.models.synthesizer import Synthesizer
from lab_kit.stream.actions import Action, Cancel, Emit, Judge, Submit
from lab_kit.stream.session import StreamSession

STREAMS = 24
REFUSED_S = 2.0
"""Who is refused a place comes back after so long."""
CHUNK_SAMPLES = 320
JUDGED_S = 0.04
PAUSE_S = 0.2
NEAR_S = 0.15
"""A turn's end this close to a true one, or to a pause, is that one."""
TAIL_S = 1.5
HEARD_S = 8.0
"""Of a sentence that is broken off, so much is heard before."""
ROOM_DB = -60.0
END_DB = ROOM_DB + 8
"""Where the lab's voice falls silent, by the rule for clips (`datasets/README.md`)."""
LEVEL_SAMPLES = 160
_OPEN_WORDS = "a an and at because but for from if in my of on or that the to with your"
OPEN = frozenset(_OPEN_WORDS.split())
SENTENCES = """\
I would like to speak to someone about my bill.
Where is the nearest pharmacy?
Please turn the heating down in the bedroom.
My flight was cancelled this morning.
Can I bring a dog on the train?
The door does not lock any more.
Send the invoice to the old address.
How long does the delivery take?
I lost my card yesterday evening.
Play something quiet.
We are four people, and one of us eats no meat.
Remind me to call my sister at noon.
The second number is wrong.
Is there a discount for students?
Cancel the appointment on Thursday.
I have already paid for this.
What does the larger one cost?
Nobody told me about the fee.
Put two cartons of milk on the list.
The water is still running.
Could you say that again?
Open the report from last week.
I need a room with a desk and a window.
She moved to Lisbon in the spring.
Does this bus stop at the museum?
Thank you for your patience.
The picture is upside down.
Let me know when the parts arrive.
They close at half past six.
Why was my request refused?
Write that the meeting starts an hour later.
It stopped working after the update.
Which platform does it leave from?
I prefer the window seat.
Translate this letter into Spanish.
He forgot his umbrella on the tram.
Are the shops open on Monday?
Switch off every lamp but this one.
The soup was cold when it came.
That will be all for today.
""".splitlines()
JUDGED = "200 ms if it sounds finished, else 1 s"
POLICIES = {
    "200 ms": StreamOptions(endpoint_silence_s=0.2),
    "500 ms": StreamOptions(endpoint_silence_s=0.5),
    JUDGED: StreamOptions(endpoint_silence_s=0.2, unfinished_silence_s=1.0),
}
NOTHING = Hypothesis("so", (), (), False, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Scene:
    """Sound, and where a turn ends in it and where it does not.

    Attributes:
        audio: (samples,) float32 at 16 kHz, quiet at its end.
        broken_s: where a sentence was broken off, by whom.
    """

    audio: FloatArray
    ends_s: tuple[float, ...] = ()
    pauses_s: tuple[float, ...] = ()
    broken_s: float | None = None
    is_real: bool = False


@dataclass
class Count:
    """How many there were, and how many were taken for the end of a turn."""

    seen: int = 0
    cut: int = 0

    def add(self, is_cut: bool) -> None:
        """One more."""
        self.seen += 1
        self.cut += is_cut


@dataclass
class Tally:
    """What a policy did."""

    delays_s: list[float] = field(default_factory=list)
    missed: int = 0
    pauses: Count = field(default_factory=Count)
    broken_by_people: Count = field(default_factory=Count)
    broken_by_the_voice: Count = field(default_factory=Count)
    judged: int = 0
    judging_s: float = 0.0
    by_silence: int = 0
    refused: int = 0

    def lines(self) -> Iterator[str]:
        """In words."""
        p50, p95 = (np.percentile(self.delays_s, q) * 1e3 for q in (50, 95))
        yield f"  final delay p50 {p50:.0f} ms, p95 {p95:.0f} ms over {len(self.delays_s)} ends"
        yield f"  {self.missed} ends missed; {self.pauses.cut} of {self.pauses.seen} pauses cut"
        for name, count in (
            ("people", self.broken_by_people),
            ("the lab's voice", self.broken_by_the_voice),
        ):
            if count.seen:
                yield f"  broken off by {name}, taken for ended: {count.cut} of {count.seen}"
        if self.judging_s:
            each_ms = self.judging_s / self.judged * 1e3
            yield f"  {self.judged} judgements, {each_ms:.0f} ms of CPU each"
        if self.by_silence:
            yield f"  decided by silence alone: {self.by_silence}, with a judgement: {self.judged}"
        if self.refused:
            yield f"  refused a place: {self.refused} times"


class Listener:
    """Carries out what sessions ask for; every decode is answered at once, with a word."""

    def __init__(self) -> None:
        store = ModelStore()
        self._silero = open_silero(store.path("silero-vad")["silero_vad_16k_sequence.onnx"])
        self._turns = load_turns()

    def ends(self, options: StreamOptions, audio: FloatArray, tally: Tally) -> list[Final]:
        """The finals with which turns ended."""
        session = StreamSession(options, SileroScorer(self._silero))
        finals: list[Final] = []
        due: list[tuple[int, int, float]] = []

        def carry_out(actions: list[Action], now: int) -> None:
            cancelled = {a.number for a in actions if isinstance(a, Cancel)}
            for action in actions:
                if isinstance(action, Emit) and isinstance(action.event, Final):
                    finals.append(action.event)
                elif isinstance(action, Submit) and action.number not in cancelled:
                    carry_out(session.answer(action.number, NOTHING), now)
                elif isinstance(action, Judge):
                    began_s = time.thread_time()
                    sure = self._turns.completeness(action.audio)
                    tally.judging_s += time.thread_time() - began_s
                    tally.judged += 1
                    due.append((now + round(JUDGED_S * SAMPLE_RATE_HZ), action.number, sure))

        for start in range(0, len(audio), CHUNK_SAMPLES):
            now = start + CHUNK_SAMPLES
            carry_out(session.push(audio[start:now], now, now), now)
            while due and due[0][0] <= now:
                _, number, sure = due.pop(0)
                carry_out(session.judged(number, sure, now), now)
        return [final for final in finals if final.endpoint]


def room(seconds: float) -> FloatArray:
    """A quiet one."""
    rng = np.random.default_rng(3)
    count = round(seconds * SAMPLE_RATE_HZ)
    return rng.normal(0, 10 ** (ROOM_DB / 20), count).astype(np.float32)


def in_a_room(audio: FloatArray) -> FloatArray:
    """With quiet after it."""
    return np.append(audio, room(TAIL_S)).astype(np.float32)


def true_ends_s(clip: Clip) -> Iterator[float]:
    """Where a sentence ends and nobody goes on for a while."""
    for word, after in zip(clip.words, [*clip.words[1:], None], strict=True):
        is_quiet = after is None or after.start_s - word.end_s >= PAUSE_S
        if word.text.endswith((".", "?", "!")) and is_quiet:
            yield word.end_s


def pauses_s(clip: Clip) -> Iterator[float]:
    """Where somebody pauses inside a sentence."""
    for word, after in zip(clip.words, clip.words[1:], strict=False):
        is_inside = not word.text.endswith((".", "?", "!"))
        if is_inside and after.start_s - word.end_s >= PAUSE_S:
            yield word.end_s


def broken_off(clip: Clip) -> Iterator[Scene]:
    """The clip up to each word that no sentence ends with."""
    for word in clip.words[1:-1]:
        if word.text in OPEN:
            first_s = max(0.0, word.end_s - HEARD_S)
            first, last = (round(at * SAMPLE_RATE_HZ) for at in (first_s, word.end_s))
            audio = in_a_room(clip.samples[first:last])
            yield Scene(audio, broken_s=word.end_s - first_s, is_real=clip.kind is Kind.REAL)


def whole_clips() -> list[Clip]:
    """Those that are no part of another."""
    known = clips()
    return [one for one in known if not any(one.id.startswith(f"{other.id}-") for other in known)]


def spoken() -> Iterator[Scene]:
    """`SENTENCES`, each with its end where the level says."""
    voice = Synthesizer()
    for number, text in enumerate(SENTENCES):
        speech = voice.speak(text, seed=number, speed=(0.9, 1.0, 1.1, 1.25)[number % 4])
        audio = to_rate(speech.samples, speech.sample_rate_hz, SAMPLE_RATE_HZ)
        # everywhere: beside digital silence, the quiet of a room is a sound
        audio = audio + room(len(audio) / SAMPLE_RATE_HZ)
        whole = audio[: len(audio) // LEVEL_SAMPLES * LEVEL_SAMPLES].reshape(-1, LEVEL_SAMPLES)
        levels_db = 10 * np.log10(np.maximum((whole * whole).mean(axis=1), 1e-10))
        end = int(np.flatnonzero(levels_db > END_DB)[-1] + 1) * LEVEL_SAMPLES
        yield Scene(in_a_room(audio), ends_s=(end / SAMPLE_RATE_HZ,))


def scenes() -> list[Scene]:
    """All."""
    found = list(spoken())
    for clip in whole_clips():
        is_real = clip.kind is Kind.REAL
        pauses = tuple(pauses_s(clip)) if is_real else ()
        found.append(Scene(in_a_room(clip.samples), tuple(true_ends_s(clip)), pauses))
        found += broken_off(clip)
    return found


def is_near(end_s: float, at_s: float) -> bool:
    """Whether they are one place."""
    return abs(end_s - at_s) <= NEAR_S


def judge(listener: Listener, options: StreamOptions, heard: Sequence[Scene]) -> Tally:
    """One policy over every scene, without a server."""
    tally = Tally()
    for scene in heard:
        finals = listener.ends(options, scene.audio, tally)
        for end_s in scene.ends_s:
            final = next((final for final in finals if is_near(final.end_s, end_s)), None)
            if final is None:
                tally.missed += 1
            else:
                tally.delays_s.append(final.timing.trigger_audio_s - end_s)
        for pause_s in scene.pauses_s:
            tally.pauses.add(any(is_near(final.end_s, pause_s) for final in finals))
        if (cut_s := scene.broken_s) is not None:
            ended = [
                final.timing.trigger_audio_s for final in finals if is_near(final.end_s, cut_s)
            ]
            count = tally.broken_by_people if scene.is_real else tally.broken_by_the_voice
            count.add(any(at_s - cut_s < 2 * PAUSE_S for at_s in ended))
    return tally


async def speak(client: AsyncDeepgramClient, options: StreamOptions, scene: Scene) -> Tally:
    """Stream a scene to a server; when its finals are here."""
    asked = {}
    if options.unfinished_silence_s is not None:
        asked["lab_eot_timeout_ms"] = str(round(options.unfinished_silence_s * 1000))
    assert options.endpoint_silence_s is not None
    ended: list[tuple[float, float]] = []
    tally = Tally()
    async with client.listen.v1.connect(
        model="nova-3",
        encoding="linear16",
        sample_rate=str(SAMPLE_RATE_HZ),
        channels="1",
        interim_results="true",
        endpointing=str(round(options.endpoint_silence_s * 1000)),
        request_options={"additional_query_parameters": asked},
    ) as connection:
        started_ns = time.perf_counter_ns() + 20_000_000

        def take(message: object) -> None:
            if getattr(message, "speech_final", False):
                here_s = (time.perf_counter_ns() - started_ns) / 1e9
                ended.append((message.start + message.duration, here_s))  # type: ignore[attr-defined]
                is_judged = message.lab["finished_probability"] is not None  # type: ignore[attr-defined]
                tally.judged += is_judged
                tally.by_silence += not is_judged

        connection.on(EventType.MESSAGE, take)
        listening = asyncio.create_task(connection.start_listening())
        await send(connection, to_pcm16(scene.audio), started_ns)
        await connection.send_close_stream()
        await listening
    for end_s in scene.ends_s:
        here = next((here_s for at_s, here_s in ended if is_near(at_s, end_s)), None)
        if here is None:
            tally.missed += 1
        else:
            tally.delays_s.append(here - end_s)
    for pause_s in scene.pauses_s:
        tally.pauses.add(any(is_near(at_s, pause_s) for at_s, _ in ended))
    return tally


async def together(bench: Bench, options: StreamOptions, streams: int) -> Tally:
    """So many callers at once: half read aloud for as long as the others say their sentences."""
    client = client_of(bench)
    reading = max(whole_clips(), key=lambda clip: clip.duration_s)
    read = Scene(in_a_room(reading.samples), tuple(true_ends_s(reading)), tuple(pauses_s(reading)))
    sentences = list(spoken())
    until_ns = time.perf_counter_ns() + round(len(read.audio) / SAMPLE_RATE_HZ * 1e9)

    whole = Tally()

    async def caller(number: int) -> None:
        await asyncio.sleep(number * 3.0 / streams)
        turn, is_reading = number, number % 2 == 1
        while time.perf_counter_ns() < until_ns:
            scene = read if is_reading else sentences[turn % len(sentences)]
            turn += streams // 2 + 1
            try:
                one = await speak(client, options, scene)
            except ApiError as refusal:
                if refusal.status_code != 503:
                    raise
                whole.refused += 1
                await asyncio.sleep(REFUSED_S)
                continue
            whole.delays_s += one.delays_s
            whole.missed += one.missed
            whole.pauses.seen += one.pauses.seen
            whole.pauses.cut += one.pauses.cut
            whole.judged += one.judged
            whole.by_silence += one.by_silence
            if is_reading:
                return

    await asyncio.gather(*map(caller, range(streams)))
    return whole


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=STREAMS)
    streams = parser.parse_args().streams
    listener, heard = Listener(), scenes()
    print("Each alone, in the sound's own time")
    for name, options in POLICIES.items():
        print(name, *judge(listener, options, heard).lines(), sep="\n")
    for count in (2, streams):
        bench = Bench.start()
        print(f"\n{count} at once to a server, until the final is here; {bench.device}")
        # the network is loaded when it is asked for
        asyncio.run(speak(client_of(bench), POLICIES[JUDGED], heard[0]))
        for name, options in POLICIES.items():
            print(name, *asyncio.run(together(bench, options, count)).lines(), sep="\n")
        bench.stop()


if __name__ == "__main__":
    sys.exit(main())
