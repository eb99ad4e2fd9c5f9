"""Results that wait for a model's word on persons: in order, in time, or not told at all."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from hang import HANG_S
from test_redaction_step import final, interim

from lab_kit.core.errors import InferenceTimeout, SlowConsumer, SystemOverloaded
from lab_kit.core.events import Event, Final, Interim, SpeechStarted
from lab_kit.stream.sink import named as named_module
from lab_kit.stream.sink.leaving import Leaving, told
from lab_kit.stream.sink.named import BUSY, MOST_WAITING, NamedPersons, Spans
from lab_kit.stream.sink.steps import WITHHELD, Postprocess, Skipped

NAME = "Raghunathan"
SAID = f"yesterday {NAME} told me"


@dataclass
class Gate:
    """A recognizer that knows one name, and answers only while its gate is open."""

    open: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def __call__(self, text: str) -> Spans:
        self.asked.append(text)
        self.threads.add(threading.current_thread().name)
        assert self.open.wait(HANG_S)
        at = text.find(NAME)
        return [] if at < 0 else [(at, at + len(NAME))]


@pytest.fixture
def gate() -> Gate:
    made = Gate()
    made.open.set()
    return made


@pytest_asyncio.fixture
async def persons(gate: Gate) -> AsyncIterator[NamedPersons]:
    made = NamedPersons("a model", gate)
    yield made
    gate.open.set()
    made.stop()


class Out:
    """Where a stream's events arrive."""

    def __init__(self, postprocess: Postprocess) -> None:
        self.events: list[Event] = []
        self.skipped: list[Skipped] = []
        self.failures: list[Exception] = []
        self.leaving: Leaving[int] = Leaving(postprocess, self.take, self.failures.append)

    def take(self, event: Event, cause: int, skipped: list[Skipped]) -> None:
        self.events.append(event)
        self.skipped += skipped

    def texts(self) -> list[str]:
        return [one.text if isinstance(one, Interim | Final) else "-" for one in self.events]


def out(persons: NamedPersons | None, *steps: str) -> Out:
    return Out(Postprocess(steps or ("redact",), None, persons))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_S):
        while not holds():
            await asyncio.sleep(0.001)


async def test_what_the_model_names_is_taken_out_on_its_own_thread(
    persons: NamedPersons, gate: Gate
) -> None:
    one, skipped = await told(Postprocess(("redact",), None, persons), final(SAID))
    assert one.text == "yesterday [name] told me"
    assert [gone.reason for gone in one.redactions] == ["a model takes it for a person"]
    assert skipped == []
    assert gate.threads == {"persons_0"}


async def test_it_is_asked_about_what_the_steps_before_leave_and_what_was_said_before(
    persons: NamedPersons, gate: Gate
) -> None:
    postprocess = Postprocess(("numerals", "redact"), None, persons)
    await told(postprocess, final("it was in twenty five"))
    one, _ = await told(postprocess, final(SAID))
    assert gate.asked == ["it was in 25", f"it was in 25 {SAID}"]
    assert one.text == "yesterday [name] told me"


async def test_a_name_that_ends_in_the_next_final_is_taken_out_there_too(gate: Gate) -> None:
    model = NamedPersons("a model", lambda text: [(text.index("Priya"), len(text))])
    postprocess = Postprocess(("redact",), None, model)
    texts = [(await told(postprocess, final(text)))[0].text for text in ("so Priya", "Nair")]
    assert texts == ["so [name]", "[name]"]
    model.stop()


@pytest.mark.parametrize("steps", [("redact", "redact:card"), ("numerals",), ()])
async def test_nobody_is_asked_where_no_names_are_to_go(
    persons: NamedPersons, gate: Gate, steps: tuple[str, ...]
) -> None:
    stream = Out(Postprocess(steps, None, persons))
    stream.leaving.put(final(SAID), 0)
    assert stream.texts() == [SAID], "it leaves on the spot"
    assert gate.asked == []


async def test_without_a_model_everything_leaves_on_the_spot() -> None:
    stream = out(None)
    stream.leaving.put(final("my card is 4111 1111 1111 1111"), 0)
    assert stream.texts() == ["my card is [card]"]


