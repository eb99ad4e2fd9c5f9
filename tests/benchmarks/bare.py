"""What bare runtimes could carry, with no server around them: what a server is compared with.

Two ceilings. `Ceiling` is arithmetic: the passes that callers' live text asks for, with interims as
few as the limits allow, and their voice activity, against all the time that the cores have; each
second is computed whenever it suits. `carried` is stricter: callers speak in simulated time, passes
wait for a free core and for each other as the engine's scheduler says, and whatever somebody would
have had to wait for is waited for. Each pass is computed for real, and takes what it took. Neither
has sockets, an event loop or an interpreter that its threads share.
"""

import heapq
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

import numpy as np

from lab_kit.audio.pcm import FloatArray
from lab_kit.capacity.degradation import INTERIM_STRETCH
from lab_kit.core.call_record import Received, StreamCall
from lab_kit.core.clock import ClockOffset
from lab_kit.core.events import ModelInfo, StreamOptions
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip
from lab_kit.engine.api import DecodeRequest, Hypothesis, Priority
from lab_kit.engine.loop import DEFAULT_BATCHING, MAX_WAITING, EngineLoop
from lab_kit.engine.runner import MoonshineRunner, agreeing
from lab_kit.engine.scheduler import Scheduler
from lab_kit.engine.work import Sequence, Wait, Work
from lab_kit.experiments.load import Stairs
from lab_kit.experiments.load.speaking import speaking
from lab_kit.measure.percentiles import percentile
from lab_kit.models.device import choose_device
from lab_kit.models.moonshine.model import END_TOKEN, Moonshine, truncate, warm_up
from lab_kit.models.moonshine.published import PublishedMoonshine
from lab_kit.models.silero import WINDOW_SAMPLES, SileroScorer, open_silero
from lab_kit.models.store.store import ModelStore
from lab_kit.stream.actions import Action, Cancel, Emit, Submit
from lab_kit.stream.session import StreamSession

