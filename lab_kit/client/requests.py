"""One request, one answer: a recording transcribed whole; and the comparison of clocks."""

import time
from dataclasses import asdict
from typing import TypeVar

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from pydantic import TypeAdapter, ValidationError

from lab_kit.core.call_record import RequestCall
from lab_kit.core.clock import ClockOffset, ClockProbe, best_offset
from lab_kit.core.errors import (
    ConnectionFailed,
    InvalidMessage,
    LabError,
    SystemOverloaded,
    Unauthenticated,
)
from lab_kit.core.events import TimedWord
from lab_kit.protocol.error_body import ErrorEnvelope
from lab_kit.protocol.health import Alive
from lab_kit.protocol.recordings import LINES, TRANSCRIBE_PATH, Transcript

PROBES = 8
"""The fastest of a few exchanges bounds the clock error; more hardly improve it on one machine."""
_TIMEOUT_S = 120.0
_JSON = "application/json"
_OPEN_METRICS = "application/openmetrics-text"
_KINDS: dict[int, type[LabError]] = {401: Unauthenticated, 503: SystemOverloaded}
_T = TypeVar("_T")


def _client(url: str, key: str | None) -> httpx.AsyncClient:
    headers = {} if key is None else {"Authorization": f"Token {key}"}
    # a machine's proxy settings must not get between a notebook and its own server
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=False)


async def probe_clock(url: str, key: str | None = None) -> ClockOffset:
    """How the server's monotonic clock relates to ours.

    Raises:
        ConnectionFailed: the server cannot be reached.
    """
    async with _client(url, key) as client:
        return best_offset([await _probe(client) for _ in range(PROBES)])


async def transcribe(
    url: str,
    audio: bytes,
    content_type: str,
    name: str,
    *,
    key: str | None = None,
    streamed: bool = False,
    model: str | None = None,
) -> RequestCall:
    """Have a recording transcribed in one request.

    Args:
        audio: a WAV, FLAC or OGG file, or PCM16 with ``audio/l16;rate=N`` as content type.
        name: for titles.
        streamed: ask for each segment when it is done, rather than for everything at the end.
        model: by its name, one of its versions as ``NAME@3``, or ``production``; None leaves it to
            the server.

    Raises:
        ConnectionFailed: the server cannot be reached, or does not speak as ours does.
        LabError: it refused the request, with the error that it gave.
    """
    async with _client(url, key) as client:
        clock = best_offset([await _probe(client) for _ in range(PROBES)])
        sent_ns = time.perf_counter_ns()
        try:
            request = client.stream(
                "POST",
                TRANSCRIBE_PATH,
                params={} if model is None else {"model": model},
                content=audio,
                headers={"content-type": content_type, "accept": LINES if streamed else _JSON},
            )
            async with request as response:
                first_byte_ns = time.perf_counter_ns()
                await response.aread()
        except httpx.HTTPError as error:
            raise unreachable(url, error) from error
        received_ns = time.perf_counter_ns()
    if response.status_code != 200:
        raise refused(response)
    answer = _transcript(response.content)
    return RequestCall(
        name=name,
        text=answer.text,
        audio_s=answer.audio_s,
        sent_ns=sent_ns,
        first_byte_ns=first_byte_ns,
        received_ns=received_ns,
        remote_ns=asdict(answer.stages_ns),
        clock=clock,
        device=answer.device,
        version=answer.version,
        words=tuple(
            TimedWord(word.text, word.start_s, word.end_s, word.confidence)
            for segment in answer.segments
            for word in segment.words
        ),
    )


async def exemplars(url: str, metric: str) -> dict[str, float]:
    """Traces that a histogram's buckets point to, with the value that each was seen at.

    Raises:
        ConnectionFailed: the server cannot be reached.
    """
    async with _client(url, None) as client:
        try:
            answer = await client.get("/metrics", headers={"accept": _OPEN_METRICS})
        except httpx.HTTPError as error:
            raise unreachable(url, error) from error
    families = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    samples = (sample for family in families if family.name == metric for sample in family.samples)
    return {
        sample.exemplar.labels["trace_id"]: sample.exemplar.value
        for sample in samples
        if sample.exemplar is not None
    }


async def _probe(client: httpx.AsyncClient) -> ClockProbe:
    sent_ns = time.perf_counter_ns()
    try:
        answer = await client.get("/healthz")
    except httpx.HTTPError as error:
        raise unreachable(str(client.base_url), error) from error
    received_ns = time.perf_counter_ns()
    told = read_as(Alive, answer.content)
    return ClockProbe(sent_ns, told.received_ns, told.sent_ns, received_ns)


def read_as(kind: type[_T], body: bytes | str) -> _T:
    """An answer's body as a message of our own API.

    Raises:
        InvalidMessage: it is none of that kind.
    """
    try:
        return TypeAdapter(kind).validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise InvalidMessage(
            f"an answer that is not as lab serve gives it ({place}: {first['msg']})",
            f"{kind.__name__} of its own API",
            "check the address, and that lab serve of this version listens there",
        ) from error


def _transcript(body: bytes) -> Transcript:
    """The answer, which is the last line where it came in lines; that may be an error instead."""
    last = body.rstrip(b"\n").rpartition(b"\n")[2]
    try:
        failed = ErrorEnvelope.model_validate_json(last)
    except ValidationError:
        return read_as(Transcript, last)
    raise failed.raised() or ConnectionFailed(
        f"the server gave up: {failed.error.message}",
        "every segment",
        "try again later" if failed.error.retryable else "change what the reason names",
    )


def unreachable(url: str, error: Exception) -> ConnectionFailed:
    """The error for a server that did not answer."""
    return ConnectionFailed(
        f"no answer from {url} ({error or type(error).__name__})",
        "a server that listens there",
        "start it with lab serve, or pass the address that it printed",
    )


def refused(response: httpx.Response) -> LabError:
    """The error for an answer that is a refusal: the server's own, where it is in our envelope."""
    try:
        told = ErrorEnvelope.model_validate_json(response.content).raised()
    except ValidationError:  # a proxy's words, or another server's
        told = None
    if told is not None:
        return told
    kind = _KINDS.get(response.status_code, ConnectionFailed)
    return kind(
        f"the server refused with {response.status_code}: {response.text[:300]}",
        "an answer with status 200",
        "change what the reason names" if response.status_code < 500 else "try again later",
    )
