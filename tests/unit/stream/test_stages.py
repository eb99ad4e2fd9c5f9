"""The pipeline as spans and durations; failures that are tried again, left out or kept."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hand_engine import HandEngine
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from scripted import LoudnessScorer, sound
from test_pipeline import UTTERANCE, said, say

from lab_kit.core.errors import LabError
from lab_kit.core.events import Final, StreamEnded, StreamOptions
from lab_kit.core.units import samples
from lab_kit.stream.failed_decode import FailedDecode
from lab_kit.stream.pipeline import TRIES, PipelineServices, StreamPipeline
from lab_kit.stream.segment import interim_interval_samples
from lab_kit.stream.sink.steps import Skipped, Step
from lab_kit.stream.stages import RULES, Stage, table
from lab_kit.stream.tracing import Tracing

OPTIONS = StreamOptions(speech_events=False)
QUIETLY = StreamOptions(interim_results=False, speech_events=False)


class Seen:
    """What a pipeline told the services it was given."""

    def __init__(self, is_sampled: bool = True) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider() if is_sampled else TracerProvider(sampler=ALWAYS_OFF)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.durations: list[tuple[Stage, float, str]] = []
        self.skipped: list[Skipped] = []
        self.failed: list[FailedDecode] = []
        self.stretch = 1.0
        self.services = PipelineServices(
            tracing=Tracing(provider.get_tracer("t"), lambda *told: self.durations.append(told)),
            interim_stretch=lambda: self.stretch,
            on_skipped=self.skipped.append,
            on_failed_decode=self.failed.append,
        )

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()


async def talk(seen: Seen, engine: HandEngine, options: StreamOptions = OPTIONS) -> StreamPipeline:
    """Say one utterance to the end, and hand over every event as a server does."""
    stream = StreamPipeline(engine, LoudnessScorer(), options, 600.0, seen.services)
    await say(stream, UTTERANCE)
    await stream.finish()
    for event in await said(stream):
        stream.sent(event, stream.last_audio_ns)
    stream.abandon()
    return stream


async def test_every_stage_of_every_chunk_has_a_span_under_its_streams() -> None:
    seen = Seen()
    stream = await talk(seen, HandEngine(lambda request: "It was."))
    by_id = {span.context.span_id: span for span in seen.spans if span.context is not None}
    assert {f"{span.context.trace_id:032x}" for span in seen.spans if span.context} == {
        stream.trace_id
    }
    names = Counter(span.name for span in seen.spans)
    assert names["stream"] == 1
    assert names["chunk"] == names["decode"] == names["segment"] == 20
    assert names["infer"] == names["batch"] > 1
    assert names["send"] >= 1
    for span in seen.spans:
        if span.name in ("decode", "segment"):
            assert span.parent is not None
            assert by_id[span.parent.span_id].name == "chunk"


async def test_a_stream_that_is_not_sampled_leaves_durations_and_no_span() -> None:
    seen = Seen(is_sampled=False)
    stream = await talk(seen, HandEngine(lambda request: "It was."))
    assert (stream.trace_id, len(seen.spans)) == ("", 0)
    assert {stage for stage, _, _ in seen.durations} == set(Stage) - {Stage.TURN}
    assert {trace_id for _, _, trace_id in seen.durations} == {""}


def test_every_stage_has_a_rule_that_can_be_read() -> None:
    assert set(RULES) == set(Stage)
    assert [row[0] for row in table().rows] == list(Stage)
    assert all(cell for row in table().rows for cell in row)


def test_the_step_that_is_not_timed_says_why() -> None:
    assert "receive" not in RULES
    assert "receive comes before them and has neither budget nor timing" in table().text


async def test_a_step_that_fails_is_left_out_told_and_traced() -> None:
    def broken(text: str) -> str:
        raise ValueError

    seen = Seen()
    seen.services.steps["numerals"] = Step(broken)
    options = StreamOptions(interim_results=False, speech_events=False, postprocess=("numerals",))
    engine = HandEngine(lambda request: "twenty one")
    stream = StreamPipeline(engine, LoudnessScorer(), options, 600.0, seen.services)
    await say(stream, UTTERANCE)
    await stream.finish()
    final, ended = await said(stream)
    stream.abandon()
    assert isinstance(final, Final)
    assert isinstance(ended, StreamEnded)
    assert final.text == "twenty one"
    assert seen.skipped == [Skipped("numerals", "raised ValueError")]
    (root,) = [span for span in seen.spans if span.name == "stream"]
    assert [event.name for event in root.events] == ["step skipped"]


async def test_a_final_that_fails_once_is_tried_again_and_said() -> None:
    seen, engine = Seen(), HandEngine()
    stream = StreamPipeline(engine, LoudnessScorer(), QUIETLY, 600.0, seen.services)
    await say(stream, UTTERANCE)
    engine.open[0].future.set_exception(RuntimeError("a hiccup"))
    await asyncio.sleep(0.01)
    engine.answer_with = lambda request: "It was."
    engine.answer_all("It was.")
    await stream.finish()
    final, _ = await said(stream)
    assert isinstance(final, Final)
    assert final.text == "It was."
    assert seen.failed == []


async def test_a_final_that_fails_for_good_is_kept_and_the_stream_ends_by_name() -> None:
    seen, engine = Seen(), HandEngine()
    stream = StreamPipeline(engine, LoudnessScorer(), QUIETLY, 600.0, seen.services)
    await say(stream, UTTERANCE)
    for _ in range(TRIES):
        engine.open[0].future.set_exception(RuntimeError("device lost"))
        await asyncio.sleep(0.01)
    with pytest.raises(LabError, match="device lost"):
        await stream.finish()
    (failed,) = seen.failed
    assert (failed.tries, failed.error) == (TRIES, "RuntimeError: device lost")
    assert failed.trace_id == stream.trace_id
    assert failed.audio_s == pytest.approx(1.3, abs=0.2)


async def test_where_a_failed_decode_cannot_be_kept_the_stream_ends_all_the_same() -> None:
    seen, engine = Seen(), HandEngine()
    noted: list[Exception] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: noted.append(context["exception"])
    )

    def lose(failed: FailedDecode) -> None:
        raise OSError("nowhere to keep it")

    services = replace(seen.services, on_failed_decode=lose)
    stream = StreamPipeline(engine, LoudnessScorer(), QUIETLY, 600.0, services)
    await say(stream, UTTERANCE)
    for _ in range(TRIES):
        engine.open[0].future.set_exception(RuntimeError("device lost"))
        await asyncio.sleep(0.01)
    with pytest.raises(LabError, match="device lost"):
        await stream.finish()
    assert [str(error) for error in noted] == ["nowhere to keep it"]


async def test_an_interim_that_fails_is_left_out_and_the_stream_goes_on() -> None:
    seen, engine = Seen(), HandEngine()
    stream = StreamPipeline(engine, LoudnessScorer(), OPTIONS, 600.0, seen.services)
    await say(stream, UTTERANCE[:16_000])
    engine.open[0].future.set_exception(RuntimeError("a hiccup"))
    await asyncio.sleep(0.01)
    engine.answer_with = lambda request: "It was."
    await say(stream, UTTERANCE[16_000:])
    engine.answer_all("It was.")
    await stream.finish()
    events = await said(stream)
    assert isinstance(events[-2], Final)
    assert seen.failed == []


async def test_stretched_interims_are_fewer_where_they_are_dense() -> None:
    asked = []
    for stretch in (1.0, 2.0):
        seen, engine = Seen(), HandEngine(lambda request: "so far")
        seen.stretch = stretch
        stream = StreamPipeline(engine, LoudnessScorer(), OPTIONS, 600.0, seen.services)
        await say(stream, sound(2.0, ((0.5, 2.0),)), chunk_s=0.05)
        asked.append(len(engine.asked))
    assert asked[1] == pytest.approx(asked[0] * 0.6, abs=1)


def test_a_stretch_makes_every_interval_longer() -> None:
    assert interim_interval_samples(samples(6.0)) == samples(0.5)
    assert interim_interval_samples(samples(6.0), 2.0) == samples(1.0)
    assert interim_interval_samples(samples(1.0), 2.0) == samples(0.4)


def test_interims_are_debounced_by_fifty_milliseconds() -> None:
    assert interim_interval_samples(1) == 800
