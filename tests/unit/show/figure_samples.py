"""Every figure of the course with its shortest, its longest and its missing values.

Names and values are as long as labs and runs make them, and longer; what never came is in each.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from access_samples import DRAINED, FLOODS, LEAKS, REVOKED, SAID
from api_samples import CUTS, SLOW_WAYS, STORMS, USUAL_WAYS, paid_by, storm_run, three, told
from billing_samples import BIDS, KILLED, MARGINS, STREAMS, UNFOLDED
from deprecation_samples import DEPRECATIONS
from first_call_samples import FIRST_CALLS
from game_day_samples import SCORES
from gate_samples import GATES
from proof_samples import PATHS
from replica_samples import DISTURBED, ENDINGS, MOVES, TRIPS
from scale_figures import BOLD_STARTS, DAYS, JUDGED, PLACED, POLICIES, STARTS, WINDOWS
from show_calls import CLOCK, FIRST, MS, STARTED_NS, final, interim, request, stream
from slo_samples import BOTH, OMISSIONS, WATCHED
from stream_samples import CAPTURES, LOST
from voice_samples import conversations

from lab_kit.audio import signals
from lab_kit.audio.codecs import Codec
from lab_kit.audio.network.jitter import AdaptiveDelay, FixedDelay
from lab_kit.audio.network.packet_network import PacketNetwork
from lab_kit.client import CacheFrame, CacheUse, DegradationStatus
from lab_kit.core.call_record import Sent, Spoken, StageSpan, StreamCall, Waterfall
from lab_kit.core.spans import Span, Trace
from lab_kit.experiments.cold_start import RECIPES, ColdStart
from lab_kit.experiments.cold_start.worker import PHASES
from lab_kit.experiments.device.utilisation import Utilisation
from lab_kit.experiments.load import (
    CallEnding,
    ClosedLoopRun,
    Constant,
    DeviceRecord,
    DeviceSample,
    GpuSample,
    LiveLoad,
    OfferedCall,
    OfferedRequest,
    OpenLoopRun,
    Source,
    Stairs,
)
from lab_kit.experiments.runtimes import RuntimeFigures, RuntimeReport
from lab_kit.experiments.sound import (
    CodecReport,
    Detection,
    NetworkReport,
    Noise,
    RocPoint,
    SilenceReport,
    carried,
)
from lab_kit.measure.confidence import JudgedWord
from lab_kit.measure.revisions import revisions as compared
from lab_kit.measure.talk import middle_turn, turn_stages
from lab_kit.measure.version_gate import decide
from lab_kit.measure.wires import WireFigures
from lab_kit.protocol.degradation import LevelChange
from lab_kit.show.access import draining, flood, leaks, revocations, saying
from lab_kit.show.api import costs, deliveries, deprecation, first_call, gate, storm, ways
from lab_kit.show.billing import invoice, killing, margins, prices, stream_events
from lab_kit.show.draw.svg import Svg
from lab_kit.show.draw.verdict import Sign, Verdict
from lab_kit.show.game_day import incidents
from lab_kit.show.latency import delays, stages, turns, waterfall, waterfall_picture
from lab_kit.show.live import report
from lab_kit.show.live.state import LiveState
from lab_kit.show.load import frontier, load, offered
from lab_kit.show.messages import lost_lines, revisions, timeline
from lab_kit.show.proof import tree
from lab_kit.show.scale import days, endings, placing, predictions, regions, replicas
from lab_kit.show.serving import cache, runtimes, starts, wires
from lab_kit.show.slo import burning, ends, omitted, panels
from lab_kit.show.sound import (
    chunks,
    codecs,
    confidence,
    detectors,
    networks,
    silences,
    spectrum,
)
from lab_kit.show.voice import conversation

Drawn = tuple[str, Svg, Verdict]
GUESS = (
    "You said 1,234,567 ms; it was 350 ms: too high by a factor of 3,527. "
    "It is far more than it seemed."
)
LONG_DEVICE = "cpu (Intel(R) Xeon(R) Platinum 8488C processor, 16 cores, 2 of them usable)"


def figures() -> Iterator[Drawn]:
    """All of them; a name says which and with which values."""
    for several in (_waterfalls, _delays, _closed_loop, _stages, _report, _frontiers, _offered):
        yield from several()
    for several in (_loads, _wires, _lags, _runtimes, _starts, _caches, _chunks, _codecs):
        yield from several()
    for several in (
        _confidence,
        _detectors,
        _buffers,
        _silences,
        _spectra,
        _api,
        _gates,
        _access,
        _proofs,
        _scales,
        _objectives,
        _billing,
        _game_days,
        _messages,
        _conversations,
    ):
        yield from several()


def spoken_stream(delays_s: list[float | None], first_s: float = 0.4) -> StreamCall:
    """An utterance of a second for each delay of its final; None got none."""
    spoken = tuple(
        Spoken("good morning", 2.0 * n + 0.5, 2.0 * n + 1.5) for n in range(len(delays_s))
    )
    received = []
    for one, delay_s in zip(spoken, delays_s, strict=True):
        middle = one.start_s + first_s
        received.append(interim(one.start_s, middle, "good", 0, middle + 0.02))
        if delay_s is not None:
            received.append(final(one.start_s, one.end_s, one.text, one.end_s + delay_s))
    seconds = 2.0 * len(delays_s) + 1
    chunks = tuple(
        Sent(n / 20, STARTED_NS + n * 50 * MS, STARTED_NS + n * 50 * MS + MS)
        for n in range(1, int(20 * seconds))
    )
    return StreamCall(
        "made by hand",
        STARTED_NS,
        seconds,
        0.05,
        spoken,
        chunks,
        tuple(received),
        CLOCK,
        LONG_DEVICE,
    )


MANY = spoken_stream([0.15 + 0.005 * (7 * n % 60) for n in range(70)])
SOME_NEVER = spoken_stream([0.25, None, 0.29, 0.31, 1.9, None] * 4)
NONE_CAME = replace(stream(), received=())


def _waterfall(zero: str, **lengths_ms: float) -> Waterfall:
    spans, end_ms = [], 0.0
    for name, length_ms in lengths_ms.items():
        start_ms, end_ms = end_ms, end_ms + length_ms
        spans.append(StageSpan(name.replace("_", " "), start_ms / 1e3, end_ms / 1e3))
    return Waterfall("two-cities-opening", zero, tuple(spans), (), 0.0006, LONG_DEVICE)


SENT, STOPS = "the request is sent", "the speaker stops"
USUAL = _waterfall(
    SENT, network_out=26, preprocessing=33, queue_wait=11, inference=273, postprocessing=0.6,
    network_back=6,
)  # fmt: skip
TINY = _waterfall(SENT, network_out=0.2, queue_wait=0.1, inference=3, network_back=0.3)
HUGE = replace(
    _waterfall(SENT, network_out=86, preprocessing=33, queue_wait=710, inference=12_730,
               network_back=86),
    clock_error_s=0.8,
)  # fmt: skip
PATIENT = replace(
    _waterfall(STOPS, endpointing=210, network_out=1.2, queue_wait=3, inference=7, network_back=2),
    hidden=(StageSpan("inference", 0.02, 0.12),),
)
EDGES = [_waterfall(SENT, network_out=30, inference=total) for total in (255, 266, 272, 290)]


def _waterfalls() -> Iterator[Drawn]:
    for one in (USUAL, TINY, HUGE, PATIENT, *EDGES, waterfall.as_waterfall(stream())):
        for guess_ms in (None, 1.0, 280.0, 320.0, 5_000_000.0):
            told = Verdict(waterfall.waterfall_verdict(one), guess=GUESS if guess_ms else "")
            drawing = waterfall_picture.draw_waterfalls([one], [one.title], guess_ms)
            yield f"waterfall {one.total_s * 1e3:.0f} guess {guess_ms}", drawing, told
    short = [waterfall.as_waterfall(stream()), waterfall.as_waterfall(stream(), FIRST)]
    rows = {
        "two": ([USUAL, replace(USUAL, clock_error_s=0.08)], ["next door", "an ocean away"]),
        "sizes": ([TINY, USUAL, HUGE], ["3 s", "9 s", "44 s, a label that is far too long for it"]),
        "edges": (EDGES, ["today", "slower model", "longer queue", "farther away"]),
        "streams": ([PATIENT, *short], ["stream alone", "with neighbours", "x"]),
        "mixed": ([PATIENT, waterfall.as_waterfall(request())], ["a stream", "a request"]),
    }
    for name, (several, labels) in rows.items():
        stages_of_last = [stage.name for stage in several[-1].stages]
        for guess in (None, 100.0, 3_000.0, *stages_of_last):
            told = Verdict(waterfall.waterfalls_verdict(several, labels))
            drawing = waterfall_picture.draw_waterfalls(several, labels, guess)
            yield f"waterfalls {name} guess {guess}", drawing, told


def _delays() -> Iterator[Drawn]:
    for name, call in {
        "few": stream(),
        "many": MANY,
        "never": SOME_NEVER,
        "none": NONE_CAME,
    }.items():
        rows = delays.delay_rows([call])
        told = Verdict(delays.delay_verdict(rows))
        yield f"delays {name}", delays.draw_delays([call]), told
        others = Verdict(delays.others_verdict(rows))
        yield f"other delays {name}", delays.draw_other_delays([call]), others


def _closed_loop() -> Iterator[Drawn]:
    busy = Utilisation((0.1, 0.2, 0.3), (1.9, 0.2, 2.0), 2)
    calls = tuple(
        replace(
            request(), sent_ns=STARTED_NS + n * 100 * MS, received_ns=STARTED_NS + n * 140 * MS + MS
        )
        for n in range(6)
    )
    runs = [ClosedLoopRun(calls, busy), ClosedLoopRun(calls[:1], busy)]
    labels = ["in turn", "at once, under a long name"]
    yield "turns", turns.draw_turns(runs, labels), Verdict(turns.turns_verdict(runs, labels))


def _stages() -> Iterator[Drawn]:
    root = Span("stream", "abc" * 10, "0", None, 100.0, 104.0, {}, ())
    infer = Span("infer", "abc", "2", "0", 101.02, 101.30, {}, ())
    late = Span("batch", "abc", "3", "0", 103.9, 104.0, {}, ())
    for name, spans in {
        "one": (infer,),
        "late": (infer, replace(late, end_s=104.3)),
        "none": (),
    }.items():
        trace = Trace((root, *spans))
        for said in ("", "decode", "infer", "postprocess", "send"):
            drawing = stages.draw_stages(trace, "The stream whose final waited longest", said)
            yield f"stages {name} guess {said}", drawing, stages.stages_verdict(trace)


def _report() -> Iterator[Drawn]:
    for name, call in {"usual": stream(), "never": SOME_NEVER, "none": NONE_CAME}.items():
        state = LiveState(call.spoken)
        for received in call.received:
            state.feed(call.started_ns, received)
        state.close(call)
        drawing = report.draw_report(state, "two-cities-opening", LONG_DEVICE)
        yield f"report {name}", drawing, report.report_verdict(state)


def offered_run(
    waits_ms: list[float | None], rate_per_s: float = 10.0, cores: float = 0.1
) -> OpenLoopRun:
    """Requests of one second of audio each, answered after so long, or never."""
    requests = []
    for number, wait_ms in enumerate(waits_ms):
        due_ns = round(number / rate_per_s * 1e9)
        received_ns = None if wait_ms is None else due_ns + round(wait_ms * MS)
        error = "no answer" if wait_ms is None else None
        requests.append(OfferedRequest(due_ns, due_ns, received_ns, 1.0, "", error))
    plan = Constant(rate_per_s, len(waits_ms) / rate_per_s)
    return OpenLoopRun(plan, tuple(requests), 0, 0.0, cores)


def _frontiers() -> Iterator[Drawn]:
    def line(*levels_ms: float) -> list[OpenLoopRun]:
        return [offered_run([level] * 60, 10.0 * n) for n, level in enumerate(levels_ms, 1)]

    lost = offered_run([100.0] * 5 + [None] * 5)
    cases = {
        "four": {
            "none": line(100, 140, 290, 700),
            "static": line(400, 350, 320, 600),
            "dynamic": line(120, 150, 200, 310),
            "continuous": line(90, 100, 150, 305),
        },
        "same": {"naive": line(100, 900), "LitServe": line(100, 900), "engine": line(100, 880)},
        "one": {"4 in 20 ms": [offered_run([120.0] * 10)]},
        "settings": {f"{n} in {n}0 ms": [offered_run([290.0 + n] * 10)] for n in range(6)},
        "lost": {"naive": [lost], "a name that is longer than others": [lost, lost]},
        "void": {"naive": line(100, 200), "engine": [offered_run([50.0] * 60, cores=1.0)] * 2},
        "late": {"naive": line(2_500, 9_000)},
    }
    for name, runs in cases.items():
        for said in ("", *runs):
            drawing = frontier.draw_frontier(runs, said=said)
            yield f"frontier {name} guess {said}", drawing, frontier.signed_verdict(runs)


def _offered() -> Iterator[Drawn]:
    def sample(at_s: float, gpu: GpuSample | None = None) -> DeviceSample:
        return DeviceSample(at_s, (0.5, 0.25), at_s, 400_000_000, gpu)

    gpu = GpuSample(0.4, 2_000_000_000, 50.0)
    system = DeviceRecord(
        Source.OPERATING_SYSTEM, LONG_DEVICE, tuple(sample(t / 2) for t in range(12))
    )
    nvml = DeviceRecord(Source.NVML, "A GPU", tuple(sample(t / 2, gpu) for t in range(12)))
    waits: list[float | None] = [100, 400, None, 298, 302, 290]
    for name, run, device in (
        ("system", offered_run(waits * 10), system),
        ("nvml", offered_run([50.0] * 3), nvml),
        ("void", offered_run([5_000.0] * 60, cores=1.0), system),
        ("none", offered_run([None] * 3), system),
    ):
        title = "Naive handler, more than one at a time can do"
        told = Verdict(offered.idle_verdict(run, device))
        yield f"offered {name}", offered.draw_offered(run, device, title), told


def _loads() -> Iterator[Drawn]:
    def call(made: StreamCall, ending: CallEnding = CallEnding.COMPLETE) -> OfferedCall:
        return OfferedCall(made.started_ns, made, ending, None)

    def run(*calls: OfferedCall, cores: float = 0.1) -> LiveLoad:
        return LiveLoad(Stairs((2,), 140.0), calls, STARTED_NS, 0.0, cores, 1.5)

    server_s = STARTED_NS / 1e9
    steps = [(10, 1), (14, 2), (50, 3), (90, 4), (100, 2), (130, 0)]
    changes, before = [], 0
    for at_s, after in steps:
        changes.append(LevelChange(server_s + at_s, before, after, 1.2))
        before = after
    level = DegradationStatus(0, "full", 0.0, {}, {}, 0, 0.1, 8, tuple(changes))
    refused = replace(NONE_CAME, started_ns=STARTED_NS + 20_000 * MS)
    cases = {
        "usual": (run(call(MANY)), None),
        "levels": (run(call(MANY), call(SOME_NEVER), call(refused, CallEnding.REFUSED)), level),
        "void": (run(call(SOME_NEVER), cores=1.0), None),
        "none": (run(call(NONE_CAME, CallEnding.REFUSED)), level),
    }
    for name, (made, status) in cases.items():
        for title in ("alone", "Every turn of every caller, beside uploads"):
            drawing = load.draw_load(made, title, status)
            yield f"load {name} {title}", drawing, load.load_verdict(made, title)


def _wires() -> Iterator[Drawn]:
    near = [
        WireFigures("WebSocket", 0.005, 32_234.0, 2_800.0, 0.2, 0.173),
        WireFigures("WebSocket, base64", 0.12, 68_000.0, 2_800.0, 0.2, 0.286),
        WireFigures("WebRTC", 0.61, 8_000.0, None, 0.25, 0.298),
        WireFigures("gRPC", 0.03, 32_234.0, 2_800.0, 0.25, 0.301),
        WireFigures("upload, SSE", 0.001, 32_134.0, 190.0, None, 1.4),
        WireFigures("a wire with a long name", 0.001, None, None, None, None),
    ]
    for name, several in {
        "all": near,
        "late": near[4:5],
        "one": near[:1],
        "none": near[5:],
    }.items():
        for said in ("", several[0].wire, several[-1].wire):
            drawing = wires.draw_wires(several, "The same, an ocean away", said)
            yield f"wires {name} guess {said}", drawing, wires.wires_verdict(several)


def _lags() -> Iterator[Drawn]:
    cases = {
        "two": {"WebSocket": MANY, "WebRTC": stream()},
        "equal": {"WebSocket": MANY, "WebRTC": MANY, "gRPC": MANY},
        "none": {"a wire with a long name": NONE_CAME},
    }
    for name, calls in cases.items():
        yield (
            f"lags {name}",
            wires.draw_lags(calls, "How late the audio came"),
            wires.lags_verdict(calls),
        )


def _runtimes() -> Iterator[Drawn]:
    def ran(name: str, clip_ms: float, wer: float | None) -> RuntimeReport:
        figures = RuntimeFigures(151_000_000, 0.1, 0.2, clip_ms, 900.0, 90.0, wer, None, 0.1, 0.9)
        return RuntimeReport(name, "int8", "quantized", LONG_DEVICE, figures, None)

    many = [ran("pytorch-fp32", 12_345.0, 0.036), ran("onnxruntime-int8", 0.4, None)]
    many += [ran("a runtime of an uncommonly long name", 300.0, 1.0)]
    for name, reports in {"three": many, "one": many[:1]}.items():
        told = Verdict(runtimes.fastest_verdict(reports))
        for said in ("", reports[0].name, reports[-1].name):
            yield f"runtimes {name} guess {said}", runtimes.draw_runtimes(reports, said), told


def _starts() -> Iterator[Drawn]:
    def start(number: int, *lengths_s: float) -> ColdStart:
        spans, end_s = [], 0.0
        for phase, length_s in zip(PHASES, lengths_s, strict=False):
            spans.append(StageSpan(phase, end_s, end_s + length_s))
            end_s += length_s
        spans.append(StageSpan(PHASES[-1], end_s, end_s + 0.3))
        return ColdStart(RECIPES[number], tuple(spans), 0.25, LONG_DEVICE)

    every = [start(n, 0.2, 3.0, 1.0 + 5 * n, 0.5, 0.4) for n in range(len(RECIPES))]
    for name, several in {
        "all": every,
        "one": [start(7)],
        "long": [start(0, 0.1, 0.1, 99.0)],
    }.items():
        told = Verdict(starts.longest_verdict(several))
        yield f"starts {name}", starts.draw_cold_starts(several), told


def _caches() -> Iterator[Drawn]:
    frames = (
        CacheFrame(1, 0, 0, ((0, 8, 0),)),
        CacheFrame(2, 6, 3, ((1, 4, 2), (2, 2, 1), (0, 2, 0))),
    )
    small = CacheUse(12_288, 614_400, 8, frames)
    large = CacheUse(
        12_288, 614_400, 512, (CacheFrame(1, 300, 200, ((1, 300, 200), (-2, 12, 12), (0, 200, 0))),)
    )
    for name, uses in {
        "one": {"36 slots": small},
        "two": {"contiguous": large, "paged": small},
    }.items():
        yield f"cache {name}", cache.draw_cache(uses), Verdict(cache.cache_verdict(uses))


def _chunks() -> Iterator[Drawn]:
    cases = {
        "two": ({0.02: MANY, 0.5: SOME_NEVER}, 900.0),
        "one": ({0.1: stream()}, 50_000.0),
        "none": ({0.02: NONE_CAME, 0.5: NONE_CAME}, 310.0),
    }
    for name, (calls, guess_ms) in cases.items():
        for guess in (None, guess_ms):
            told = replace(chunks.chunks_verdict(calls), guess=GUESS if guess else "")
            yield f"chunks {name} guess {guess}", chunks.draw_chunks(calls, guess), told


def _codecs() -> Iterator[Drawn]:
    reports = [
        CodecReport(Codec(), 0.02, 32_000, 0.2, 0.1, 0.0, 0.0, 0.0, 0.06),
        CodecReport(Codec("opus", 16_000, 12_000), 0.02, 1_500, 9.0, 3.0, 0.0065, 0.001, 0.0, 0.09),
        CodecReport(Codec("mulaw", 8_000), 0.02, 8_000, 9.0, 3.0, 0.4, 0.001, 0.0, 1.0),
    ]
    for name, several in {"three": reports, "one": reports[:1]}.items():
        yield f"codecs {name}", codecs.draw_codecs(several), Verdict(codecs.least_verdict(several))


def _confidence() -> Iterator[Drawn]:
    def words(*judged: tuple[float, bool]) -> list[JudgedWord]:
        return [JudgedWord("word", sure, is_right) for sure, is_right in judged]

    usual = words((0.3, True), (0.4, False), (0.7, True), (0.6, False), *[(0.97, True)] * 18)
    for name, judged in {"usual": usual, "sure": words(*[(0.96, True)] * 5)}.items():
        for guess in (None, 0.0, 50.0, 100.0):
            told = Verdict(confidence.verdict(judged), guess=GUESS)
            yield (
                f"confidence {name} guess {guess}",
                confidence.draw_confidence(judged, guess),
                told,
            )


def _detectors() -> Iterator[Drawn]:
    curve = (RocPoint(1, 0, 0), RocPoint(0.5, 0.9, 0.1), RocPoint(0, 1, 1))
    chance = (RocPoint(1, 0, 0), RocPoint(0.5, 0.5, 0.5), RocPoint(0, 1, 1))
    found = [
        Detection("energy", Noise.CLEAN, None, curve, 0.9, curve[1], 0.4, 10.0),
        Detection("silero", Noise.CLEAN, None, curve, 0.9, curve[1], 0.4, 10.0),
        Detection("energy", Noise.BABBLE, 0.0, chance, 0.6, chance[1], 0.0, 10.0),
        Detection("silero", Noise.BABBLE, 0.0, curve, 0.9, RocPoint(0, 1, 1), 0.0, 10.0),
    ]
    for name, several in {"two": found, "one": found[:1]}.items():
        told = Verdict(detectors.detectors_verdict(several))
        yield f"detectors {name}", detectors.draw_detectors(several), told


def _buffers() -> Iterator[Drawn]:
    audio = signals.pink(16_000, 1) * np.float32(0.1)
    network = PacketNetwork(jitter_s=0.02, seed=1)
    calls = {
        "fixed, 40 ms": carried(audio, network, FixedDelay(0.04)),
        "fixed, 200 ms": carried(audio, network, FixedDelay(0.2)),
        "adaptive": carried(audio, network, AdaptiveDelay()),
    }
    made = NetworkReport("fixed, 40 ms", 50, 0, 3, 3, 0, 0, (0.1, 0.12), 0.02)
    told = Verdict(networks.buffer_verdict([made, replace(made, buffer="adaptive")]), guess=GUESS)
    yield "buffers three", networks.draw_buffers(calls), told
    late = {"fixed": carried(audio, network, FixedDelay(0.31))}
    yield "buffers late", networks.draw_buffers(late), told


def _silences() -> Iterator[Drawn]:
    def waited(silence_s: float, cut: int) -> SilenceReport:
        return SilenceReport(silence_s, 10, cut, 4, 2, 0, (silence_s, silence_s + 0.02))

    ladder = [waited(s, cut) for s, cut in ((0.1, 9), (0.2, 7), (0.28, 6), (0.5, 3), (1.0, 1))]
    judged = replace(waited(0.2, 2), unfinished_s=1.0)
    for name, reports, judging in (
        ("ladder", ladder, [judged]),
        ("one", ladder[1:2], []),
        ("slow", ladder[3:], [replace(judged, waits_s=())]),
    ):
        for guess in (None, 0.0, 60.0, 100.0):
            told = Verdict(
                f"{silences.trade_verdict(reports).told}\n{silences.verdict(reports, judging)}"
            )
            drawing = silences.draw_silences(reports, guess, judging)
            yield f"silences {name} guess {guess}", drawing, replace(told, guess=GUESS)


def _spectra() -> Iterator[Drawn]:
    tone = signals.tone(15_000, 1.0, rate_hz=48_000)
    silent = np.zeros(16_000, np.float32)
    cases = {
        "aliased": {
            "48 kHz": (tone, 48_000),
            "every third": (tone[::3], 16_000),
            "resampled": (silent, 16_000),
        },
        "silence": {"silence": (silent, 16_000)},
    }
    for name, sounds in cases.items():
        yield (
            f"spectrum {name}",
            spectrum.draw_spectrum(sounds),
            Verdict(spectrum.spectrum_verdict(sounds)),
        )


def _access() -> Iterator[Drawn]:
    for name, ended in REVOKED.items():
        drawing = revocations.draw_revocations(ended)
        yield f"revocations {name}", drawing, revocations.revocations_verdict(ended)
    for name, flooders in FLOODS.items():
        yield f"flood {name}", flood.draw_flood(flooders), flood.flood_verdict(flooders)
    for name, run in DRAINED.items():
        yield f"drained {name}", draining.draw_drained(run), draining.drain_verdict(run, GUESS)
    for name, said in SAID.items():
        yield f"said {name}", saying.draw_said(said), saying.said_verdict(said)
    for name, found in LEAKS.items():
        yield f"leaks {name}", leaks.draw_leaks(found), leaks.leaks_verdict(found)


def _objectives() -> Iterator[Drawn]:
    for name, run in WATCHED.items():
        yield f"burning {name}", burning.draw_burning(run), burning.burn_verdict(run)
        yield f"panels {name}", panels.draw_panels(run), panels.panels_verdict(run)
    for name, both in BOTH.items():
        yield f"both ends {name}", ends.draw_ends(both), ends.ends_verdict(both)
    for name, found in OMISSIONS.items():
        drawing = omitted.draw_omission(found)
        yield f"omission {name}", drawing, omitted.omission_verdict(found)


def _billing() -> Iterator[Drawn]:
    for name, one in STREAMS.items():
        drawing = stream_events.draw_stream_events(one)
        yield f"stream events {name}", drawing, stream_events.events_verdict(one)
    for name, run in KILLED.items():
        yield f"killing {name}", killing.draw_killing(run), killing.killing_verdict(run)
    for name, unfolded in UNFOLDED.items():
        yield f"invoice {name}", invoice.draw_invoice(unfolded), invoice.invoice_verdict(unfolded)
    for name, bids in BIDS.items():
        drawing = prices.draw_schemes(bids, "a month of live streams")
        yield f"schemes {name}", drawing, prices.schemes_verdict(bids)
    for share in (0.36, 0.01, 3.0):
        yield f"minimum {share}", prices.draw_minimum(share), prices.minimum_verdict(share)
    for name, found in MARGINS.items():
        yield f"margins {name}", margins.draw_margins(found), margins.margins_verdict(found)


def _game_days() -> Iterator[Drawn]:
    for name, found in SCORES.items():
        drawn = incidents.draw_incidents(found), incidents.incidents_verdict(found)
        yield f"incidents {name}", *drawn


def _scales() -> Iterator[Drawn]:
    for name, found in DAYS.items():
        yield f"day {name}", days.draw_day(found), days.day_verdict(found)
    for name, from_hour in WINDOWS.items():
        drawing = regions.draw_regions(DAYS[name], from_hour)
        yield f"regions {name}", drawing, regions.regions_verdict(DAYS[name], from_hour)
    for name, policies in POLICIES.items():
        yield f"policies {name}", days.draw_policies(policies), days.policies_verdict(policies)
    for name, starting in {"usual": STARTS, "bold": BOLD_STARTS}.items():
        yield f"starts {name}", days.draw_starts(starting), days.starts_verdict(starting)
    for name, placed in PLACED.items():
        for late_from in (12, 40):
            drawing = placing.draw_placements(placed, late_from, "least")
            told = placing.placements_verdict(placed, late_from)
            yield f"placements {name}, late from {late_from}", drawing, told
    for name, (said, judged) in JUDGED.items():
        drawing = predictions.draw_prediction(said, judged)
        yield f"prediction {name}", drawing, predictions.prediction_verdict(judged)
    for name, seen in ENDINGS.items():
        yield f"endings {name}", endings.draw_endings(seen), endings.endings_verdict(seen)
    for name, runs in DISTURBED.items():
        told = replicas.disturbances_verdict(runs)
        yield f"disturbances {name}", replicas.draw_disturbances(runs, "any client"), told
    for name, run in MOVES.items():
        yield f"moves {name}", replicas.draw_moves(run), replicas.moves_verdict(run)
    for name, times_s in TRIPS.items():
        told = replicas.round_trips_verdict(times_s)
        yield f"round trips {name}", replicas.draw_round_trips(times_s), told


def _proofs() -> Iterator[Drawn]:
    for name, path in PATHS.items():
        yield f"proof {name}", tree.draw_tree(path), tree.tree_verdict(path)
        verdict = tree.changed_verdict(path, path.on_path)
        yield f"changed {name}", tree.draw_tree(path, path.on_path), verdict


def _messages() -> Iterator[Drawn]:
    for name, captures in CAPTURES.items():
        told = Verdict(timeline.messages_verdict(captures))
        yield f"messages {name}", timeline.draw_messages(captures), told
    for name in ("usual", "empty", "refused", "final-is-final"):
        for each, one in CAPTURES[name].items():
            found = compared(revisions.shown_in(one))
            said = Verdict(revisions.revisions_verdict(found), Sign.NONE, "No guess; it was 15.")
            yield f"revisions {name} {each}", revisions.draw_revisions(found), said
    for name, lost in LOST.items():
        said = Verdict(lost_lines.lost_verdict(lost), Sign.NONE, "No guess; it was 15.")
        yield f"lost lines {name}", lost_lines.draw_lost(lost), said


def _gates() -> Iterator[Drawn]:
    for name, (found, allowance) in GATES.items():
        verdict = gate.gate_verdict(decide(found, allowance))
        yield f"gate {name}", gate.draw_gate(found, allowance), verdict
    for name, lived in DEPRECATIONS.items():
        verdict = deprecation.deprecation_verdict(lived)
        yield f"deprecation {name}", deprecation.draw_deprecation(lived), verdict
    for name, (found, guess_min) in FIRST_CALLS.items():
        verdict = first_call.first_call_verdict(found)
        yield f"first call {name}", first_call.draw_first_call(found, guess_min), verdict


def _api() -> Iterator[Drawn]:
    for name, taken in {"usual": USUAL_WAYS, "slow": SLOW_WAYS, "one": three(4, 0.02, 0.5)}.items():
        for said_s in (None, 0.001, 0.9, 15.0, 9_999_999.0):
            verdict = Verdict(ways.ways_verdict(taken), guess=GUESS if said_s else "")
            yield f"ways {name} guess {said_s}", ways.draw_ways(taken, said_s), verdict
    for said in ("", "request", "operation", "stream"):
        verdict = Verdict(costs.cuts_verdict(CUTS), guess=GUESS)
        yield f"cuts guess {said}", costs.draw_cuts(CUTS, said), verdict
    for times in ((2, 1, 2, 1), (1, 1, 1, 1), (2, 2, 2, 20)):
        each = paid_by(*times)
        yield f"paid {times}", costs.draw_paid(each), Verdict(costs.paid_verdict(each), guess=GUESS)
    flood = storm_run("at once, under a name that is long", 9_000, 3)
    for name, runs in {"usual": STORMS, "flood": [flood, STORMS[-1]], "one": STORMS[:1]}.items():
        yield f"storm {name}", storm.draw_storm(runs), storm.storm_verdict(runs, GUESS)
    for name, one in {"usual": told(), "few": told(2), "never": told(is_taken=False)}.items():
        verdict = Verdict(deliveries.deliveries_verdict(one), guess=GUESS)
        yield f"deliveries {name}", deliveries.draw_deliveries(one), verdict


def _conversations() -> Iterator[Drawn]:
    for name, held in conversations():
        chosen = middle_turn(held.turns)
        assert chosen is not None
        drawn = turn_stages(chosen, held)
        assert drawn is not None
        for guess in (None, 0.0, 400.0, 9_999_999.0):
            verdict = conversation.turn_verdict(drawn, GUESS if guess else "")
            picture = conversation.draw_turn(held, chosen, drawn, guess)
            yield f"turn {name} guess {guess}", picture, verdict
        verdict = conversation.silences_verdict(held)
        yield f"silences {name}", conversation.draw_silences(held), verdict
