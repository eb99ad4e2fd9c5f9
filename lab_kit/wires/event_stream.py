"""An upload whose answer comes as server-sent events: one request, lines back as they come."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from lab_kit.core.errors import ConnectionFailed, Unauthenticated

_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class StampedLine:
    """A line and when it arrived, on this process's monotonic clock."""

    text: str
    received_ns: int


@dataclass(slots=True)
class EventUpload:
    """One request.

    Attributes:
        began_ns, connected_ns: when connecting began, and when there was a connection.
    """

    url: str
    headers: Mapping[str, str]
    began_ns: int = 0
    connected_ns: int = 0
    _client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False)

    async def lines(
        self, form: Mapping[str, str], file: tuple[str, bytes, str]
    ) -> AsyncIterator[StampedLine]:
        """Send the form and iterate over the answer's lines.

        Raises:
            Unauthenticated, ConnectionFailed: refused, or nobody listens.
        """
        try:
            async with (
                self._client,
                self._client.stream(
                    "POST",
                    self.url,
                    headers=dict(self.headers),
                    data=dict(form),
                    files={"file": file},
                    extensions={"trace": self._stamp},
                ) as response,
            ):
                if response.status_code != 200:
                    await response.aread()
                    raise _refused(response)
                async for line in response.aiter_lines():
                    yield StampedLine(line, time.perf_counter_ns())
        except httpx.HTTPError as error:
            raise ConnectionFailed(
                f"the upload to {self.url} broke ({error or type(error).__name__})",
                "an answer to its end",
                "start the server, or check the address",
            ) from error

    async def _stamp(self, name: str, _: dict[str, Any]) -> None:
        if name == "connection.connect_tcp.started":
            self.began_ns = time.perf_counter_ns()
        elif name == "connection.connect_tcp.complete":
            self.connected_ns = time.perf_counter_ns()


def _refused(response: httpx.Response) -> ConnectionFailed | Unauthenticated:
    kind = Unauthenticated if response.status_code == 401 else ConnectionFailed
    return kind(
        f"the server refused with {response.status_code}: {response.text[:300]}",
        "200",
        "change what the reason names and upload again",
    )