CALLERS, CALLER_S = 4, 30.0
"""Whose sound the ceiling is computed of."""
CHUNK_SAMPLES = 800


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What must be computed for a second of a caller, and how fast bare runtimes do it.

    Attributes:
        finals_s: device time of every utterance decoded once, whole.
        passes_s: of all the passes that live text asks for, when interims are as few as the limits
            allow; the faster of two ways, a plain loop on each worker or the saturated engine.
        published_s: of the same passes over the graphs as they were published, in plain loops.
        vad_s: of voice activity.
        clip_p50_s: one whole clip alone, for comparing machines.
        contention: how many times longer a pass takes when every core computes one.
    """

    finals_s: float
    passes_s: float
    published_s: float
    vad_s: float
    clip_p50_s: float
    contention: float
    workers: int

    def streams(self, passes_s: float) -> float:
        """Callers whose passes and whose voice activity would fill the cores."""
        return self.workers / (passes_s + self.vad_s)


class Bare:
    """The runtimes: the model as served and as published, on this machine's cores."""

    def __init__(self, options: StreamOptions, think_s: float) -> None:
        device = choose_device()
        files = ModelStore().path("moonshine-tiny-en").paths
        self._model = Moonshine(files, device)
        graph = ModelStore().path("silero-vad")["silero_vad_16k_sequence.onnx"]
        self._silero = open_silero(graph)
        self._published = PublishedMoonshine(files, device)
        self._workers = device.workers
        self._options = options
        self._think_s = think_s
        warm_up(self._model)

    def ceiling(self, speech: list[Clip]) -> Ceiling:
        """A few callers' sound through the session, then their passes as fast as they go."""
        model, workers = self._model, self._workers
        clips_s = [timed(partial(decode, model, whole(clip))) for clip in speech]
        engine = EngineLoop(MoonshineRunner(model), ModelInfo("", "", "", ""), workers)
        callers = [speaking(speech, CALLER_S, self._think_s, seed).audio for seed in range(CALLERS)]
        heard = [self._hear(engine, audio) for audio in callers]
        sound_s = sum(len(audio) for audio in callers) / SAMPLE_RATE_HZ
        requests = [request for asked, _ in heard for request in asked]
        finals = [request for request in requests if request.priority is Priority.FINAL]

        def device_s(
            run: Callable[[list[DecodeRequest]], None], asked: list[DecodeRequest]
        ) -> float:
            return timed(lambda: run(asked)) * workers / sound_s

        def plain(asked: list[DecodeRequest]) -> None:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(lambda request: decode(model, request), asked))

        def alone(asked: list[DecodeRequest]) -> None:
            for request in asked:
                decode(model, request)

        def as_published(asked: list[DecodeRequest]) -> None:
            one = self._published
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(lambda r: one.decode(r.audio, limit(model, r), r.draft), asked))

        def saturated(asked: list[DecodeRequest]) -> None:
            for start in range(0, len(asked), MAX_WAITING // 2):
                tickets = [engine.submit(each) for each in asked[start : start + MAX_WAITING // 2]]
                for ticket in tickets:
                    ticket.future.result()

        # in turn, so that a moment's other load is nobody's alone
        rounds = [(device_s(plain, requests), device_s(alone, requests)) for _ in range(3)]
        plain_s, alone_s = (min(each) for each in zip(*rounds, strict=True))
        found = Ceiling(
            finals_s=min(device_s(run, finals) for run in (plain, saturated)),
            passes_s=min(plain_s, *(device_s(saturated, requests) for _ in range(2))),
            published_s=min(device_s(as_published, requests) for _ in range(2)),
            vad_s=sum(vad_s for _, vad_s in heard) / sound_s,
            clip_p50_s=percentile(clips_s, 0.5),
            contention=plain_s / (alone_s / workers),
            workers=workers,
        )
        engine.stop()
        return found

    def carried(
        self, speech: list[Clip], plan: Stairs, seed: int, ceiling: Ceiling
    ) -> list[StreamCall]:
        """The plan's callers in simulated time; what each of them would have heard, and when."""
        runtime = _SimulatedCores(self._model, ceiling, plan.streams[-1])
        calls = []
        for number, planned in enumerate(plan.calls()):
            source = speaking(speech, planned.seconds, self._think_s, seed * 1_000 + number)
            session = self._session()
            caller = _Caller(session, runtime, started_ns=round(planned.at_s * 1e9))
            caller.speak(source.audio)
            calls.append((source, caller))
        runtime.run()
        return [
            StreamCall(
                source.name,
                caller.started_ns,
                len(source.audio) / SAMPLE_RATE_HZ,
                source.chunk_s,
                source.spoken,
                (),
                tuple(caller.received),
                ClockOffset(0, 0),
                "bare",
            )
            for source, caller in calls
        ]

    def _session(self) -> StreamSession:
        session = StreamSession(self._options, SileroScorer(self._silero))
        session.interim_stretch = INTERIM_STRETCH
        return session

    def _hear(self, engine: EngineLoop, audio: FloatArray) -> tuple[list[DecodeRequest], float]:
        """What a session asks for, each answered at once; and voice activity's time."""
        asked: list[DecodeRequest] = []
        session = self._session()

        def carry_out(actions: list[Action]) -> None:
            for action in actions:
                if isinstance(action, Submit):
                    asked.append(action.request)
                    answer = engine.submit(action.request).future.result()
                    carry_out(session.answer(action.number, answer))

        for start in range(0, len(audio), CHUNK_SAMPLES):
            carry_out(session.push(audio[start : start + CHUNK_SAMPLES], 0, 0))
        scorer = SileroScorer(self._silero)
        windows = audio[: len(audio) // WINDOW_SAMPLES * WINDOW_SAMPLES].reshape(-1, WINDOW_SAMPLES)
        return asked, timed(lambda: [scorer.score(window[None]) for window in windows])


class _SimulatedCores:
    """The engine's scheduler and a real model, in simulated time.

    What `EngineLoop` does with threads and a clock, without either.

    A pass takes what it takes here, alone, times the contention of the other cores, times what
    voice activity takes from the cores meanwhile.
    """

    def __init__(self, model: Moonshine, ceiling: Ceiling, callers: int) -> None:
        self._runner = MoonshineRunner(model)
        self._scheduler = Scheduler(
            DEFAULT_BATCHING, self._runner.traits, ceiling.workers, MAX_WAITING
        )
        self._slower = ceiling.contention / (1 - callers * ceiling.vad_s / ceiling.workers)
        self._idle = ceiling.workers
        self._numbers = count(1)
        self._moments: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._answers: dict[int, Callable[[Hypothesis], None]] = {}
        self.now_ns = 0

    def at(self, moment_ns: int, then: Callable[[], None]) -> None:
        """Have something happen at that moment."""
        heapq.heappush(self._moments, (moment_ns, next(self._order), then))

    def run(self) -> None:
        """Let everything happen."""
        while self._moments:
            self.now_ns, _, then = heapq.heappop(self._moments)
            then()
            while self._idle and isinstance(work := self._scheduler.take(self.now_ns), Work):
                self._compute(work)
            if self._idle and isinstance(work, Wait) and work.until_ns is not None:
                self.at(max(work.until_ns, self.now_ns + 1), lambda: None)

    def submit(self, request: DecodeRequest, answer: Callable[[Hypothesis], None]) -> int:
        """Queue a request; returns its number."""
        sequence = Sequence(next(self._numbers), request, self.now_ns)
        self._measure(sequence)
        self._scheduler.add(sequence)
        self._answers[sequence.number] = answer
        return sequence.number

    def refresh(self, number: int, request: DecodeRequest) -> bool:
        """Put newer audio under a request that waits; False if it does not."""
        sequence = self._scheduler.get(number)
        if sequence is None or not self._scheduler.refresh(sequence, request):
            return False
        self._measure(sequence)
        return True

    def cancel(self, number: int) -> None:
        """Cancel a request; what computes ends after its pass."""
        sequence = self._scheduler.get(number)
        self._answers.pop(number, None)
        if sequence is not None and not sequence.busy:
            self._forget(sequence)

    def _measure(self, sequence: Sequence) -> None:
        request = sequence.request
        sequence.prompt = self._runner.prompt("")
        sequence.limit = request.max_tokens or self._runner.token_limit(len(request.audio))
        sequence.draft = request.draft[: sequence.limit]
        sequence.length = self._runner.encoder_length(len(request.audio))

    def _compute(self, work: Work) -> None:
        self._idle -= 1
        spent_ns = round(timed(lambda: self._runner.run(work)) * 1e9 * self._slower)
        self.at(self.now_ns + spent_ns, lambda: self._computed(work, spent_ns))

    def _computed(self, work: Work, spent_ns: int) -> None:
        self._idle += 1
        self._scheduler.settle(work, spent_ns)
        for sequence in work.sequences:
            if sequence.number not in self._answers:
                self._forget(sequence)
        for sequence in self._scheduler.ended():
            answer = self._answers.pop(sequence.number)
            told = Hypothesis(
                self._runner.text(sequence),
                tuple(sequence.tokens),
                tuple(sequence.log_probabilities),
                sequence.truncated,
                sequence.submitted_ns,
                self.now_ns,
                self.now_ns,
                sequence.steps,
                0,
            )
            self._forget(sequence)
            answer(told)

    def _forget(self, sequence: Sequence) -> None:
        self._scheduler.remove(sequence)
        self._runner.forget(sequence)


@dataclass
class _Caller:
    """One caller's session, and what comes out of it."""

    session: StreamSession
    cores: _SimulatedCores
    started_ns: int
    received: list[Received] = field(default_factory=list)
    _asked: dict[int, int] = field(default_factory=dict)

    def speak(self, audio: FloatArray) -> None:
        """Have each chunk arrive when it has been spoken."""
        for start in range(0, len(audio), CHUNK_SAMPLES):
            piece = audio[start : start + CHUNK_SAMPLES]
            due_ns = self.started_ns + round((start + len(piece)) / SAMPLE_RATE_HZ * 1e9)
            self.cores.at(due_ns, partial(self._push, piece))

    def _push(self, piece: FloatArray) -> None:
        now_ns = self.cores.now_ns
        self._carry_out(self.session.push(piece, now_ns, now_ns))

    def _answer(self, number: int, told: Hypothesis) -> None:
        self._carry_out(self.session.answer(number, told))

    def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Emit(event):
                    self.received.append(Received(event, self.cores.now_ns, self.cores.now_ns))
                case Submit(number, request):
                    self._asked[number] = self.cores.submit(
                        replace(request, stream=id(self)), partial(self._answer, number)
                    )
                case Cancel(number):
                    self.cores.cancel(self._asked[number])
                case _:
                    ours = replace(action.request, stream=id(self))
                    if self.cores.refresh(self._asked[action.asked.number], ours):
                        self.session.refreshed(action.asked)


def decode(model: Moonshine, request: DecodeRequest) -> None:
    """One pass on the bare runtime: encode, check the draft, then token by token."""
    draft = request.draft
    (choices,), batch = model.prefill([model.encode(request.audio)], draft)
    kept = agreeing(draft, choices)
    if kept < len(draft):
        batch = truncate(batch, 1 + kept)
    tokens = [choice.token for choice in choices[: kept + 1]]
    while tokens[-1] != END_TOKEN and len(tokens) < limit(model, request):
        tokens.append(model.step(batch, tokens[-1:])[0].token)


def limit(model: Moonshine, request: DecodeRequest) -> int:
    """Most tokens of the answer."""
    return request.max_tokens or model.token_limit(len(request.audio))


def whole(clip: Clip) -> DecodeRequest:
    """All of a clip at once."""
    return DecodeRequest(np.array(clip.samples), Priority.FINAL)


def timed(run: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