async def test_nothing_overtakes_what_waits_and_the_newest_interim_replaces_the_last(
    persons: NamedPersons, gate: Gate
) -> None:
    gate.open.clear()
    stream = out(persons)
    started = SpeechStarted(1.0)
    for event in (final("one"), interim("old and"), interim("new and"), started, final("two")):
        stream.leaving.put(event, 0)
    await until(lambda: bool(gate.asked))
    assert stream.events == []
    assert stream.leaving.count == 4
    gate.open.set()
    await until(lambda: not stream.leaving.count)
    assert stream.texts() == ["one", "new and", "-", "two"]
    stream.leaving.put(started, 0)
    assert len(stream.events) == 5, "nothing waits any more"


async def test_where_very_many_questions_wait_interims_are_left_out_and_finals_are_not(
    persons: NamedPersons, gate: Gate
) -> None:
    gate.open.clear()
    others = [asyncio.create_task(persons.of("word")) for _ in range(BUSY)]
    await until(lambda: persons.is_busy)
    stream = out(persons)
    for event in (interim("so and"), final("so it was")):
        stream.leaving.put(event, 0)
    await asyncio.sleep(0)
    gate.open.set()
    await until(lambda: not stream.leaving.count)
    assert stream.texts() == ["so it was"]
    await asyncio.gather(*others)
    stream.leaving.put(interim("and then and"), 0)
    await until(lambda: not stream.leaving.count)
    assert len(stream.events) == 2, "interims are back"


def test_who_forgets_to_ask_tells_nothing(gate: Gate) -> None:
    model = NamedPersons("a model", gate)
    assert Postprocess(("redact",), None, model)(final(SAID))[0].text == WITHHELD
    model.stop()


async def test_who_gets_no_answer_in_time_tells_no_text(
    persons: NamedPersons, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named_module, "ANSWER_S", 0.02)
    gate.open.clear()
    one, skipped = await told(Postprocess(("redact",), None, persons), final(SAID))
    assert one.text == WITHHELD
    assert [gone.kind for gone in one.redactions] == ["withheld"]
    assert skipped == [Skipped("redact", "persons not told")]
    with pytest.raises(InferenceTimeout):
        await persons.of(SAID)


async def test_what_the_model_raises_withholds_the_text_and_the_next_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def find(text: str) -> Spans:
        if text == SAID:
            raise ValueError(text)
        return []

    model = NamedPersons("a model", find)
    postprocess = Postprocess(("redact",), None, model)
    assert (await told(postprocess, final(SAID)))[0].text == WITHHELD
    assert "ValueError" in caplog.text
    assert NAME not in caplog.text
    assert (await told(postprocess, final("thank you")))[0].text == "thank you"
    model.stop()


async def test_no_more_than_so_many_wait_and_places_come_back(
    persons: NamedPersons, gate: Gate
) -> None:
    gate.open.clear()
    asked = [asyncio.create_task(persons.of("word")) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(SystemOverloaded):
        await persons.of("one more")
    asked[-1].cancel()
    await asyncio.gather(asked[-1], return_exceptions=True)
    gate.open.set()
    assert await asyncio.gather(persons.of("word"), *asked[:-1]) == [[]] * MOST_WAITING


async def test_stopping_waits_for_the_text_that_is_being_looked_through(gate: Gate) -> None:
    gate.open.clear()
    model = NamedPersons("a model", gate)
    asked = asyncio.create_task(model.of(SAID))
    await until(lambda: bool(gate.asked))
    stopping = asyncio.create_task(asyncio.to_thread(model.stop))
    done, _ = await asyncio.wait([stopping], timeout=0.02)
    assert not done
    gate.open.set()
    await asyncio.wait_for(stopping, HANG_S)
    assert len(await asked) == 1


async def test_a_stream_that_is_given_up_tells_nothing_more(
    persons: NamedPersons, gate: Gate
) -> None:
    gate.open.clear()
    stream = out(persons)
    stream.leaving.put(final(SAID), 0)
    stream.leaving.put(final("more"), 0)
    await until(lambda: bool(gate.asked))
    stream.leaving.stop()
    gate.open.set()
    await until(lambda: not stream.leaving.count)
    assert stream.events == []
    assert stream.failures == []


async def test_what_nobody_reads_ends_the_stream_though_nobody_waited(
    persons: NamedPersons,
) -> None:
    stream = out(persons)

    def full(*_: object) -> None:
        raise SlowConsumer("too much", "less", "read")

    stream.leaving = Leaving(Postprocess(("redact",), None, persons), full, stream.failures.append)
    stream.leaving.put(final(SAID), 0)
    await until(lambda: bool(stream.failures))
    assert isinstance(stream.failures[0], SlowConsumer)
