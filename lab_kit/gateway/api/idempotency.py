"""Requests that may be sent again: whoever names one with a key pays for it once.

The first answer that tells of success is kept, with a fingerprint of its request, and given again
to whoever sends the same request with the same key. A failure is not kept: trying again is what the
key is for.
"""

import re
from collections.abc import Callable, Coroutine
from hashlib import sha256
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Message, Receive

from lab_kit.core.errors import IdempotencyMismatch, InvalidParameter, PayloadTooLarge
from lab_kit.core.ids import TenantId
from lab_kit.core.shown import shown
from lab_kit.database.rows import Rows
from lab_kit.gateway.door.call import MODEL_VERSION, http_call
from lab_kit.gateway.door.door import Door
from lab_kit.gateway.door.form_file import FORM, MOST_BESIDE_BYTES, FormFile, is_form
from lab_kit.gateway.state import answers
from lab_kit.gateway.state.answers import LARGEST_BYTES, Answer, Answers
from lab_kit.gateway.state.subjects import SUBJECT, subject_named

HEADER, REPLAYED = "idempotency-key", "idempotent-replayed"
_KEY = re.compile(r"[!-~]{1,255}")
_KEPT_HEADERS = ("content-type", "location", MODEL_VERSION)


class Attempt:
    """One request under a key; on ``request.state.attempt``, None where it has no key.

    Attributes:
        is_kept: its answer is.
    """

    def __init__(self, tenant: TenantId, key: str, request: Request) -> None:
        self.is_kept = False
        self._tenant = tenant
        self._key = key
        self._subject = subject_named(request.headers.get(SUBJECT))
        self._digest = sha256()
        kind = request.headers.get("content-type", "")
        # a client that sends a form again parts it by another boundary: its file is what counts
        self._form = FormFile(kind) if is_form(kind) else None
        for part in (
            request.method,
            request.url.path,
            request.url.query,
            kind if self._form is None else FORM,
            self._subject or "",
        ):
            self._digest.update(f"{len(part)}:{part}".encode())

    def received(self, data: bytes) -> None:
        """More of the body.

        Raises:
            InvalidParameter: it is a damaged form.
        """
        for piece in [data] if self._form is None else self._form.read(data):
            self._digest.update(piece)

    def end(self) -> None:
        """It is all here.

        Raises:
            InvalidParameter: it is a form that is not whole.
        """
        if self._form is not None:
            self._form.end()

    @property
    def beside_bytes(self) -> int:
        """What a body may have beside the recording that a limit is for."""
        return 0 if self._form is None else MOST_BESIDE_BYTES

    @property
    def fingerprint(self) -> bytes:
        """Of the request, as far as it has been received."""
        return self._digest.digest()

    def answer(self, response: Response, body: bytes) -> Answer:
        """What is kept of an answer."""
        headers = {
            name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers
        }
        return Answer(self.fingerprint, response.status_code, headers, body, self._subject)

    def keep(self, rows: Rows, response: Response) -> None:
        """Keep the answer in one transaction with what it tells of."""
        answers.keep(rows, self._tenant, self._key, self.answer(response, bytes(response.body)))
        self.is_kept = True


def attempt_of(request: Request) -> Attempt | None:
    """The attempt that a request is, where it names one."""
    attempt: Attempt | None = request.state.attempt
    return attempt


def repeatable(door: Door, kept: Answers, most_bytes: int) -> type[APIRoute]:
    """A kind of HTTP route whose requests may be sent again.

    Args:
        most_bytes: of a body that is only read to see whether it is the same.
    """

    class Repeatable(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """The framework's handler, asked once for each key."""
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                request.state.attempt = None
                given = request.headers.get(HEADER)
                if given is None:
                    return await handle(request)
                key = _key(given)
                async with door.open(http_call(request)) as admitted:
                    tenant = admitted.principal.tenant
                attempt = Attempt(tenant, key, request)
                first = await kept.begin(tenant, key)
                if first is not None:
                    return await _again(request, attempt, first, most_bytes)
                try:
                    request.state.attempt = attempt
                    response = await handle(Request(request.scope, _heard(request, attempt)))
                    if not attempt.is_kept and response.status_code < 300:
                        await _keep(kept, tenant, key, attempt, response)
                    return response
                finally:
                    kept.end(tenant, key)

            return handled

    return Repeatable


def check_not_streamed(request: Request) -> None:
    """Make sure that an answer which is sent in pieces is not asked for under a key.

    Raises:
        InvalidParameter: it is.
    """
    if attempt_of(request) is not None:
        raise InvalidParameter(
            "an Idempotency-Key and an answer in pieces, which is not kept",
            "one or the other",
            "ask for the answer as a whole, or leave the key out",
        )


async def _keep(
    kept: Answers, tenant: TenantId, key: str, attempt: Attempt, response: Response
) -> None:
    body = bytes(response.body)
    if len(body) <= LARGEST_BYTES:
        await kept.keep(tenant, key, attempt.answer(response, body))


async def _again(request: Request, attempt: Attempt, first: Answer, most_bytes: int) -> Response:
    """The first answer, once the request has shown to be the same."""
    size = 0
    most_bytes += attempt.beside_bytes
    async for chunk in request.stream():
        size += len(chunk)
        if size > most_bytes:
            raise PayloadTooLarge(
                f"a body of more than {most_bytes:,} bytes", "the one sent first", "send that one"
            )
        attempt.received(chunk)
    attempt.end()
    if attempt.fingerprint != first.request:
        raise IdempotencyMismatch(
            "another request with an Idempotency-Key that was used before",
            "the request that was sent with it first",
            "give each request a key of its own",
        )
    return Response(first.body, first.status, {**first.headers, REPLAYED: "true"})


def _heard(request: Request, attempt: Attempt) -> Receive:
    async def receive() -> Message:
        message = await request.receive()
        if message["type"] == "http.request":
            attempt.received(message.get("body", b""))
        return message

    return receive


def _key(given: str) -> str:
    """The key, as the draft's quoted string or bare, as most clients send it.

    Raises:
        InvalidParameter: it is neither.
    """
    is_quoted = len(given) >= 2 and given[0] == given[-1] == '"'
    key = given[1:-1] if is_quoted else given
    if not _KEY.fullmatch(key):
        raise InvalidParameter(
            f"Idempotency-Key {shown(given)}",
            "1 to 255 visible ASCII characters without spaces, such as a UUID",
            "send such a key, another one for each request",
        )
    return key
