"""A session's connection as posts upwards and server-sent events down."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import httpx

from lab_kit.client.address import ServerAddress
from lab_kit.client.sessions.line import Heard
from lab_kit.client.sessions.socket import read
from lab_kit.core.errors import ConnectionFailed
from lab_kit.protocol.error_body import told_error
from lab_kit.protocol.stream_messages import (
    STREAMS_PATH,
    CommandMessage,
    Resume,
    SessionOpened,
    StreamRequest,
)

_TIMEOUT_S = 30.0
"""The server says something every ten seconds, if only a comment."""
_DATA = "data: "
_POST_AGAIN_S = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""A post whose connection was lost is posted again, after these times: the events go on meanwhile
over their own, so nobody else would notice. Its number lets it be taken once."""


class EventsLine:
    """The open answer whose events come down, and the client that posts."""

    def __init__(self, http: httpx.AsyncClient, path: str, answer: httpx.Response) -> None:
        self._http = http
        self._path = path
        self._answer = answer

    async def send(self, message: bytes | CommandMessage, number: int) -> int:
        """Post one, by its number: posts may overtake each other, or come twice."""
        sent_ns = time.perf_counter_ns()
        if isinstance(message, bytes):
            body: bytes | str = message
            kind = "application/octet-stream"
        else:
            body = message.model_dump_json(exclude_none=True)
            kind = "application/json"
        for wait_s in _POST_AGAIN_S:
            try:
                await self._post(body, kind, number)
            except ConnectionFailed:
                await asyncio.sleep(wait_s)
            else:
                return sent_ns
        await self._post(body, kind, number)
        return sent_ns

    async def _post(self, body: bytes | str, kind: str, number: int) -> None:
        with _named(self._path):
            answer = await self._http.post(
                f"{self._path}/messages",
                params={"number": number},
                content=body,
                headers={"content-type": kind},
            )
        _check(answer, answer.content)

    async def messages(self) -> AsyncIterator[Heard]:
        """Those of the server."""
        with _named(self._path):
            async for line in self._answer.aiter_lines():
                if line.startswith(_DATA):
                    yield Heard(read(line.removeprefix(_DATA)), time.perf_counter_ns())


class EventsLines:
    """Sessions of one server, by HTTP alone."""

    def __init__(self, address: ServerAddress) -> None:
        self._address = address
        self._http: httpx.AsyncClient | None = None
        self._at = ""

    def use(self, key: str) -> None:
        """Ask with another key from now on, what is open included: each post is a request."""
        self._address = replace(self._address, key=key)
        if self._http is not None:
            self._http.headers.update(_authorization(key))

    @asynccontextmanager
    async def open(self, asked: StreamRequest | Resume) -> AsyncIterator[EventsLine]:
        """Begin a session, unless there is one, and read its events."""
        # a machine's proxy settings must not get between a notebook and its own server
        async with httpx.AsyncClient(
            base_url=self._address.url,
            headers=_authorization(self._address.key),
            timeout=_TIMEOUT_S,
            trust_env=False,
        ) as http:
            self._http = http
            if isinstance(asked, Resume):
                resume = asked
            else:
                resume, self._at = await _begun(http, asked)
            path = f"{self._at}{STREAMS_PATH}/{resume.session}"
            with _named(path):
                request = http.build_request(
                    "GET", f"{path}/events", params={"after": resume.after}
                )
                answer = await http.send(request, stream=True)
            try:
                if answer.status_code != 200:
                    _check(answer, await answer.aread())
                yield EventsLine(http, path, answer)
            finally:
                await answer.aclose()


def _authorization(key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


async def _begun(http: httpx.AsyncClient, asked: StreamRequest) -> tuple[Resume, str]:
    """The session, and which of several processes has it: how its address begins, or nothing."""
    with _named(STREAMS_PATH):
        answer = await http.post(STREAMS_PATH, json=asked.model_dump(mode="json"))
    _check(answer, answer.content)
    at = answer.headers.get("location", "").partition(STREAMS_PATH)[0]
    return Resume(session=SessionOpened.model_validate_json(answer.content).session), at


def _check(answer: httpx.Response, body: bytes) -> None:
    """
    Raises:
        LabError: the request was refused.
    """
    if answer.is_success:
        return
    named = told_error(body)
    if named is not None:
        raise named
    raise ConnectionFailed(
        f"{answer.status_code} from {answer.url.path}: {body[:200]!r}", "success", "see the answer"
    )


@contextmanager
def _named(path: str) -> Iterator[None]:
    """What breaks a connection, as one kind of error."""
    try:
        yield
    except httpx.HTTPError as error:
        raise ConnectionFailed(
            f"{path}: {error or type(error).__name__}", "an answer", "connect again"
        ) from error
