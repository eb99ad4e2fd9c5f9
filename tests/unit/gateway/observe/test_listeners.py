"""Whoever counts work hears of all of it, on every way in, and can hurt none of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_engine import MODEL, ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient
from test_app import speech
from test_open_inference_routes import TONE, asked
from test_redaction import WAYS

from lab_kit.gateway.door.keys import ANYBODY
from lab_kit.gateway.observe.work import Delivery, Ended, Reached, Work, WorkKind
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.server import Server

SAID = "a word that no bill needs"
UPLOAD = {"content-type": "audio/l16", "accept": "application/json"}
HEARD_S = len(speech()) / 2 / 16_000


class Counted:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.begun: list[Work] = []
        self.told: list[tuple[Work, Reached]] = []
        self.results: list[tuple[Work, Delivery]] = []
        self.over: list[tuple[Work, Ended]] = []

    def opened(self, work: Work) -> None:
        self.begun.append(work)

    def telling(self, work: Work, reached: Reached) -> None:
        self.told.append((work, reached))

    def delivered(self, work: Work, delivery: Delivery) -> None:
        self.results.append((work, delivery))

    def ended(self, work: Work, ended: Ended) -> None:
        self.over.append((work, ended))


class Broken(Counted):
    """A listener that fails at everything."""

    def opened(self, work: Work) -> None:
        raise RuntimeError("its disk is full")

    def telling(self, work: Work, reached: Reached) -> None:
        raise RuntimeError("its disk is full")

    def delivered(self, work: Work, delivery: Delivery) -> None:
        raise RuntimeError("its disk is full")

    def ended(self, work: Work, ended: Ended) -> None:
        raise RuntimeError("its disk is full")


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(SAID)


@pytest.fixture
def server(tmp_path: Path, engine: ScriptedEngine) -> Iterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(engine))
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.fixture
def counted(server: Server) -> Counted:
    made = Counted()
    server.listeners.add(made)
    return made


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with TestClient(create_app(server)) as client:
        yield client


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_is_heard_once_from_its_opening_to_its_end(
    client: TestClient, counted: Counted, way: str
) -> None:
    assert SAID in WAYS[way](client, True)
    wait_until(lambda: bool(counted.over))
    (work,) = counted.begun
    ((ending_work, ended),) = counted.over
    assert ending_work == work
    is_live = way.startswith(("listen", "realtime", "streaming"))
    assert work.kind is (WorkKind.STREAM if is_live else WorkKind.RECORDING)
    assert (work.tenant, work.version) == (ANYBODY, 1)
    assert {whose for whose, _ in counted.results} == {work}
    finals_s = sum(delivery.audio_s for _, delivery in counted.results if delivery.is_final)
    assert 0 < finals_s <= ended.reached.submitted_s
    assert ended.reached.submitted_s == pytest.approx(HEARD_S, abs=0.01)
    assert ended.reached.processed_s == pytest.approx(HEARD_S, abs=0.05)
    assert "redact" in ended.reached.features
    assert SAID not in repr((counted.results, counted.over))


def test_an_inference_is_heard_of(client: TestClient, counted: Counted) -> None:
    answer = client.post(f"/v2/models/{MODEL}/infer", **asked())
    assert answer.status_code == 200
    ((work, ended),) = counted.over
    assert work.kind is WorkKind.INFERENCE
    asked_s = len(TONE) / 16_000
    assert (ended.code, ended.reached.submitted_s, ended.reached.processed_s) == (
        "OK",
        asked_s,
        asked_s,
    )
    assert len(counted.results) == 1


def test_the_call_has_the_name_that_its_answer_has(client: TestClient, counted: Counted) -> None:
    answers = [client.post("/v1/audio:transcribe", content=speech(), headers=UPLOAD) for _ in "12"]
    named = [str(work.identity.request) for work, _ in counted.over]
    assert named == [answer.headers["x-request-id"] for answer in answers]
    assert len({work.identity.stream for work, _ in counted.over}) == 2


def test_what_fails_is_told_by_its_reason(
    client: TestClient, counted: Counted, engine: ScriptedEngine
) -> None:
    engine.is_full = True
    answer = client.post("/v1/audio:transcribe", content=speech(), headers=UPLOAD)
    assert answer.status_code == 503
    ((_, ended),) = counted.over
    assert (ended.code, ended.reached.processed_s) == ("SYSTEM_OVERLOADED", 0.0)
    assert ended.reached.submitted_s == HEARD_S


@pytest.mark.parametrize("way", WAYS)
def test_a_listener_that_fails_hurts_no_call_and_is_counted(
    server: Server, client: TestClient, counted: Counted, way: str
) -> None:
    server.listeners.add(Broken())
    after = Counted()
    server.listeners.add(after)
    assert SAID in WAYS[way](client, False)
    wait_until(lambda: bool(after.over))
    assert after.over == counted.over
    assert 'lab_unexpected_errors_total{route="Broken"}' in client.get("/metrics").text
