"""A session's connection as posts upwards and server-sent events down."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

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


class EventsLine:
    """The open answer whose events come down, and the client that posts."""

    def __init__(self, http: httpx.AsyncClient, path: str, answer: httpx.Response) -> None:
        self._http = http
        self._path = path
        self._answer = answer

    async def send(self, message: bytes | str, number: int) -> int:
        """Post one, by its number: posts may overtake each other, or come twice."""
        sent_ns = time.perf_counter_ns()
        sound = isinstance(message, bytes)
        body = (
            message if sound else CommandMessage.model_validate({"type": message}).model_dump_json()
        )
        kind = "application/octet-stream" if sound else "application/json"
        with _named(self._path):
            answer = await self._http.post(
                f"{self._path}/messages",
                params={"number": number},
                content=body,
                headers={"content-type": kind},
            )
        _check(answer, answer.content)
        return sent_ns

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

    @asynccontextmanager
    async def open(self, asked: StreamRequest | Resume) -> AsyncIterator[EventsLine]:
        """Begin a session, unless there is one, and read its events."""
        key = self._address.key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # a machine's proxy settings must not get between a notebook and its own server
        async with httpx.AsyncClient(
            base_url=self._address.url, headers=headers, timeout=_TIMEOUT_S, trust_env=False
        ) as http:
            resume = asked if isinstance(asked, Resume) else await _begun(http, asked)
            path = f"{STREAMS_PATH}/{resume.session}"
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


async def _begun(http: httpx.AsyncClient, asked: StreamRequest) -> Resume:
    with _named(STREAMS_PATH):
        answer = await http.post(STREAMS_PATH, json=asked.model_dump(mode="json"))
    _check(answer, answer.content)
    return Resume(session=SessionOpened.model_validate_json(answer.content).session)


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
