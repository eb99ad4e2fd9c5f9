"""Refusals: every kind that the code knows, and six that a real server was made to give."""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
import numpy as np
import soundfile

from lab_kit.client.requests import refused
from lab_kit.core import errors
from lab_kit.core.errors import ConnectionFailed, LabError
from lab_kit.core.table import Table
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.experiments.api.asking import server_at
from lab_kit.experiments.api.small_server import PLACES
from lab_kit.experiments.api.ways import PCM, Target
from lab_kit.protocol.error_body import ErrorBody, ErrorEnvelope
from lab_kit.protocol.recordings import TRANSCRIBE_PATH
from lab_kit.protocol.transcriptions import TRANSCRIPTIONS_PATH

_SHORTEST_WAIT_S = 0.001
"""As a caller's patience: over before anything is begun."""
_CLAIM_S = 0.2
"""Until a request that declares much and sends nothing has what it declared."""
_TOO_LONG_S = 601.0
"""A second more than one request may have; silence, which FLAC writes in a few bytes."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One answer of a server that will not.

    Attributes:
        asked: what was asked for, in a phrase.
        retry_after: the header; None without one.
    """

    asked: str
    status: int
    retry_after: str | None
    error: ErrorBody


def kinds() -> list[type[LabError]]:
    """Every kind of error that a server answers with, by its status, then its reason."""
    found, rest = [], [LabError]
    while rest:
        kind = rest.pop()
        rest += kind.__subclasses__()
        if kind.__module__ == errors.__name__ and "http_status" in vars(kind):
            found.append(kind)
    return sorted(found, key=lambda kind: (kind.http_status, kind.reason))


def kinds_table() -> Table:
    """The code's own list of errors; nothing of it was typed for a lab."""
    head = ("reason", "canonical code", "HTTP status", "send the same again?")
    rows = [
        (kind.reason, kind.code.value, str(kind.http_status), "yes" if kind.retryable else "no")
        for kind in kinds()
    ]
    return Table("error", head, rows, left=2)


def misled_by_status() -> list[str]:
    """Reasons that a client gets wrong which tries again after 5xx and after nothing else."""
    return [kind.reason for kind in kinds() if kind.retryable != (kind.http_status >= 500)]


def refusals_table(refusals: Mapping[str, Refusal]) -> Table:
    """What a client sees of each, but for whether it may try again."""
    head = ("", "asked for", "status", "Retry-After", "reason", "next step")
    rows = [
        (name, r.asked, str(r.status), r.retry_after or "-", r.error.reason, r.error.next_step)
        for name, r in refusals.items()
    ]
    return Table("answer", head, rows, left=6)


async def six_refusals(
    target: Target, small: Target, sound: bytes, pcm: bytes
) -> dict[str, Refusal]:
    """Ask for six things that are refused.

    Args:
        small: a server with the limits that `limits_for` has for ``sound``.
        pcm: 16 bit at 16 kHz, long enough not to be done at once.

    Raises:
        ConnectionFailed: a server did what it should have refused.
    """
    async with server_at(target) as server, server_at(small) as tight:
        operation = await _begun(server, pcm)
        pending = await _refusal(server, "forget an operation that runs", "DELETE", operation)
        noise = bytes(range(256)) * 16
        unread = await _refusal(server, "transcribe a file of no format", sound=noise)
        first = await _begun(tight, pcm)
        second = await _refusal(tight, "a second operation", path=TRANSCRIPTIONS_PATH, sound=pcm)
        await tight.post(f"{first}:cancel")
        await server.post(f"{operation}:cancel")
        silence = _silence(_TOO_LONG_S)
        long = await _refusal(server, f"transcribe {_TOO_LONG_S:.0f} s at once", sound=silence)
        async with all_room_taken(tight, sound):
            full = await _refusal(tight, "transcribe, of a server that is full", sound=_silence(2))
        late = await _refusal(
            server,
            "transcribe within a millisecond",
            sound=pcm,
            headers={"content-type": PCM, "x-request-timeout": f"{_SHORTEST_WAIT_S:g}"},
        )
    return dict(zip("ABCDEF", (pending, unread, second, long, full, late), strict=True))


async def _begun(server: httpx.AsyncClient, pcm: bytes) -> str:
    """The path of an operation that was just begun."""
    answer = await server.post(TRANSCRIPTIONS_PATH, content=pcm, headers={"content-type": PCM})
    if answer.status_code != 202:
        raise refused(answer)
    return answer.headers["location"]


async def _refusal(
    server: httpx.AsyncClient,
    asked: str,
    method: str = "POST",
    path: str = TRANSCRIBE_PATH,
    sound: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Refusal:
    kind = {"content-type": PCM} if path == TRANSCRIPTIONS_PATH else {}
    answer = await server.request(method, path, content=sound, headers={**kind, **(headers or {})})
    if answer.is_success:
        raise ConnectionFailed(
            f"{answer.status_code} for: {asked}", "a refusal", "run the cell again"
        )
    error = ErrorEnvelope.model_validate_json(answer.content).error
    return Refusal(asked, answer.status_code, answer.headers.get("retry-after"), error)


@asynccontextmanager
async def all_room_taken(server: httpx.AsyncClient, sound: bytes) -> AsyncIterator[None]:
    """Somebody declares as much as a small server has room for, and sends nothing of it."""
    url = server.base_url
    _, writer = await asyncio.open_connection(url.host, url.port)
    try:
        head = f"POST {TRANSCRIBE_PATH} HTTP/1.1\r\nhost: {url.netloc.decode()}\r\n"
        writer.write(f"{head}content-length: {PLACES * len(sound)}\r\n\r\n".encode())
        await writer.drain()
        await asyncio.sleep(_CLAIM_S)
        yield
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _silence(seconds: float) -> bytes:
    file = io.BytesIO()
    nothing = np.zeros(round(seconds * SAMPLE_RATE_HZ), np.int16)
    soundfile.write(file, nothing, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()
