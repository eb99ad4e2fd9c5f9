"""Each event is exported at least once and in order, whatever its destination does meanwhile."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hang import HANG_S
from receiver import Receiver
from usage_made import made_usage

from lab_kit.core.errors import ConnectionFailed, InvalidParameter
from lab_kit.ledger import exporting
from lab_kit.ledger.destinations import Destination, OpenMeter, Stripe
from lab_kit.ledger.exporting import Exporter, export_all, export_batch
from lab_kit.ledger.exports import Exports
from lab_kit.ledger.ledger import Batch, Ledger, open_ledger, open_tables
from lab_kit.metering.event import Quantities, UsageEvent, values_of

EVENTS = made_usage(streams=5, each=5)
KEYS = {"OPENMETER_TOKEN": "om-secret", "STRIPE_API_KEY": "sk-secret"}


class Taking:
    """A destination that keeps what it gets, and fails as it is told."""

    name, most = "somebody", 10

    def __init__(self) -> None:
        self.got: list[str] = []
        self.fails_after: list[int] = []
        self.refuses: Mapping[int, str] = {}
        self.is_idle = threading.Event()

    def send(self, events: Sequence[UsageEvent]) -> dict[int, str]:
        taken = self.fails_after.pop(0) if self.fails_after else len(events)
        self.got += [one.id for one in events[:taken]]
        if taken < len(events):
            raise ConnectionFailed("somebody is away", "it", "they are sent again")
        return dict(self.refuses)

    def close(self) -> None:
        self.is_idle.set()


@pytest.fixture
def where(tmp_path: Path, database_url: str | None) -> str:
    return database_url or str(tmp_path / "ledger.sqlite")


@pytest.fixture
def ledger(where: str) -> Iterator[Ledger]:
    made = open_ledger(where)
    take(made, EVENTS)
    yield made
    made.close()


@pytest.fixture
def exports(where: str, ledger: Ledger) -> Iterator[Exports]:
    made = Exports(open_tables(where))
    yield made
    made.close()


def take(ledger: Ledger, events: Sequence[UsageEvent]) -> None:
    ledger.take(Batch("file", 0, [values_of(one) for one in events]))


def test_what_was_taken_is_not_sent_again(ledger: Ledger, exports: Exports) -> None:
    taking = Taking()
    assert [export_batch(exports, taking) for _ in range(4)] == [10, 10, 5, 0]
    assert taking.got == [one.id for one in EVENTS]
    take(ledger, EVENTS)  # they are there
    assert export_batch(exports, taking) == 0
    assert exports.last_number("another") == 0


def test_a_batch_that_was_not_taken_whole_is_sent_again_whole(exports: Exports) -> None:
    taking = Taking()
    taking.fails_after = [3]
    with pytest.raises(ConnectionFailed):
        export_batch(exports, taking)
    assert exports.last_number("somebody") == 0
    assert export_batch(exports, taking) == 10
    ids = [one.id for one in EVENTS]
    assert taking.got == ids[:3] + ids[:10]


def test_what_is_refused_for_good_is_written_down_and_passed(
    exports: Exports, capfd: pytest.CaptureFixture[str]
) -> None:
    taking = Taking()
    taking.refuses = {2: "too old"}
    export_batch(exports, taking)
    assert [(one.number, one.why) for one in exports.refusals("somebody", 9)] == [(3, "too old")]
    assert exports.last_number("somebody") == 10
    assert "refused event 3 for good: too old" in capfd.readouterr().err


def test_a_mark_does_not_go_back(exports: Exports) -> None:
    exports.move("somebody", 7)
    exports.move("somebody", 5)
    assert exports.last_number("somebody") == 7


def test_an_exporter_goes_on_after_failures_and_stops_when_told(
    where: str,
    ledger: Ledger,
    exports: Exports,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(exporting, "FIRST_S", 0.01)
    monkeypatch.setattr(exporting, "LOOK_S", 0.01)
    taking = Taking()
    taking.fails_after = [0, 0, 0]
    exporter = Exporter(where, taking)
    until(lambda: exports.last_number("somebody") == len(EVENTS))
    more = made_usage(streams=6, each=1)
    take(ledger, more)
    until(lambda: len(taking.got) == len(EVENTS) + 1)
    exporter.close()
    assert taking.is_idle.wait(HANG_S)
    assert taking.got == [one.id for one in (*EVENTS, more[-1])]
    assert capfd.readouterr().err.count("somebody is away") == 1  # said once


def until(holds: Callable[[], bool]) -> None:
    waiting, left = threading.Event(), round(HANG_S / 0.02)
    while not holds() and left:
        waiting.wait(0.02)
        left -= 1
    assert holds()


def destinations(url: str) -> list[Destination]:
    return [OpenMeter(url, KEYS), Stripe(url, KEYS)]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_a_destination_that_fails_is_asked_again_and_its_key_is_not_shown(
    place: int, status: int
) -> None:
    with Receiver() as receiver:
        receiver.answers.extend([(status, {})] * 2)
        destination = destinations(receiver.url)[place]
        with pytest.raises(ConnectionFailed) as told:
            destination.send(EVENTS[:2])
    (got,) = receiver.requests
    assert "secret" in got.headers["authorization"]
    assert "secret" not in f"{told.value}{destination.name}"
    destination.close()


@pytest.mark.parametrize("place", [0, 1])
def test_a_destination_that_is_away_is_asked_again(place: int) -> None:
    with Receiver() as receiver:
        url = receiver.url
    destination = destinations(url)[place]
    with pytest.raises(ConnectionFailed) as told:
        destination.send(EVENTS[:2])
    assert "secret" not in str(told.value)
    destination.close()


@pytest.mark.parametrize(
    "url", ["", "host", "ftp://host", "http://", "http://user:password@host", "https://k@host"]
)
def test_an_address_that_cannot_be_used_is_refused_and_not_shown(url: str) -> None:
    for kind in (OpenMeter, Stripe):
        with pytest.raises(InvalidParameter) as told:
            kind(url, KEYS)
        assert "password" not in str(told.value).replace("has a password in it", "")
        with pytest.raises(InvalidParameter, match="no key in"):
            kind("http://127.0.0.1:1", {})


def test_all_that_is_there_is_exported_once(where: str, ledger: Ledger) -> None:
    taking = Taking()
    assert export_all(where, taking) == len(EVENTS)
    assert export_all(where, taking) == 0
    taking.fails_after = [0]
    take(ledger, made_usage(streams=6, each=1))
    with pytest.raises(ConnectionFailed):
        export_all(where, taking)


class Answering:
    """An HTTP server that answers each request by what is in it."""

    def __init__(self, answer: Callable[[str, bytes], tuple[int, dict[str, Any]]]) -> None:
        self.sent = 0
        answering = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answering.sent += 1
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, told = answer(self.path, body)
                written = json.dumps(told).encode() if status != 204 else b""
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(written)))
                self.end_headers()
                self.wfile.write(written)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Answering":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_what_openmeter_refuses_while_it_takes_others_is_refused_for_good() -> None:
    bad = EVENTS[1].id.encode()

    def answer(_: str, body: bytes) -> tuple[int, dict[str, Any]]:
        return (400, {"detail": "bad"}) if bad in body else (204, {})

    with Answering(answer) as server:
        destination = OpenMeter(server.url, KEYS)
        assert list(destination.send(EVENTS[:3])) == [1]
        assert server.sent == 4
        with pytest.raises(ConnectionFailed):
            destination.send(EVENTS[1:2])  # it takes nothing: who knows whose fault it is
        destination.close()


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"message": "An event already exists with identifier x."}, {}),
        ({"message": "too old", "code": "timestamp_too_far_in_past"}, {0: "too old"}),
        ({"message": "No such meter"}, None),
    ],
)
def test_what_stripe_refuses(told: dict[str, str], outcome: dict[int, str] | None) -> None:
    error = {"error": {"type": "invalid_request_error", **told}}
    with Answering(lambda *_: (400, error)) as server:
        destination = Stripe(server.url, KEYS)
        if outcome is None:
            with pytest.raises(ConnectionFailed, match="No such meter"):
                destination.send(EVENTS[:1])
        else:
            found = destination.send(EVENTS[:1])
            assert list(found) == list(outcome)
            assert all(outcome[place] in why for place, why in found.items())


def test_stripe_gets_whole_microseconds_of_sound_that_is_billed() -> None:
    bodies: list[dict[str, list[str]]] = []

    def answer(_: str, body: bytes) -> tuple[int, dict[str, Any]]:
        bodies.append(parse_qs(body.decode()))
        return 200, {"object": "billing.meter_event"}

    nothing = replace(EVENTS[1], amount=Quantities(compute_us=5))
    with Answering(answer) as server:
        destination = Stripe(server.url, KEYS, {"tenant-0": "cus_0"})
        assert destination.send([EVENTS[0], nothing, EVENTS[2]]) == {}
    assert [body["payload[stripe_customer_id]"] for body in bodies] == [["cus_0"], ["tenant-2"]]
    assert bodies[0]["payload[value]"] == [str(EVENTS[0].amount.billed_us)]
    assert bodies[0]["identifier"] == [f"{EVENTS[0].source}/{EVENTS[0].id}"]
    assert bodies[0]["event_name"] == ["lab_billed_microseconds"]
    assert bodies[0]["timestamp"] == [str(EVENTS[0].time_us // 1_000_000)]
