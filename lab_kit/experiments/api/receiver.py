"""Who is told of operations: an HTTP server in this process, that fails as often as it is asked to.

It keeps every attempt with its time, its headers and its body as it came, because a signature is of
the bytes.
"""

import asyncio
import secrets
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from standardwebhooks import Webhook, WebhookVerificationError

from lab_kit import client
from lab_kit.core.errors import ConnectionFailed
from lab_kit.experiments.api.ways import LONGEST_OPERATION_S, PCM, Target
from lab_kit.protocol.webhooks import Delivery, DeliveryState

HOST = "127.0.0.1"
FAILED, TAKEN = 500, 204
PATIENCE_S = 60.0
"""For a message to be delivered or given up, with the first wait that this lab's server has."""
_LOOK_S = 0.1
_MOST_BODY_BYTES = 65_536
"""A message names an operation; it is a few hundred bytes long."""
_SECRET_BYTES = 32
_OLD_S = 600
"""Twice the age up to which the specification's libraries accept a message."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """One attempt to tell.

    Attributes:
        at_s: since the first.
        status: what the receiver answered.
        is_valid: the signature is that of the sender, and fresh.
        is_replay: somebody asked for it, after the message had been given up.
    """

    at_s: float
    status: int
    message: str
    headers: Mapping[str, str]
    body: bytes
    is_valid: bool = False
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A message to a receiver that was down, until it was given up, and after it was replayed.

    Attributes:
        given_up, at_last: what the server says of the message then.
        checks: the last attempt as it came and forged, and whether each passes as genuine.
    """

    attempts: tuple[Attempted, ...]
    given_up: Delivery
    at_last: Delivery
    checks: Mapping[str, bool]

    @property
    def before_replay(self) -> tuple[Attempted, ...]:
        """Attempts that nobody asked for."""
        return tuple(one for one in self.attempts if not one.is_replay)


class Receiver:
    """The server; a context manager. While ``is_down`` it answers 500."""

    def __init__(self) -> None:
        self.is_down = True
        self._got: list[Attempted] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("content-length", 0)), _MOST_BODY_BYTES)
                body = self.rfile.read(length)
                told = {name.lower(): value for name, value in self.headers.items()}
                status = FAILED if receiver.is_down else TAKEN
                message = told.get("webhook-id", "")
                at_s = time.perf_counter()
                receiver._got.append(Attempted(at_s, status, message, told, body))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{HOST}:{self._server.server_port}/told"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def got(self) -> tuple[Attempted, ...]:
        """Every attempt so far; times count from the first."""
        return tuple(replace(one, at_s=one.at_s - self._got[0].at_s) for one in self._got)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


async def tell_who_is_down(target: Target, pcm: bytes) -> Told:
    """Have a recording transcribed, and its end told to a receiver that is down; replay it then.

    Raises:
        ConnectionFailed: the server did not give up, or did not send again.
        LabError: the server refused.
    """
    operations = client.Operations(target.url, target.key)
    webhooks = client.Webhooks(target.url, target.key)
    with Receiver() as receiver:
        hook = await webhooks.make(receiver.url)
        try:
            operation = await operations.transcribe(pcm, PCM)
            await operations.wait(operation.name, LONGEST_OPERATION_S)
            given_up = await _settled(webhooks, hook.name, DeliveryState.DEAD)
            failed = len(receiver.got)
            receiver.is_down = False
            await webhooks.replay(hook.name, given_up.message)
            at_last = await _settled(webhooks, hook.name, DeliveryState.DELIVERED)
        finally:
            await webhooks.delete(hook.name)
        secret = hook.secret or ""
        attempts = tuple(
            replace(one, is_valid=is_valid(one.body, one.headers, secret), is_replay=n >= failed)
            for n, one in enumerate(receiver.got)
        )
        return Told(attempts, given_up, at_last, forgeries(attempts[-1], secret))


async def _settled(webhooks: client.Webhooks, name: str, state: DeliveryState) -> Delivery:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (found := await webhooks.deliveries(name, state)):
                await asyncio.sleep(_LOOK_S)
    except TimeoutError as error:
        raise ConnectionFailed(
            f"a message that was not {state.value} within {PATIENCE_S:.0f} s",
            "a server whose limit webhook_first_s is small",
            "start it as this lab's second cell does, and run this cell again",
        ) from error
    return found[0]


def is_valid(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    """Whether a message is the sender's, and not old."""
    try:
        Webhook(secret).verify(body, dict(headers))
    except WebhookVerificationError:
        return False
    return True


def forgeries(genuine: Attempted, secret: str) -> dict[str, bool]:
    """A message as it came, and as a receiver must not take it; whether each passes.

    Asked right after it came: what is older than five minutes is refused by itself.
    """
    id_, body, headers = genuine.message, genuine.body, genuine.headers
    then = datetime.now(UTC) - timedelta(seconds=_OLD_S)
    old = {
        "webhook-id": id_,
        "webhook-timestamp": str(int(then.timestamp())),
        "webhook-signature": Webhook(secret).sign(id_, then, body.decode()),
    }
    other = b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    return {
        "as it came": is_valid(body, headers, secret),
        "another body": is_valid(body.replace(b"succeeded", b"cancelled", 1), headers, secret),
        "another id": is_valid(body, {**headers, "webhook-id": f"{id_}0"}, secret),
        "signed ten minutes ago": is_valid(body, old, secret),
        "signed with another secret": is_valid(body, headers, other),
    }
