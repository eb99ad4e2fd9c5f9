"""An engine of several processes: who is asked, and what becomes of it when one of them ends."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import pytest
from engine_here import MODEL, EngineHere
from gated_runner import request
from hang import HANG_S

from lab_kit.core.errors import InvalidParameter, LabError, ServerFailed, SystemOverloaded
from lab_kit.core.events import PriorityClass
from lab_kit.engine.api import Priority, Ticket
from lab_kit.engine.batching import NoBatching
from lab_kit.engine.processes import group as module
from lab_kit.engine.processes.group import EngineGroup
from lab_kit.engine.processes.serving import Served

Start = Callable[..., EngineHere]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short name: that of a socket may have 107 bytes at most."""
    with TemporaryDirectory(prefix="engines-") as name:
        yield Path(name)


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts an engine; the first one started is the first one asked."""
    started: list[EngineHere] = []

    def start(places: int = 8) -> EngineHere:
        started.append(EngineHere(folder, len(started) + 1, places))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def group(folder: Path) -> Iterator[EngineGroup]:
    """One engine is asked, and whatever else there is stands by."""
    made = EngineGroup(folder, active=1)
    yield made
    made.stop()


def eventually(true: Callable[[], bool]) -> None:
    until = monotonic() + HANG_S
    while not true():
        assert monotonic() < until, "it never came to that"
        sleep(0.005)


def held(engine: EngineHere, group: EngineGroup, name: int = 1) -> Ticket:
    """A request that the engine works on, and does not finish while its gate is closed."""
    engine.runner.gate.clear()
    ticket = group.submit(request(name))
    engine.runner.wait_until_entered()
    eventually(lambda: group._owed[ticket.number].is_started)
    return ticket


def both(start: Start, group: EngineGroup, places: int = 8) -> tuple[EngineHere, EngineHere]:
    first = start(places)
    group.wait_until_ready(HANG_S)
    second = start(places)
    eventually(lambda: sum(one.pulse is not None for one in group._links.values()) == 2)
    return first, second


def test_the_first_answers_and_the_next_stands_by(start: Start, group: EngineGroup) -> None:
    first, second = both(start, group)
    spent: list[int] = []
    asked = replace(request(7), on_compute=spent.append)
    answer = group.submit(asked).future.result(HANG_S)
    assert (answer.text, answer.tokens) == ("text 7", (11, 12, 13))
    assert answer.submitted_ns <= answer.started_ns <= answer.finished_ns
    assert group.model == MODEL
    assert len(spent) == 1
    assert spent[0] > 0
    assert first.runner.done
    assert not second.runner.done


def test_with_two_that_are_asked_both_are(start: Start, folder: Path) -> None:
    group = EngineGroup(folder, active=2)
    try:
        first, second = both(start, group)
        held_1 = held(first, group)
        assert group.submit(request(2)).future.result(HANG_S).text == "text 2"
        assert second.runner.done, "the first has work"
        first.runner.gate.set()
        held_1.future.result(HANG_S)
    finally:
        group.stop()


def test_what_a_dead_engine_owed_the_next_one_answers_finals_first(
    start: Start, group: EngineGroup
) -> None:
    first, second = both(start, group)
    at_work = held(first, group)
    interim = group.submit(request(2, Priority.INTERIM))
    final = group.submit(request(3))
    second.runner.gate.clear()
    first.die()
    second.runner.wait_until_entered()
    second.runner.gate.set()
    texts = [one.future.result(HANG_S).text for one in (at_work, interim, final)]
    assert texts == ["text 1", "text 2", "text 3"]
    encoded = [names[0] for state, names in second.runner.done if state.name == "WAITING"]
    assert encoded == [1, 3, 2]
    assert group.load().waiting == 0


def test_nothing_is_lost_while_no_engine_is_there(start: Start, group: EngineGroup) -> None:
    first = start()
    group.wait_until_ready(HANG_S)
    at_work = held(first, group)
    first.die()
    during = group.submit(request(2))
    start()
    assert at_work.future.result(HANG_S).text == "text 1"
    assert during.future.result(HANG_S).text == "text 2"


def test_one_that_hangs_is_left(
    start: Start, group: EngineGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HUNG_S", 0.5)
    first, second = both(start, group)
    monkeypatch.setattr(module, "COME_BACK_S", 0.5)
    before_s = group.load().busy_s
    first.hang()
    assert group.submit(request(4)).future.result(HANG_S).text == "text 4"
    assert second.runner.done
    first.wake()
    eventually(lambda: group._asked()[0].name == first.path.name)  # it was only slow
    assert group.submit(request(5)).future.result(HANG_S).text == "text 5"
    assert first.runner.done
    eventually(lambda: group.load().busy_s > before_s)


def test_one_that_leaves_answers_what_it_has_and_is_asked_no_more(
    start: Start, group: EngineGroup
) -> None:
    first, second = both(start, group)
    at_work = held(first, group)
    first.leave()
    eventually(lambda: not first.path.exists())
    eventually(lambda: group._asked()[0].name != first.path.name)
    assert group.submit(request(2)).future.result(HANG_S).text == "text 2"
    assert second.runner.done
    first.runner.gate.set()
    assert at_work.future.result(HANG_S).text == "text 1"
    assert all(names == (2,) for _, names in second.runner.done)


def test_a_request_that_ends_two_engines_is_asked_of_no_third(
    start: Start, group: EngineGroup
) -> None:
    first, second = both(start, group)
    deadly = held(first, group)
    second.runner.gate.clear()
    first.die()
    second.runner.wait_until_entered()
    eventually(lambda: group._owed[deadly.number].is_started)
    second.die()
    with pytest.raises(LabError, match="2 engines ended"):
        deadly.future.result(HANG_S)
    third = start()
    assert group.submit(request(2)).future.result(HANG_S).text == "text 2"
    assert all(names == (2,) for _, names in third.runner.done)


def test_who_finds_no_place_is_refused_at_once(start: Start, group: EngineGroup) -> None:
    first = start(places=8)  # for two groups, so that ours has four
    group.wait_until_ready(HANG_S)
    tickets = [held(first, group)]
    batch = replace(request(9), priority_class=PriorityClass.BATCH)
    tickets += [group.submit(batch) for _ in range(2)]
    with pytest.raises(SystemOverloaded):
        group.submit(batch)  # half of the places are not for batch work
    tickets.append(group.submit(request(2)))
    with pytest.raises(SystemOverloaded):
        group.submit(request(3))
    first.runner.gate.set()
    for ticket in tickets:
        ticket.future.result(HANG_S)
    assert group.submit(request(4)).future.result(HANG_S).text == "text 4"


def test_before_any_engine_is_there_everybody_is_refused(group: EngineGroup) -> None:
    with pytest.raises(SystemOverloaded):
        group.submit(request(1))
    with pytest.raises(TimeoutError):
        group.wait_until_ready(0.05)


def test_what_is_cancelled_is_dropped_there_and_its_cost_is_told(
    start: Start, group: EngineGroup
) -> None:
    first = start()
    group.wait_until_ready(HANG_S)
    spent: list[int] = []
    first.runner.gate.clear()
    ticket = group.submit(replace(request(1), on_compute=spent.append))
    first.runner.wait_until_entered()
    waiting = group.submit(request(2))
    eventually(lambda: first.engine.load().waiting == 2)
    group.cancel(waiting)
    eventually(lambda: first.engine.load().waiting == 1)
    group.cancel(ticket)
    with pytest.raises(CancelledError):
        ticket.future.result(HANG_S)
    first.runner.gate.set()
    eventually(lambda: len(first.runner.forgotten) == 2)
    eventually(lambda: sum(spent) > 0)
    assert all(names == (1,) for _, names in first.runner.done), "the other never began"
    assert group.submit(request(3)).future.result(HANG_S).text == "text 3"


def test_what_waits_is_replaced_and_what_has_begun_is_not(start: Start, group: EngineGroup) -> None:
    first = start()
    group.wait_until_ready(HANG_S)
    at_work = held(first, group)
    waiting = group.submit(request(2, Priority.INTERIM))
    assert not group.refresh(at_work, request(5))
    assert group.refresh(waiting, request(3, Priority.INTERIM))
    first.runner.gate.set()
    assert at_work.future.result(HANG_S).text == "text 1"
    assert waiting.future.result(HANG_S).text == "text 3"
    assert not group.refresh(waiting, request(4))


def test_an_answer_to_what_was_replaced_meanwhile_is_not_told(
    start: Start, group: EngineGroup
) -> None:
    first = start()
    group.wait_until_ready(HANG_S)
    at_work = held(first, group)
    group._owed[at_work.number].is_started = False  # as while the news of it is on its way
    assert group.refresh(at_work, request(5))
    first.runner.gate.set()
    assert at_work.future.result(HANG_S).text == "text 5"


def test_errors_come_back_as_what_they_were(start: Start, group: EngineGroup) -> None:
    first = start()
    group.wait_until_ready(HANG_S)
    with pytest.raises(InvalidParameter, match="a draft with token 5000"):
        group.submit(replace(request(1), draft=(5_000,))).future.result(HANG_S)
    first.runner.fails_on = {2}
    with pytest.raises(RuntimeError, match="the device failed"):
        group.submit(request(2)).future.result(HANG_S)
    assert group.submit(request(3)).future.result(HANG_S).text == "text 3"


def test_the_batching_policy_reaches_those_that_come_later(
    start: Start, group: EngineGroup
) -> None:
    first, second = both(start, group)
    group.use(NoBatching())
    eventually(lambda: isinstance(first.engine.batching, NoBatching))
    first.die()
    eventually(lambda: isinstance(second.engine.batching, NoBatching))


def test_what_ended_engines_had_done_stays_counted(start: Start, group: EngineGroup) -> None:
    first, second = both(start, group)
    group.submit(request(1)).future.result(HANG_S)
    eventually(lambda: group.load().busy_s > 0)
    before_s = group.load().busy_s
    first.die()
    group.submit(request(2)).future.result(HANG_S)
    eventually(lambda: group.load().busy_s > before_s)
    assert group.load().workers == second.engine.load().workers


def test_the_caches_view_is_told(start: Start, group: EngineGroup) -> None:
    first = start()
    group.wait_until_ready(HANG_S)
    told: Served = first.engine
    assert group.cache() == told.cache()


def test_given_up_everybody_is_told(start: Start, group: EngineGroup) -> None:
    first = start()
    group.wait_until_ready(HANG_S)
    at_work = held(first, group)
    group.give_up(ServerFailed("no process starts", "one that does", "see the log"))
    with pytest.raises(ServerFailed):
        at_work.future.result(HANG_S)
    with pytest.raises(LabError):
        group.submit(request(2))
    assert isinstance(group.broken.exception(HANG_S), ServerFailed)


def test_given_up_before_any_came_the_one_who_waits_is_told(group: EngineGroup) -> None:
    group.give_up(ServerFailed("no process starts", "one that does", "see the log"))
    with pytest.raises(ServerFailed):
        group.wait_until_ready(HANG_S)


@pytest.mark.parametrize(
    "sent", [b"\0\0\0\5hello", b"\xff\xff\xff\xff", b"\0\0\0\3\x93\xa3x", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_who_talks_nonsense_is_let_go_and_the_others_are_answered(
    start: Start, group: EngineGroup, sent: bytes
) -> None:
    first = start()
    group.wait_until_ready(HANG_S)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(HANG_S)
        stranger.connect(str(first.path))
        stranger.sendall(sent)
        while stranger.recv(4_096):  # its greeting and pulses; then it is closed
            pass
    assert group.submit(request(1)).future.result(HANG_S).text == "text 1"


def test_an_engine_that_talks_nonsense_is_left(
    folder: Path, start: Start, group: EngineGroup
) -> None:
    with socket.socket(socket.AF_UNIX) as false:
        false.bind(str(folder / "000000.sock"))
        false.listen()
        false.settimeout(HANG_S)
        met, _ = false.accept()
        with met:
            met.sendall(b"\0\0\0\4\x91\xa2no")
            start()
            group.wait_until_ready(HANG_S)
            assert group.submit(request(1)).future.result(HANG_S).text == "text 1"
