"""The table of operations: any order of events leaves each with one end, and its own alone."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from made_orders import ANN, BOB, ROOT, order_of, segment

from lab_kit.core.errors import (
    LabError,
    OperationCancelled,
    OperationNotFound,
    OperationPending,
    QuotaExceeded,
    SystemOverloaded,
    TranscriptionNotFound,
)
from lab_kit.core.events import ModelInfo
from lab_kit.database.rows import Rows
from lab_kit.gateway.run.forms import FORMS
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.transcriptions.operation import Operation
from lab_kit.gateway.transcriptions.operations import Allowance, Operations
from lab_kit.gateway.transcriptions.paging import Query
from lab_kit.protocol.error_body import ErrorBody, ErrorEnvelope
from lab_kit.protocol.operations import MOVES, OperationState

DAY_S = 86_400.0
MODEL = ModelInfo("model", "3", "none", "nowhere")
ERROR: ErrorBody = ErrorEnvelope.of(LabError("a", "b", "c"), None).error


def nothing_told(rows: Rows, operation: Operation) -> None:
    """Nobody waits for an answer."""


Table = Callable[..., Operations]


@pytest.fixture
def table(tmp_path: Path, database_url: str | None) -> Iterator[Table]:
    """Makes the table."""
    database = Database(lambda: tmp_path, FORMS, url=database_url)
    yield lambda of_one=100, in_all=100: Operations(
        database, Allowance(of_one, in_all), nothing_told
    )
    database.close()


async def queued(operations: Operations, **of: Any) -> UUID:
    number = await operations.receive(order_of(**of), DAY_S)
    await operations.queue(number, 10.0, nothing_told)
    return number


async def succeeded(operations: Operations) -> UUID:
    number = await queued(operations)
    await operations.begin(number)
    for place in range(3):
        await operations.add(number, place, segment(place), 1.0)
    await operations.succeed(number, MODEL)
    return number


async def test_an_operation_that_succeeds_leaves_its_transcription(table: Table) -> None:
    operations = table()
    number = await queued(operations)
    with pytest.raises(OperationPending, match="QUEUED"):
        await operations.transcription(ANN, number)
    await operations.begin(number)
    await operations.add(number, 0, segment(0), 1.75)
    running = await operations.get(ANN, number)
    assert (running.state, running.processed_s) == (OperationState.RUNNING, 1.75)
    with pytest.raises(OperationPending, match="RUNNING"):
        await operations.transcription(ANN, number)
    await operations.add(number, 1, segment(1), 3.75)
    await operations.succeed(number, MODEL)
    told = (await operations.get(ANN, number)).message()
    assert told.done
    assert told.metadata.processed_s == told.metadata.audio_s == 10.0
    assert told.response is not None
    assert told.response.transcription == f"transcriptions/{number}"
    transcription = await operations.transcription(ANN, number)
    assert transcription.text == "word0 word1"
    assert transcription.version == "3"
    assert transcription.segments == (segment(0), segment(1))


async def test_one_caller_never_sees_anothers(table: Table) -> None:
    operations = table()
    number = await succeeded(operations)
    for ask in (operations.get, operations.delete):
        with pytest.raises(OperationNotFound):
            await ask(BOB, number)
    with pytest.raises(OperationNotFound):
        await operations.cancel(BOB, number, ERROR)
    for ask in (operations.transcription, operations.delete_transcription):
        with pytest.raises(TranscriptionNotFound):
            await ask(BOB, number)
    assert (await operations.page(BOB, Query.parse(0, "", "", ""))).operations == ()
    assert (await operations.transcription(ANN, number)).text


async def test_one_caller_may_have_so_many_and_all_together_so_many(table: Table) -> None:
    operations = table(of_one=2, in_all=3)
    first = await queued(operations)
    await operations.receive(order_of(), DAY_S)  # one that is being received counts, too
    with pytest.raises(QuotaExceeded, match="2 operations") as refusal:
        await operations.receive(order_of(), DAY_S)
    assert refusal.value.details == {"limit": "operations_of_one", "value": "2"}
    await queued(operations, tenant=BOB)
    with pytest.raises(SystemOverloaded, match="3 operations"):
        await operations.receive(order_of(BOB), DAY_S)
    await operations.cancel(ANN, first, ERROR)
    await queued(operations, tenant=BOB)


async def test_pages_make_a_whole_whatever_is_added_meanwhile(table: Table) -> None:
    operations = table()
    # two of one millisecond stand in any order
    there = sorted([await queued(operations) for _ in range(7)])
    for order, expected in (("", there[::-1]), ("create_time", there)):
        found: list[UUID] = []
        token = ""
        while True:
            page = await operations.page(ANN, Query.parse(3, token, "state = QUEUED", order))
            found += [one.number for one in page.operations]
            token = page.next_token
            if not token:
                break
            await operations.receive(order_of(), DAY_S)
        assert [number for number in found if number in there] == expected
    first = await operations.page(ANN, Query.parse(3, "", "", ""))
    with pytest.raises(LabError, match="same filter"):
        Query.parse(3, first.next_token, "done = true", "")


@pytest.mark.parametrize("database_url", [None])  # of what PostgreSQL keeps, see test_postgres
async def test_deleted_words_are_gone_from_the_disk(table: Table, tmp_path: Path) -> None:
    operations = table()
    kept, deleted = await succeeded(operations), await succeeded(operations)
    await operations.delete_transcription(ANN, deleted)
    await operations.delete(ANN, deleted)
    await operations.delete_transcription(ANN, kept)
    assert b"word1" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    with pytest.raises(TranscriptionNotFound):
        await operations.transcription(ANN, kept)
    assert (await operations.get(ANN, kept)).state is OperationState.SUCCEEDED


async def test_time_counts_from_when_the_sound_is_here(table: Table) -> None:
    operations = table()
    number = await operations.receive(order_of(), 0.2)
    await asyncio.sleep(0.25)
    assert await operations.expire() == []
    await operations.queue(number, 9.0, nothing_told)
    found = await operations.get(ANN, number)
    assert found.expires_ms - found.updated_ms >= 200
    await asyncio.sleep(0.3)
    assert await operations.expire() == [number]


# -- any order of events ---------------------------------------------------------------------------


class Lives(RuleBasedStateMachine):
    """Operations under whatever callers, the server's end and time do to them."""

    numbers = Bundle("numbers")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.expected: dict[UUID, OperationState] = {}
        self.expiring: set[UUID] = set()
        self.segments: dict[UUID, int] = {}
        self.texts: set[UUID] = set()
        self.open()

    def open(self) -> None:
        self.database = Database(lambda: Path(self.folder.name), FORMS, lambda: ROOT)
        self.operations = Operations(self.database, Allowance(1_000, 1_000), nothing_told)

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    def moved(self, work: Any, number: UUID, to: OperationState, *also: OperationState) -> bool:
        """Try a move; it works where the rules let it, and raises where they do not."""
        before = self.expected.get(number)
        may = before is not None and (to in MOVES[before] or before in also)
        try:
            self.do(work)
        except OperationCancelled:
            assert not may, (before, to)
            return False
        assert may, (before, to)
        self.expected[number] = to
        return True

    @rule(target=numbers, ttl_s=st.sampled_from([0.0, DAY_S]))
    def receive(self, ttl_s: float) -> UUID:
        number: UUID = self.do(self.operations.receive(order_of(), ttl_s))
        self.expected[number] = OperationState.RECEIVING
        if not ttl_s:
            self.expiring.add(number)
        return number

    @rule(number=numbers)
    def queue(self, number: UUID) -> None:
        self.moved(self.operations.queue(number, 9.0, nothing_told), number, OperationState.QUEUED)

    @rule(number=numbers)
    def withdraw(self, number: UUID) -> None:
        was = self.expected.get(number) is OperationState.RECEIVING
        assert self.do(self.operations.withdraw(number)) == was
        if was:
            del self.expected[number]

    @rule(number=numbers)
    def begin(self, number: UUID) -> None:
        running = OperationState.RUNNING
        self.moved(self.operations.begin(number), number, running, running)

    @rule(number=numbers)
    def add(self, number: UUID) -> None:
        place, running = self.segments.get(number, 0), OperationState.RUNNING
        if self.expected.get(number) is OperationState.QUEUED:
            return  # who adds has begun
        work = self.operations.add(number, place, segment(place), 1.0)
        if self.moved(work, number, running, running):
            self.segments[number] = place + 1

    @rule(number=numbers)
    def succeed(self, number: UUID) -> None:
        if self.moved(self.operations.succeed(number, MODEL), number, OperationState.SUCCEEDED):
            self.texts.add(number)

    @rule(number=numbers)
    def fail(self, number: UUID) -> None:
        if self.moved(self.operations.fail(number, ERROR), number, OperationState.FAILED):
            self.segments.pop(number, None)

    @rule(number=numbers)
    def cancel(self, number: UUID) -> None:
        before = self.expected.get(number)
        try:
            after: Operation = self.do(self.operations.cancel(ANN, number, ERROR))
        except OperationNotFound:
            assert before in (None, OperationState.RECEIVING)
            return
        assert before is not None
        assert after.state is (before if before.is_done else OperationState.CANCELLED)
        if not before.is_done:
            self.segments.pop(number, None)
        self.expected[number] = after.state

    @rule(number=numbers)
    def delete(self, number: UUID) -> None:
        before = self.expected.get(number)
        try:
            self.do(self.operations.delete(ANN, number))
        except OperationNotFound:
            assert before in (None, OperationState.RECEIVING)
        except OperationPending:
            assert before is not None
            assert not before.is_done
        else:
            assert before is not None
            assert before.is_done
            del self.expected[number]

    @rule(number=numbers)
    def delete_transcription(self, number: UUID) -> None:
        before = self.expected.get(number)
        try:
            self.do(self.operations.delete_transcription(ANN, number))
        except OperationPending:
            assert before is not None
            assert not before.is_done
        except TranscriptionNotFound:
            assert number not in self.texts
        else:
            self.texts.remove(number)
            self.segments.pop(number, None)

    @rule()
    def expire(self) -> None:
        received = [n for n, s in self.expected.items() if s is OperationState.RECEIVING]
        gone = set(self.do(self.operations.expire()))
        assert gone <= self.expiring - set(received)
        for number in self.expiring.difference(received):
            self.expected.pop(number, None)
            self.segments.pop(number, None)
            self.texts.discard(number)

    @rule()
    def end_and_begin_again(self) -> None:
        self.database.close()
        self.open()
        pending = self.do(self.operations.recover())
        received = [n for n, s in self.expected.items() if s is OperationState.RECEIVING]
        for number in received:
            del self.expected[number]
        assert list(pending) == sorted(n for n, s in self.expected.items() if not s.is_done)

    @invariant()
    def each_is_what_happened_to_it(self) -> None:
        page = self.do(self.operations.page(ANN, Query.parse(1_000, "", "", "")))
        shown = {one.number: one.state for one in page.operations}
        hidden = OperationState.RECEIVING
        assert shown == {n: s for n, s in self.expected.items() if s is not hidden}
        for one in page.operations:
            assert (one.error is not None) == (
                one.state in (OperationState.FAILED, OperationState.CANCELLED)
            )

    @invariant()
    def no_word_is_kept_that_nobody_can_ask_for(self) -> None:
        def count(rows: Rows) -> dict[UUID, int]:
            sql = "SELECT number, COUNT(*) AS many FROM segments GROUP BY number"
            return {UUID(row["number"]): row["many"] for row in rows.execute(sql)}

        assert self.do(self.database.run(count)) == self.segments
        for number in self.texts:
            found = self.do(self.operations.transcription(ANN, number))
            assert len(found.segments) == self.segments.get(number, 0)

    def teardown(self) -> None:
        self.database.close()
        self.runner.close()
        self.folder.cleanup()


Lives.TestCase.settings = settings(
    max_examples=10, stateful_step_count=30, deadline=None, database=None
)
TestLives = Lives.TestCase


async def test_what_is_nobodys_is_not_found(table: Table) -> None:
    operations = table()
    with pytest.raises(OperationNotFound):
        await operations.get(ANN, uuid4())
    with pytest.raises(OperationCancelled):
        await operations.begin(uuid4())
