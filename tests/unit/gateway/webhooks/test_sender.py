"""Messages to webhooks: signed, sent until they are taken, given up in the end, and never lost."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hang import HANG_S
from receiver import Got, Receiver
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from lab_kit.core.errors import (
    INTERNAL_FAILURE,
    InvalidParameter,
    QuotaExceeded,
    WebhookNotFound,
)
from lab_kit.core.ids import StreamIdentity, TenantId
from lab_kit.database.rows import Rows
from lab_kit.gateway.outbound.guarded import Outbound
from lab_kit.gateway.state.database import Database
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.gateway.transcriptions.operation import Operation, Order
from lab_kit.gateway.webhooks import sender as module
from lab_kit.gateway.webhooks import webhooks as table
from lab_kit.gateway.webhooks.sender import Sender
from lab_kit.gateway.webhooks.webhooks import TABLES, Webhooks
from lab_kit.protocol.operations import OperationState
from lab_kit.protocol.webhooks import Delivery, DeliveryState, Webhook

ANN, BOB = TenantId("ann"), TenantId("bob")


class Telling:
    """A sender on a database, and operations that end."""

    def __init__(
        self, folder: Path, url: str | None, allowed: tuple[str, ...] = ("127.0.0.1",)
    ) -> None:
        state = StateFolder(folder)
        self.database = Database(state.path, (TABLES,), url=url)
        self.webhooks = Webhooks(self.database)
        self.sender = Sender(state, self.webhooks, Outbound(allowed), 0.01)

    async def end(self, tenant: TenantId = ANN) -> str:
        """An operation of that tenant ends; the id of the message about it."""
        identity = StreamIdentity.new()
        order = Order(tenant, str(tenant), identity, ())
        operation = Operation(
            identity.stream.value, order, OperationState.SUCCEEDED, 1, 2, 3, 4.0, 4.0, 1, 1, None
        )
        await self.database.run(lambda rows: table.tell(rows, operation))
        return f"msg_{operation.number.hex}"

    async def deliveries(self, webhook: Webhook) -> tuple[Delivery, ...]:
        return await self.webhooks.deliveries(ANN, number_of(webhook), None)


def number_of(webhook: Webhook) -> table.UUID:
    return table.UUID(webhook.name.removeprefix("webhooks/"))


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


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_S):
        while not holds():
            await asyncio.sleep(0.005)


async def settled(telling: Telling, webhook: Webhook) -> Delivery:
    async with asyncio.timeout(HANG_S):
        while True:
            (delivery,) = await telling.deliveries(webhook)
            if delivery.state is not DeliveryState.PENDING:
                return delivery
            await asyncio.sleep(0.005)


def is_signed(got: Got, secret: str) -> bool:
    try:
        Verifier(secret).verify(got.body, got.headers)
    except WebhookVerificationError:
        return False
    return True


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)


async def test_an_end_is_told_once_signed_and_without_words(
    tmp_path: Path, database_url: str | None
) -> None:
    telling = Telling(tmp_path, database_url)
    with Receiver() as receiver:
        webhook = await telling.webhooks.make(ANN, receiver.url)
        assert webhook.secret is not None
        async with sending(telling):
            message = await telling.end()
            delivery = await settled(telling, webhook)
    (got,) = receiver.requests
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)
    assert got.headers["webhook-id"] == delivery.message == message
    assert is_signed(got, webhook.secret)
    assert not is_signed(got, "whsec_" + "AAAA" * 8)
    body = json.loads(got.body)
    assert body["type"] == "operation.succeeded"
    assert body["data"]["response"]["transcription"].startswith("transcriptions/")
    assert "text" not in json.dumps(body)


async def test_who_does_not_take_it_gets_the_same_again(
    tmp_path: Path, database_url: str | None
) -> None:
    telling = Telling(tmp_path, database_url)
    with Receiver() as receiver:
        receiver.answers += [(500, {}), (429, {"retry-after": "0"}), (302, {"location": "/"})]
        webhook = await telling.webhooks.make(ANN, receiver.url)
        async with sending(telling):
            await telling.end()
            delivery = await settled(telling, webhook)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 4)
    assert delivery.last_error is None
    assert len({got.headers["webhook-id"] for got in receiver.requests}) == 1
    assert len({got.body for got in receiver.requests}) == 1


async def test_in_the_end_it_is_given_up_and_can_be_sent_again(
    tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROWTH", 1.0)
    telling = Telling(tmp_path, database_url)
    with Receiver() as receiver:
        receiver.answers += [(500, {})] * module.ATTEMPTS
        webhook = await telling.webhooks.make(ANN, receiver.url)
        async with sending(telling):
            message = await telling.end()
            dead = await settled(telling, webhook)
            assert (dead.state, dead.attempts) == (DeliveryState.DEAD, module.ATTEMPTS)
            assert dead.last_error == "it answered 500"
            assert len(receiver.requests) == module.ATTEMPTS
            number = number_of(webhook)
            listed = await telling.webhooks.deliveries(ANN, number, DeliveryState.DEAD)
            assert [one.message for one in listed] == [message]
            await telling.webhooks.replay(ANN, number, message)
            assert (await settled(telling, webhook)).state is DeliveryState.DELIVERED
            assert await telling.webhooks.deliveries(ANN, number, DeliveryState.DEAD) == ()


async def test_a_receiver_that_is_gone_is_told_nothing_more(
    tmp_path: Path, database_url: str | None
) -> None:
    telling = Telling(tmp_path, database_url)
    with Receiver() as receiver:
        receiver.answers.append((410, {}))
        webhook = await telling.webhooks.make(ANN, receiver.url)
        async with sending(telling):
            message = await telling.end()
            assert (await settled(telling, webhook)).state is DeliveryState.DEAD
            (now,) = await telling.webhooks.all(ANN)
            assert now.disabled_reason == "it answered 410 Gone"
            await telling.end()
            assert len(await telling.deliveries(webhook)) == 1
            await telling.webhooks.replay(ANN, number_of(webhook), message)
            assert (await settled(telling, webhook)).state is DeliveryState.DELIVERED
            await telling.end()
            await until(lambda: len(receiver.requests) == 3)


async def test_secrets_change_over(
    tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling = Telling(tmp_path, database_url)
    with Receiver() as receiver:
        old = await telling.webhooks.make(ANN, receiver.url)
        new = await telling.webhooks.rotate(ANN, number_of(old))
        assert old.secret is not None
        assert new.secret is not None
        async with sending(telling):
            await telling.end()
            await settled(telling, old)
            monkeypatch.setattr(table, "OLD_SECRET_S", -1.0)
            newest = await telling.webhooks.rotate(ANN, number_of(old))
            await telling.end()
            await until(lambda: len(receiver.requests) == 2)
    first, second = receiver.requests
    assert is_signed(first, old.secret)
    assert is_signed(first, new.secret)
    assert newest.secret is not None
    assert is_signed(second, newest.secret)
    assert not is_signed(second, new.secret)


async def test_what_is_not_public_is_not_told(
    tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    telling = Telling(tmp_path, database_url, allowed=())
    with Receiver() as receiver:
        webhook = await telling.webhooks.make(ANN, receiver.url)
        async with sending(telling):
            await telling.end()
            dead = await settled(telling, webhook)
    assert dead.last_error is not None
    assert dead.last_error.startswith("ADDRESS_REFUSED")
    assert receiver.requests == []


async def test_who_is_slow_holds_up_nobody_else(tmp_path: Path, database_url: str | None) -> None:
    telling = Telling(tmp_path, database_url)
    with Receiver() as slow, Receiver() as quick:
        slow.holds.clear()
        await telling.webhooks.make(ANN, slow.url)
        webhook = await telling.webhooks.make(ANN, quick.url)
        async with sending(telling):
            await telling.end()
            await until(lambda: len(slow.requests) == 1)
            await settled(telling, webhook)
            await telling.end()
            await until(lambda: len(quick.requests) == 2)
            assert len(slow.requests) == 1
            slow.holds.set()
            await until(lambda: len(slow.requests) == 2)


async def test_a_message_that_our_own_fault_stops_does_not_stop_others(
    tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 1)

    async def fail(*_: object) -> None:
        raise OverflowError

    telling = Telling(tmp_path, database_url)
    webhook = await telling.webhooks.make(ANN, "http://127.0.0.1:1/")
    monkeypatch.setattr(telling.sender._outbound, "post", fail)
    await telling.end()

    async def turns() -> None:
        while True:
            await telling.sender.turn()

    with pytest.raises(OverflowError):  # the log has it
        await turns()
    assert (await settled(telling, webhook)).last_error == INTERNAL_FAILURE


async def test_a_server_that_ends_leaves_messages_to_the_next(
    tmp_path: Path, database_url: str | None
) -> None:
    first = Telling(tmp_path, database_url)
    with Receiver() as receiver:
        webhook = await first.webhooks.make(ANN, receiver.url)
        message = await first.end()
        first.database.close()
        second = Telling(tmp_path, database_url)
        async with sending(second):
            assert (await settled(second, webhook)).message == message
    assert len(receiver.requests) == 1


async def test_of_what_did_not_happen_nothing_is_told(
    tmp_path: Path, database_url: str | None
) -> None:
    telling = Telling(tmp_path, database_url)
    webhook = await telling.webhooks.make(ANN, "https://example.com/")
    identity = StreamIdentity.new()
    order = Order(ANN, "ann", identity, ())
    operation = Operation(
        identity.stream.value, order, OperationState.FAILED, 1, 2, 3, 4.0, 0.0, 0, 1, None
    )

    def half(rows: Rows) -> None:
        table.tell(rows, operation)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await telling.database.run(half)
    assert await telling.deliveries(webhook) == ()
    telling.database.close()


async def test_a_webhook_is_its_callers_own(tmp_path: Path, database_url: str | None) -> None:
    telling = Telling(tmp_path, database_url)
    webhook = await telling.webhooks.make(ANN, "https://example.com/told")
    number = number_of(webhook)
    await telling.end(BOB)
    assert await telling.deliveries(webhook) == ()
    assert await telling.webhooks.all(BOB) == ()
    (listed,) = await telling.webhooks.all(ANN)
    assert listed.secret is None
    for ask in (telling.webhooks.rotate, telling.webhooks.delete):
        with pytest.raises(WebhookNotFound):
            await ask(BOB, number)
    with pytest.raises(WebhookNotFound):
        await telling.webhooks.replay(ANN, number, "msg_nobodys")
    await telling.end()
    await telling.webhooks.delete(ANN, number)
    assert await telling.webhooks.all(ANN) == ()
    assert await telling.webhooks.due(8) == []
    telling.database.close()


async def test_there_may_be_few_and_only_of_addresses(
    tmp_path: Path, database_url: str | None
) -> None:
    telling = Telling(tmp_path, database_url)
    with pytest.raises(InvalidParameter):
        await telling.webhooks.make(ANN, "nowhere")
    for _ in range(table.MOST_OF_ONE):
        await telling.webhooks.make(ANN, "https://example.com/")
    with pytest.raises(QuotaExceeded):
        await telling.webhooks.make(ANN, "https://example.com/")
    telling.database.close()
