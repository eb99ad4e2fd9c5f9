"""Messages to an address that came with a request: with its header, until they are taken or
refused, one at a time to each address."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from hang import HANG_S
from made_orders import order_of
from receiver import Receiver

from lab_kit.gateway.outbound.guarded import Outbound
from lab_kit.gateway.run.forms import FORMS
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.gateway.transcriptions.operations import Allowance, Operations
from lab_kit.gateway.webhooks import callbacks as table
from lab_kit.gateway.webhooks import sender as module
from lab_kit.gateway.webhooks.callbacks import Callbacks
from lab_kit.gateway.webhooks.sender import Sender

DAY_S = 86_400.0
SECRET = {"x-secret": "a value that is nobody else's"}


class Telling:
    """A sender on a database, and messages for it."""

    def __init__(
        self, folder: Path, url: str | None, allowed: tuple[str, ...] = ("127.0.0.1",)
    ) -> None:
        state = StateFolder(folder)
        self.folder = folder
        self.database = Database(state.path, FORMS, url=url)
        self.operations = Operations(self.database, Allowance(100, 100), lambda *_: None)
        self.callbacks = Callbacks(self.database)
        self.sender = Sender(state, self.callbacks, Outbound(allowed), 0.01)

    async def tell(self, url: str, headers: dict[str, str] | None = None) -> UUID:
        number = await self.operations.receive(order_of(), DAY_S)
        body = json.dumps({"transcript_id": str(number)})
        await self.database.run(lambda rows: table.tell(rows, number, url, headers or {}, body))
        return number

    async def state(self, number: UUID) -> tuple[str, int, str]:
        """How far it is, how often it was sent, and the headers that are kept."""
        sql = "SELECT state, attempts, headers FROM callbacks WHERE message = ?"
        named = (f"msg_{number.hex}",)
        return tuple(await self.database.run(lambda rows: rows.execute(sql, named).fetchone()))


@asynccontextmanager
async def sending(telling: Telling) -> AsyncIterator[None]:
    async def turns() -> None:
        while True:
            await telling.sender.turn()

    working = asyncio.create_task(turns())
    try:
        yield
    finally:
        working.cancel()
        telling.sender.stop()
        await asyncio.gather(working, return_exceptions=True)
        telling.database.close()


async def settled(telling: Telling, number: UUID) -> tuple[str, int, str]:
    async with asyncio.timeout(HANG_S):
        while (state := await telling.state(number))[0] == "PENDING":
            await asyncio.sleep(0.005)
    return state


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_S):
        while not holds():
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)


async def test_it_has_the_header_that_was_asked_for_and_no_other_of_ours(
    tmp_path: Path, database_url: str | None
) -> None:
    telling = Telling(tmp_path, database_url)
    with Receiver() as receiver:
        async with sending(telling):
            number = await telling.tell(receiver.url, SECRET)
            assert await telling.callbacks.answered(number) is None
            assert await settled(telling, number) == ("DELIVERED", 1, "{}")
            assert await telling.callbacks.answered(number) == 204
    (got,) = receiver.requests
    assert json.loads(got.body) == {"transcript_id": str(number)}
    assert got.headers["x-secret"] == SECRET["x-secret"]
    assert got.headers["content-type"] == "application/json"
    assert not [name for name in got.headers if name.startswith("webhook-")]
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert SECRET["x-secret"].encode() not in kept


async def test_a_receiver_that_fails_gets_the_same_again(
    tmp_path: Path, database_url: str | None
) -> None:
    telling = Telling(tmp_path, database_url)
    with Receiver() as receiver:
        receiver.answers += [(500, {}), (503, {"retry-after": "0"})]
        async with sending(telling):
            number = await telling.tell(receiver.url, SECRET)
            assert await settled(telling, number) == ("DELIVERED", 3, "{}")
    assert len({got.body for got in receiver.requests}) == 1
    assert {got.headers["x-secret"] for got in receiver.requests} == {SECRET["x-secret"]}


@pytest.mark.parametrize("status", [400, 404, 410, 429])
async def test_a_receiver_that_refuses_it_gets_it_no_more(
    tmp_path: Path, database_url: str | None, status: int
) -> None:
    telling = Telling(tmp_path, database_url)
    with Receiver() as receiver:
        receiver.answers.append((status, {}))
        async with sending(telling):
            number = await telling.tell(receiver.url)
            assert await settled(telling, number) == ("DEAD", 1, "{}")
            assert await telling.callbacks.answered(number) == status
            later = await telling.tell(receiver.url)  # another message is another matter
            assert (await settled(telling, later))[0] == "DELIVERED"


async def test_in_the_end_it_is_given_up(
    tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROWTH", 1.0)
    telling = Telling(tmp_path, database_url, allowed=())
    async with sending(telling):
        number = await telling.tell("https://127.0.0.1:1/told", SECRET)
        assert await settled(telling, number) == ("DEAD", module.ATTEMPTS, "{}")
        assert await telling.callbacks.answered(number) is None


async def test_an_address_gets_one_at_a_time_and_holds_up_no_other(
    tmp_path: Path, database_url: str | None
) -> None:
    telling = Telling(tmp_path, database_url)
    with Receiver() as slow, Receiver() as quick:
        slow.holds.clear()
        for _ in range(module.AT_ONCE + 1):
            await telling.tell(slow.url)
        number = await telling.tell(quick.url)
        async with sending(telling):
            assert (await settled(telling, number))[0] == "DELIVERED"
            assert len(slow.requests) == 1
            slow.holds.set()
            await until(lambda: len(slow.requests) == module.AT_ONCE + 1)


async def test_it_is_forgotten_in_the_end(
    tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling = Telling(tmp_path, database_url)
    await telling.tell("https://example.com/")
    await telling.callbacks.expire()
    assert len(await telling.callbacks.due(8)) == 1
    monkeypatch.setattr(table, "KEPT_S", -1.0)
    await telling.callbacks.expire()
    assert await telling.callbacks.due(8) == []
    telling.database.close()
