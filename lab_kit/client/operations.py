"""The client of operations: a recording of any length is handed over, and its text is read later.

What may be sent again is: reads as they are, a recording under an idempotency key that is made for
it, so that it is transcribed once however often it had to be sent.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from lab_kit.client.requests import read_as, refused, unreachable
from lab_kit.client.retries import Retries
from lab_kit.core.errors import LabError
from lab_kit.protocol.error_body import ErrorEnvelope
from lab_kit.protocol.operations import (
    LONGEST_WAIT_S,
    OPERATIONS_PATH,
    Operation,
    OperationList,
)
from lab_kit.protocol.transcriptions import (
    TRANSCRIPTIONS_PATH,
    USUAL_TTL_S,
    TextFormat,
    Transcription,
)

_TIMEOUT_S = 60.0
"""Of one read or write; longer than a ``:wait`` is held."""
_PIECE_BYTES = 2**18
_T = TypeVar("_T")


class Operations:
    """The caller's operations on a server.

    Every method raises `ConnectionFailed` where the server cannot be reached, and the server's own
    error where it refuses, after trying again where that can help.

    Args:
        url: such as ``http://127.0.0.1:8300``.
        retries: how requests are tried again; by default as `Retries` says, one budget for all.
    """

    def __init__(self, url: str, key: str | None = None, retries: Retries | None = None) -> None:
        self._url = url
        self._headers = {} if key is None else {"Authorization": f"Token {key}"}
        self._retries = retries or Retries()

    async def transcribe(
        self,
        recording: Path | bytes,
        content_type: str = "application/octet-stream",
        *,
        ttl_s: float = USUAL_TTL_S,
        steps: tuple[str, ...] = (),
        model: str | None = None,
        idempotency_key: str | None = None,
        subject: str | None = None,
    ) -> Operation:
        """Hand a recording over.

        Args:
            recording: a WAV, FLAC or OGG file, which is never whole in memory, or its bytes; or
                PCM16 with ``audio/l16;rate=N`` as content type.
            ttl_s: how long the result is kept.
            steps: optional steps that every result passes, such as ``redact``.
            model: by its name, one of its versions as ``NAME@3``, or ``production``; None leaves it
                to the server.
            idempotency_key: names the request where it may be sent again by another process; by
                default one is made for this call.
            subject: whom the sound is about, by a name of the caller's; None for the tenant itself.

        Raises:
            OSError: the file cannot be read.
        """
        headers = {
            "content-type": content_type,
            "idempotency-key": idempotency_key or str(uuid4()),
        }
        if subject is not None:
            headers["x-subject"] = subject
        query = {"ttl_s": f"{ttl_s:g}", **dict.fromkeys(steps, "true")}
        if model is not None:
            query["model"] = model

        async def send() -> Operation:
            content = recording if isinstance(recording, bytes) else _pieces(recording)
            return read_as(
                Operation,
                await self._answer(
                    "POST", TRANSCRIPTIONS_PATH, content=content, params=query, headers=headers
                ),
            )

        return await self._retries.run(send)

    async def get(self, name: str) -> Operation:
        """How far one is; ``name`` as in `Operation.name`."""
        return await self._read(Operation, "GET", f"/v1/{name}")

    async def all(self, filter: str = "", order_by: str = "") -> AsyncIterator[Operation]:
        """All of the caller's, page by page; see ``GET /v1/operations`` for what may be asked."""
        token = ""
        while True:
            query = {"filter": filter, "order_by": order_by, "page_token": token}
            page = await self._read(OperationList, "GET", OPERATIONS_PATH, params=query)
            for operation in page.operations:
                yield operation
            token = page.next_page_token
            if not token:
                return

    async def wait(self, name: str, timeout_s: float) -> Operation:
        """The operation once it has ended, or after ``timeout_s`` as it is then."""
        until_s = asyncio.get_running_loop().time() + timeout_s
        while True:
            left_s = max(0.0, until_s - asyncio.get_running_loop().time())
            query = {"timeout_s": f"{min(left_s, LONGEST_WAIT_S):.3f}"}
            operation = await self._read(Operation, "POST", f"/v1/{name}:wait", params=query)
            if operation.done or left_s <= LONGEST_WAIT_S:
                return operation

    async def cancel(self, name: str) -> Operation:
        """End one without a result; one that has ended stays as it is."""
        return await self._read(Operation, "POST", f"/v1/{name}:cancel")

    async def delete(self, name: str) -> None:
        """Forget an operation that has ended, or remove every word of a transcription."""
        await self._retries.run(lambda: self._answer("DELETE", f"/v1/{name}"))

    async def result(self, operation: Operation) -> Transcription:
        """What came of one that has succeeded.

        Raises:
            OperationCancelled: it was.
            LabError: it failed: its own error.
            OperationPending: it has not ended.
        """
        if operation.error is not None:
            told = operation.error
            raise ErrorEnvelope(error=told).raised() or LabError(
                told.received, told.expected, told.next_step, told.retry_after_s, told.details
            )
        name = operation.name.replace("operations/", "transcriptions/")
        return await self._read(Transcription, "GET", f"/v1/{name}")

    async def text(self, transcription: str, form: TextFormat = TextFormat.TEXT) -> str:
        """A transcription as text or captions, by its name."""
        path, query = f"/v1/{transcription}", {"format": form.value}
        answer = await self._retries.run(lambda: self._answer("GET", path, params=query))
        return answer.decode()

    async def _read(self, kind: type[_T], method: str, path: str, **more: Any) -> _T:
        return read_as(kind, await self._retries.run(lambda: self._answer(method, path, **more)))

    async def _answer(
        self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> bytes:
        async with httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=_TIMEOUT_S, trust_env=False
        ) as client:
            try:
                answer = await client.request(method, path, headers=headers, **more)
            except httpx.HTTPError as error:
                raise unreachable(self._url, error) from error
        if not answer.is_success:
            raise refused(answer)
        return answer.content


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(file.open, "rb") as source:
        while piece := await asyncio.to_thread(source.read, _PIECE_BYTES):
            yield piece
