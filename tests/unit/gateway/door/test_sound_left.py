"""What tenants may still have recognized: none has more than it may, whoever else asks at once."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripted_engine import ScriptedEngine, recognizer, server_at, wait_until
from starlette.testclient import TestClient
from test_app import speech

from lab_kit.core.errors import InvalidParameter, QuotaExceeded
from lab_kit.core.ids import TenantId
from lab_kit.gateway.door.sound import MOST_PREPAID_US, Sound
from lab_kit.gateway.door.tenants import Tenants
from lab_kit.gateway.run.app import create_app
from lab_kit.gateway.run.forms import FORMS
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.state.database import Database
from lab_kit.protocol.tenants import TenantSettings, TopUp

ACME = TenantId("acme")
SECOND_US = 1_000_000
NOVEMBER_S, DECEMBER_S = 1_795_910_400.0, 1_796_083_201.0
"""29 November 2026, noon, and the first second of December behind it."""
OPERATOR = {"authorization": "Bearer of-the-operator"}
Make = Callable[[], Sound]


class Clock:
    now_s = NOVEMBER_S


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(tmp_path: Path, database_url: str | None, clock: Clock) -> Iterator[Make]:
    made: list[Database] = []

    def make() -> Sound:
        for database in made:
            database.close()
        made.append(Database(lambda: tmp_path, FORMS, url=database_url))
        tenants = Tenants(made[-1])
        tenants.load()
        sound = Sound(made[-1], tenants, lambda: clock.now_s)
        sound.load()
        return sound

    yield make
    made[-1].close()


async def allow(sound: Sound, month_s: float | None) -> None:
    await sound._tenants.put("acme", TenantSettings(sound_s_per_month=month_s))


def left_s(sound: Sound) -> float:
    prepaid = sound.account(ACME).prepaid
    assert prepaid is not None
    return prepaid.left / SECOND_US


async def test_who_paid_ahead_uses_what_was_paid_for_and_no_more(make: Make) -> None:
    sound = make()
    await sound.top_up("acme", TopUp(10.0, "a"))
    streams = [sound.use(ACME) for _ in range(100)]
    for stream in streams[:5]:
        stream.hold(2 * SECOND_US)
    for stream in streams[5:]:
        with pytest.raises(QuotaExceeded) as refused:
            stream.hold(2 * SECOND_US)
        assert refused.value.details == {"limit": "sound_prepaid", "of": "tenant acme"}
        assert refused.value.retry_after_s is None
    for stream in streams[:5]:
        stream.settle(SECOND_US)
        stream.hold(SECOND_US)
        stream.settle(5 * SECOND_US)  # more than it had reserved
    assert left_s(sound) == 0.0
    with pytest.raises(QuotaExceeded):
        sound.use(ACME).hold(1)


async def test_what_is_not_used_is_there_for_others(make: Make) -> None:
    sound = make()
    await sound.top_up("acme", TopUp(10.0, "a"))
    one, other = sound.use(ACME), sound.use(ACME)
    one.hold(10 * SECOND_US)
    with pytest.raises(QuotaExceeded):
        other.hold(SECOND_US)
    one.hold(SECOND_US)  # in place of what it held
    other.hold(9 * SECOND_US)
    other.release()
    one.settle(3 * SECOND_US)
    assert left_s(sound) == 7.0


async def test_a_payment_that_comes_twice_is_one(make: Make) -> None:
    sound = make()
    await asyncio.gather(*(sound.top_up("acme", TopUp(10.0, "a")) for _ in range(5)))
    await sound.top_up("acme", TopUp(5.0, "b"))
    assert left_s(sound) == 15.0
    assert left_s(make()) == 15.0


async def test_what_was_used_is_known_to_the_next_server(make: Make) -> None:
    sound = make()
    await allow(sound, 100.0)
    await sound.top_up("acme", TopUp(50.0, "a"))
    stream = sound.use(ACME)
    stream.hold(20 * SECOND_US)
    stream.settle(20 * SECOND_US)
    await sound.write()
    after = make()
    assert left_s(after) == 30.0
    assert after.account(ACME).used_us == 20 * SECOND_US
    with pytest.raises(QuotaExceeded):
        after.use(ACME).hold(31 * SECOND_US)


async def test_what_could_not_be_written_is_written_the_next_time(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = make()
    await allow(sound, 100.0)
    sound.use(ACME).settle(20 * SECOND_US)
    with monkeypatch.context() as broken:
        broken.setattr(sound, "_write", _fails)
        with pytest.raises(OSError, match="full"):
            await sound.write()
    await sound.write()
    assert make().account(ACME).used_us == 20 * SECOND_US


def _fails(*_: object) -> None:
    raise OSError("the disk is full")


async def test_a_payment_counts_though_whoever_sent_it_went_away(make: Make) -> None:
    sound = make()
    paying = asyncio.create_task(sound.top_up("acme", TopUp(10.0, "a")))
    await asyncio.sleep(0)
    paying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await paying
    await sound.top_up("acme", TopUp(5.0, "b"))
    await sound.write()
    assert left_s(sound) == left_s(make()) == 15.0


async def test_a_month_has_an_end_and_begins_anew(make: Make, clock: Clock) -> None:
    sound = make()
    await allow(sound, 10.0)
    stream = sound.use(ACME)
    stream.hold(10 * SECOND_US)
    stream.settle(10 * SECOND_US)
    with pytest.raises(QuotaExceeded) as refused:
        stream.hold(SECOND_US)
    assert refused.value.details["limit"] == "sound_month"
    assert refused.value.retry_after_s == pytest.approx(DECEMBER_S - 1 - NOVEMBER_S)
    clock.now_s = DECEMBER_S
    stream.hold(10 * SECOND_US)
    assert sound.account(ACME).used_us == 0


async def test_another_tier_counts_at_once_and_what_was_used_stays_used(make: Make) -> None:
    sound = make()
    await allow(sound, 10.0)
    stream = sound.use(ACME)
    stream.hold(10 * SECOND_US)
    await allow(sound, 12.0)
    stream.settle(10 * SECOND_US)
    stream.hold(2 * SECOND_US)
    with pytest.raises(QuotaExceeded):
        sound.use(ACME).hold(1)
    await allow(sound, None)
    sound.use(ACME).hold(1_000 * SECOND_US)


async def test_of_others_nothing_is_kept(make: Make) -> None:
    sound = make()
    for number in range(50):
        stream = sound.use(TenantId(f"tenant-{number}"))
        stream.hold(SECOND_US)
        stream.settle(SECOND_US)
    assert sound.named == ()


async def test_more_than_can_be_kept_is_refused(make: Make) -> None:
    sound = make()
    await sound.top_up("acme", TopUp(MOST_PREPAID_US / 1e6, "a"))
    with pytest.raises(InvalidParameter):
        await sound.top_up("acme", TopUp(1.0, "b"))


# -- in a server ---------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")))
    made.keys.operator = "of-the-operator"
    wait_until(lambda: made.door.is_ready)
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[TestClient]:
    with TestClient(create_app(server)) as client:
        yield client


def top_up(client: TestClient, seconds: float) -> dict[str, object]:
    body = {"sound_s": seconds, "id": f"payment of {seconds}"}
    answer = client.post("/operator/tenants/anybody:topUp", json=body, headers=OPERATOR)
    assert answer.status_code == 200, answer.text
    told: dict[str, object] = answer.json()
    return told


def transcribe(client: TestClient, times: int = 1) -> int:
    headers = {"content-type": "audio/l16", "accept": "application/json"}
    answer = client.post("/v1/audio:transcribe", content=speech() * times, headers=headers)
    return answer.status_code


def test_recordings_are_served_while_their_sound_is_paid_for(client: TestClient) -> None:
    assert transcribe(client) == 200
    assert top_up(client, 5.0)["prepaid_s"] == 5.0
    assert [transcribe(client) for _ in range(3)] == [200, 200, 429]
    assert top_up(client, 2.0)["prepaid_s"] == 3.0
    assert transcribe(client) == 200


def test_a_stream_that_is_sent_faster_than_speech_ends_with_what_it_is_owed(
    client: TestClient,
) -> None:
    top_up(client, 10.0)
    with client.websocket_connect("/v1/stream") as socket:
        for _ in range(20):
            socket.send_bytes(speech()[:64_000])
        told = []
        while not told or told[-1]["type"] != "session_ended":
            told.append(socket.receive_json())
    kinds = [one["type"] for one in told]
    assert "final" in kinds
    (error,) = [one for one in told if one["type"] == "error"]
    assert error["error"]["reason"] == "QUOTA_EXCEEDED"
    listed = client.get("/operator/tenants", headers=OPERATOR).json()["tenants"]
    (anybody,) = [one for one in listed if one["tenant"] == "anybody"]
    assert anybody["prepaid_s"] >= 0.0
    assert anybody["sound_month_s"] == pytest.approx(told[-1]["audio_s"] + 0.0)


def test_who_nears_its_limit_is_seen(client: TestClient) -> None:
    body = {"sound_s_per_month": 4.0, "sound_warn_share": 0.5}
    url = "/operator/tenants/anybody"
    assert not client.put(url, json=body, headers=OPERATOR).json()["is_near_limit"]
    assert transcribe(client) == 200
    status = client.put(url, json=body, headers=OPERATOR).json()
    assert (status["is_near_limit"], status["sound_left_s"]) == (True, 2.0)
