"""The bare model behind the Open Inference Protocol: audio in, text out, nothing in between.

One pool of connections for all requests, and no exchange but the request itself, so that it can
be made many times a second.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import httpx

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import (
    ConnectionFailed,
    InvalidMessage,
    InvalidParameter,
    LabError,
    ModelNotFound,
    SystemOverloaded,
    Unauthenticated,
)
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip
from lab_kit.dialects.open_inference import client as dialect
from lab_kit.dialects.open_inference.json_form import HEADER_LENGTH
from lab_kit.dialects.open_inference.messages import InferResponse, Parameter
from lab_kit.dialects.open_inference.options import URGENT

DEFAULT_MODEL = "moonshine-tiny-en"
_TIMEOUT_S = 120.0
_COUNTS = ("queue_ns", "compute_ns", "steps", "drafted", "accepted", "reused", "preempted")
_REFUSALS: dict[int, type[LabError]] = {
    401: Unauthenticated,
    404: ModelNotFound,
    503: SystemOverloaded,
}


@dataclass(frozen=True, slots=True)
class InferCall:
    """One inference, from the caller's side.

    Attributes:
        first_byte_ns: when the response's headers had arrived.
        version: which version of the model answered.
        queue_ns, compute_ns: what the server says the request waited and was worked on.
        tokens: the answer as the model gave it; the draft for asking about similar audio.
        steps: passes of the decoder that it took part in.
        drafted, accepted: tokens that were offered to the model, and those that it agreed with.
        reused: positions of its context that were in the decoder's cache already.
        preempted: times that it lost its place in the cache and started again.
    """

    text: str
    audio_s: float
    sent_ns: int
    first_byte_ns: int
    received_ns: int
    version: str
    queue_ns: int
    compute_ns: int
    tokens: tuple[int, ...] = ()
    steps: int = 0
    drafted: int = 0
    accepted: int = 0
    reused: int = 0
    preempted: int = 0

    @property
    def total_s(self) -> float:
        """From the request's first byte out to the response's last byte in."""
        return (self.received_ns - self.sent_ns) / 1e9


class Inference:
    """A caller of one model; an asynchronous context manager.

    Args:
        url: the server, such as ``http://127.0.0.1:8300``.
        version: ask for this version; None leaves the choice to the server.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        model: str = DEFAULT_MODEL,
        version: str | None = None,
    ) -> None:
        self._path = f"/v2/models/{model}" + (f"/versions/{version}" if version else "") + "/infer"
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={} if key is None else {"authorization": f"Bearer {key}"},
            timeout=_TIMEOUT_S,
            # a pool with an end would make requests wait here, and hide that the server is slow
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def transcribe(
        self,
        clip: Clip,
        *,
        urgent: bool = False,
        draft: Sequence[int] = (),
        context: str = "",
    ) -> InferCall:
        """Have a clip transcribed; see `infer`."""
        return await self.infer(
            clip.samples, clip.sample_rate_hz, urgent=urgent, draft=draft, context=context
        )

    async def infer(
        self,
        audio: FloatArray,
        rate_hz: int = SAMPLE_RATE_HZ,
        *,
        urgent: bool = False,
        draft: Sequence[int] = (),
        context: str = "",
    ) -> InferCall:
        """Run the model once on (samples,) float32 in [-1, 1].

        Args:
            urgent: go before other requests, as a live stream's final does.
            draft: tokens that the answer probably begins with; they are checked in one pass.
            context: words that steer the model, if it is one that takes such a prompt.

        Raises:
            Unauthenticated, ModelNotFound, SystemOverloaded: the server refused for that reason.
            ConnectionFailed: it cannot be reached, or refused for another.
            InvalidMessage: what answered is no such server.
        """
        parameters: dict[str, Parameter] = {}
        if urgent:
            parameters["priority"] = URGENT
        if draft:
            parameters["draft"] = " ".join(map(str, draft))
        if context:
            parameters["context"] = context
        body = dialect.encode_request(dialect.speech_request(audio, rate_hz, parameters))
        sent_ns = time.perf_counter_ns()
        try:
            request = self._http.stream(
                "POST", self._path, content=body.content, headers=body.headers
            )
            async with request as response:
                first_byte_ns = time.perf_counter_ns()
                await response.aread()
        except httpx.HTTPError as error:
            raise ConnectionFailed(
                f"no answer from {self._http.base_url} ({error or type(error).__name__})",
                "a server that listens there",
                "start it with lab serve, or pass the address that it printed",
            ) from error
        received_ns = time.perf_counter_ns()
        answer = _read(response)
        return InferCall(
            text=dialect.read_transcript(answer),
            audio_s=len(audio) / rate_hz,
            sent_ns=sent_ns,
            first_byte_ns=first_byte_ns,
            received_ns=received_ns,
            version=answer.model_version,
            tokens=tuple(int(token) for token in str(answer.parameters.get("tokens", "")).split()),
            **{name: int(answer.parameters.get(name, 0)) for name in _COUNTS},
        )


def _read(response: httpx.Response) -> InferResponse:
    if response.status_code != 200:
        raise _REFUSALS.get(response.status_code, ConnectionFailed)(
            f"the server refused with {response.status_code}: {response.text[:300]}",
            "200",
            "change what the reason names" if response.status_code < 500 else "try again later",
        )
    try:
        header = response.headers.get(HEADER_LENGTH)
        return dialect.parse_response(response.content, header)
    except InvalidParameter as error:
        raise InvalidMessage(
            error.received,
            "an answer of the Open Inference Protocol",
            "pass the url of a server that speaks it",
        ) from error
