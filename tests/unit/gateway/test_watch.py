"""What the server does about its load: refuses, closes, reclaims, says so; on real streams."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from scripted_engine import heard as answered
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from test_app import QUERY, speech

from lab_kit.capacity.admission import Admission
from lab_kit.capacity.degradation import Level
from lab_kit.capacity.open_streams import BEHIND_S, RETRY_AFTER_S
from lab_kit.core.errors import LabError, SystemOverloaded
from lab_kit.core.events import Final, PriorityClass, Timing
from lab_kit.engine.api import Load
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server

SECOND_NS = 1_000_000_000
BATCH = QUERY + "&lab_priority=batch"
CALM, BUSY = Load(0, 0, workers=2), Load(9, 4, longest_wait_s=2.0, workers=2)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")))
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with TestClient(create_app(server)) as client:
        yield client


class Speaker:
    """An open stream that owes a final from its beginning, or none."""

    def __init__(
        self, priority_class: PriorityClass = PriorityClass.INTERACTIVE, owes: bool = False
    ) -> None:
        self.priority_class = priority_class
        self.opened_ns = self.last_audio_ns = 0
        self.owed_since_ns = 0 if owes else None
        self.is_ahead = False
        self.told: list[str] = []

    def close_early(self, reason: LabError) -> None:
        self.told.append(reason.reason)


def look(server: Server, load: Load, seconds: float, from_s: float = 0.0) -> None:
    """So many seconds of looks at that load, in no time."""
    for n in range(round(seconds * 4)):
        server.watch.look(load, server.door.streams, round((from_s + n / 4) * SECOND_NS))


def admit(server: Server, priority_class: PriorityClass, streams: list[Speaker]) -> None:
    """Ask for one more place beside ``streams``."""
    limits = server.limits
    Admission(server.watch, limits.streams, server.metrics).admit(priority_class, streams)


def on_the_loop(client: TestClient, call: Callable[..., None], *arguments: object) -> None:
    """Where the server looks: it closes streams, which only their own thread may do."""
    assert client.portal is not None
    client.portal.call(call, *arguments)


def refusal(client: TestClient, query: str) -> WebSocketDenialResponse:
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(query):
        pass
    return refused.value


def ends(receive: Callable[[], object]) -> WebSocketDisconnect:
    """Read until the stream is closed."""
    try:
        while True:
            receive()
    except WebSocketDisconnect as closed:
        return closed


def test_low_priority_is_refused_first_and_told_when_to_come_back(
    server: Server, client: TestClient
) -> None:
    server.watch.degradation.level = Level.REFUSE_LOW
    refused = refusal(client, BATCH)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == str(round(RETRY_AFTER_S))
    assert refused.json()["err_code"] == "TOO_MANY_REQUESTS"
    with client.websocket_connect(QUERY) as admitted:
        admitted.send_text('{"type":"CloseStream"}')
        # ended before leaving: the test client cancels an application that still runs
        assert ends(admitted.receive_json).code == 1000
    server.watch.degradation.level = Level.REFUSE_ALL
    assert refusal(client, QUERY).status_code == 503
    told = client.get("/metrics").text
    assert 'lab_streams_refused_total{priority_class="batch",reason="level"} 1.0' in told
    assert 'lab_streams_refused_total{priority_class="interactive",reason="level"} 1.0' in told


def test_what_is_not_a_class_is_refused_by_name(client: TestClient) -> None:
    refused = refusal(client, QUERY + "&lab_priority=urgent")
    assert refused.status_code == 400
    assert "interactive, standard, batch" in refused.json()["err_msg"]


def test_the_level_follows_the_load_and_every_step_is_seen(
    server: Server, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    look(server, BUSY, 8)
    assert client.get("/readyz").json()["degradation"] == "close_low"
    assert "lab_degradation_level 4.0" in client.get("/metrics").text
    look(server, CALM, 20, from_s=8)
    assert client.get("/readyz").json()["degradation"] == "full"
    told = client.get("/metrics").text
    assert 'lab_degradation_changes_total{direction="up",level="close_low"} 1.0' in told
    assert 'lab_degradation_changes_total{direction="down",level="full"} 1.0' in told
    assert len(server.watch.changes) == 8
    assert "service level FULL -> FEWER_INTERIMS" in caplog.text


def test_the_longest_stream_of_low_priority_is_closed_with_its_finals_and_a_reason(
    server: Server, client: TestClient
) -> None:
    with client.websocket_connect(QUERY) as urgent, client.websocket_connect(BATCH) as low:
        low.send_bytes(speech()[:-16_000])  # its final is not due yet
        wait_until(lambda: any(s.stream.begin().audio_s > 1 for s in server.door.streams))
        on_the_loop(client, look, server, BUSY, 8)
        heard = []
        closed = ends(lambda: heard.append(low.receive_json()))
        assert closed.code == 1011
        assert closed.reason.startswith("SYSTEM_OVERLOADED: a stream of class batch gives way")
        finals = [m for m in heard if m["type"] == "Results" and m["is_final"]]
        assert [f["channel"]["alternatives"][0]["transcript"] for f in finals] == ["so"]
        urgent.send_text('{"type":"CloseStream"}')
        assert ends(urgent.receive_json).code == 1000
    told = client.get("/metrics").text
    assert 'lab_streams_closed_early_total{priority_class="batch",reason="overload"} 1.0' in told


def test_a_stream_that_is_only_kept_alive_is_reclaimed(server: Server, client: TestClient) -> None:
    with client.websocket_connect(QUERY) as socket:
        wait_until(lambda: len(server.door.streams) == 1)
        socket.send_text('{"type":"KeepAlive"}')
        later_ns = time.perf_counter_ns() + round(server.limits.no_audio_s + 1) * SECOND_NS
        for n in range(2):
            on_the_loop(client, server.watch.look, CALM, server.door.streams, later_ns + n)
        closed = ends(socket.receive_json)
    assert (closed.code, closed.reason.split(":")[0]) == (1011, "NET-0001")
    assert "no audio for 300 s" in closed.reason
    wait_until(lambda: not server.door.streams)
    told = client.get("/metrics").text
    assert 'lab_streams_closed_early_total{priority_class="interactive",reason="no audio"}' in told


def test_a_stream_costs_from_the_moment_it_is_admitted(server: Server) -> None:
    look(server, CALM, 1)
    capacity = server.watch.capacity
    assert capacity is not None
    crowd = [Speaker() for _ in range(capacity)]
    admit(server, PriorityClass.INTERACTIVE, crowd[1:])
    with pytest.raises(SystemOverloaded, match=f"{capacity} streams are open"):
        admit(server, PriorityClass.INTERACTIVE, crowd)


@pytest.mark.parametrize("is_ahead", [False, True])
def test_who_sends_faster_than_speech_makes_no_stream_look_cheaper(
    server: Server, is_ahead: bool
) -> None:
    """What is computed for them is batch work, which `busy_s` leaves out, so they are left out."""
    speaking, sending = ([Speaker() for _ in range(10)] for _ in range(2))
    for stream in sending:
        stream.is_ahead = is_ahead
    for n in range(400):
        now_ns = round(n / 4 * SECOND_NS)
        for stream in (*speaking, *sending):
            stream.last_audio_ns = now_ns
        load = replace(CALM, busy_s=1.5 * n / 4, workers=2)
        server.watch.look(load, (*speaking, *sending), now_ns)
    cost = 0.15 if is_ahead else 0.075
    assert server.watch.cost.workers == pytest.approx(cost, rel=0.1)


def test_batch_streams_take_the_places_that_live_ones_leave(server: Server) -> None:
    look(server, CALM, 1)
    capacity = server.watch.capacity
    assert capacity is not None
    many = [Speaker(PriorityClass.BATCH) for _ in range(capacity)]
    admit(server, PriorityClass.BATCH, many[1:])
    with pytest.raises(SystemOverloaded, match=f"{capacity} streams of class batch are open"):
        admit(server, PriorityClass.BATCH, many)
    admit(server, PriorityClass.INTERACTIVE, many)  # no live one waits for a batch one's end
    speaking = [Speaker() for _ in range(capacity)]
    admit(server, PriorityClass.BATCH, speaking)
    with pytest.raises(SystemOverloaded, match=f"beside {capacity} others"):
        admit(server, PriorityClass.BATCH, [*speaking, *many])


def test_only_batch_streams_that_are_behind_are_closed_for_it_and_once(server: Server) -> None:
    late, prompt = Speaker(PriorityClass.BATCH, owes=True), Speaker(PriorityClass.BATCH)
    speaking = Speaker(owes=True)
    server.door.streams.update((late, prompt, speaking))
    look(server, CALM, BEHIND_S)
    assert not late.told
    look(server, CALM, 2, from_s=BEHIND_S)
    assert (late.told, prompt.told, speaking.told) == (["SYSTEM_OVERLOADED"], [], [])


def test_who_has_two_reasons_to_give_way_is_closed_once(server: Server) -> None:
    late = Speaker(PriorityClass.BATCH, owes=True)
    server.door.streams.add(late)
    look(server, CALM, BEHIND_S)
    server.watch.degradation.level = Level.CLOSE_LOW
    look(server, BUSY, 0.5, from_s=BEHIND_S + 1)
    assert late.told == ["SYSTEM_OVERLOADED"]


def test_a_batch_stream_that_is_behind_gets_what_it_is_owed_and_a_reason(
    server: Server, client: TestClient
) -> None:
    (engine,) = [r.engine for r in server.versions._table.recognizers.values()]
    engine.answer = None  # type: ignore[attr-defined]
    with client.websocket_connect(BATCH) as low:
        low.send_bytes(speech())
        wait_until(lambda: any(s.owed_since_ns for s in server.door.streams))
        late_ns = time.perf_counter_ns() + round((BEHIND_S + 1) * SECOND_NS)
        for n in range(2):
            on_the_loop(client, server.watch.look, CALM, server.door.streams, late_ns + n)
        for ticket in engine.tickets:  # type: ignore[attr-defined]
            ticket.future.set_result(answered("so"))
        heard = []
        closed = ends(lambda: heard.append(low.receive_json()))
    assert (closed.code, closed.reason.split(":")[0]) == (1011, "SYSTEM_OVERLOADED")
    finals = [m for m in heard if m["type"] == "Results" and m["is_final"]]
    assert [f["channel"]["alternatives"][0]["transcript"] for f in finals] == ["so"]
    told = client.get("/metrics").text
    assert 'lab_streams_closed_early_total{priority_class="batch",reason="behind"} 1.0' in told


def test_an_operator_sees_the_level_and_moves_its_thresholds(
    server: Server, client: TestClient
) -> None:
    server.door.keys.operator = "op"
    headers = {"authorization": "Token op"}
    moved = client.put("/operator/degradation", json={"busy": 0.3, "fill": 0.5}, headers=headers)
    assert (moved.json()["thresholds"]["busy"], moved.json()["thresholds"]["fill"]) == (0.3, 0.5)
    for wrong in ({"busy": -1}, {"fill": 0}, {"speed": 1}):
        answer = client.put("/operator/degradation", json=wrong, headers=headers)
        assert answer.status_code == 400
    assert client.get("/operator/degradation").status_code == 401
    assert client.get("/operator/degradation", headers=headers).json()["name"] == "full"


def test_a_step_that_an_operator_makes_fail_fails_alone(server: Server, client: TestClient) -> None:
    server.door.keys.operator = "op"
    headers = {"authorization": "Token op"}
    client.put("/operator/steps/numerals", json={"fails": True}, headers=headers)
    with client.websocket_connect(QUERY + "&numerals=true") as socket:
        socket.send_bytes(speech())
        socket.send_text('{"type":"CloseStream"}')
        assert socket.receive_json()["is_final"]
        assert ends(socket.receive_json).code == 1000
    told = client.get("/metrics").text
    assert 'lab_steps_skipped_total{reason="raised StepSwitchedOff",step="numerals"} 1.0' in told
    assert client.put("/operator/steps/x", json={"fails": True}, headers=headers).status_code == 400


def test_a_dead_letter_can_be_read_by_the_operator(server: Server, client: TestClient) -> None:
    server.door.keys.operator = "op"
    server.watch.degradation.level = Level.FULL
    for engine in [r.engine for r in server.versions._table.recognizers.values()]:
        engine.answer = RuntimeError("device lost")  # type: ignore[attr-defined]
    with client.websocket_connect(QUERY) as socket:
        socket.send_bytes(speech())
        socket.send_text('{"type":"CloseStream"}')
        closed = ends(socket.receive_json)
    assert closed.code == 1011
    assert "device lost" in closed.reason
    told = client.get("/operator/dead-letters", headers={"authorization": "Token op"}).json()
    assert told["total"] == 1
    assert told["letters"][0]["error"] == "RuntimeError: device lost"


@pytest.mark.parametrize(("finished_s", "reduced"), [(0.01, False), (0.4, True)])
def test_who_reads_late_costs_nobody_service_and_a_late_engine_does(
    server: Server, finished_s: float, reduced: bool
) -> None:
    """Both times every final leaves two seconds after its endpoint; only one engine was late."""
    for n in range(20):
        decided_ns = round((10 + n / 10) * SECOND_NS)
        finished_ns = decided_ns + round(finished_s * SECOND_NS)
        stamps = (decided_ns, decided_ns, decided_ns, finished_ns)
        final = Final(n, 0.0, 1.0, "so", 1.0, True, False, Timing(1.0, decided_ns, *stamps, 0))
        server.watch.sent(final, decided_ns + 2 * SECOND_NS, PriorityClass.INTERACTIVE)
    look(server, CALM, 3.0, from_s=13.0)
    assert (server.watch.level != "full") is reduced
