"""A framework's server, from the caller's side: start it, ask it, stop it."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from lab_kit.core.child_process import Child
from lab_kit.core.errors import ConnectionFailed, InvalidParameter, SystemOverloaded
from lab_kit.datasets import Clip
from lab_kit.experiments.frameworks.framework import HEALTH_PATHS, PATHS, Framework

_MODULE = "lab_kit.experiments.frameworks.process"
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class FrameworkCall:
    """One request, from the caller's side."""

    text: str
    audio_s: float
    sent_ns: int
    received_ns: int


class FrameworkServer:
    """A running server.

    Attributes:
        url: its address.
        pid: its main process; LitServe's workers are that one's children.
    """

    def __init__(self, framework: Framework, child: Child, http: httpx.AsyncClient) -> None:
        self.framework = framework
        self.url = child.url
        self.pid = child.pid
        self._child = child
        self._http = http

    def log_tail(self) -> str:
        """The end of what it wrote."""
        return self._child.log_tail()

    async def transcribe(self, clip: Clip) -> FrameworkCall:
        """Have a clip transcribed.

        Raises:
            SystemOverloaded: it turned the request away, or let it wait too long.
            ConnectionFailed: it cannot be reached, or failed.
        """
        sent_ns = time.perf_counter_ns()
        try:
            response = await self._http.post(PATHS[self.framework], **self._body(clip))
        except httpx.HTTPError as error:
            raise ConnectionFailed(
                f"no answer from {self.url} ({error or type(error).__name__})",
                "a server that runs",
                "start it again with frameworks.start",
            ) from error
        received_ns = time.perf_counter_ns()
        if response.status_code != 200:
            kind = SystemOverloaded if response.status_code in (503, 504) else ConnectionFailed
            said = f"{response.status_code}: {response.text[:300]}"
            raise kind(f"the server answered {said}", "200", "read log_tail()")
        return FrameworkCall(response.json()["text"], clip.duration_s, sent_ns, received_ns)

    def _body(self, clip: Clip) -> dict[str, Any]:
        if self.framework is Framework.NAIVE:
            kind = f"audio/l16;rate={clip.sample_rate_hz}"
            return {"content": clip.pcm16, "headers": {"content-type": kind}}
        return {"json": {"audio": base64.b64encode(clip.pcm16).decode()}}


@asynccontextmanager
async def start(
    framework: str, *, max_batch: int | None = None, window_s: float | None = None
) -> AsyncIterator[FrameworkServer]:
    """Start a server; it is warm when the block begins, and gone when it has ended.

    Args:
        framework: ``naive`` or ``litserve``.
        max_batch, window_s: LitServe's batches: their cap, and how long the first of one waits.

    Raises:
        ServerFailed: it did not become ready; the end of its log is in the error.
        InvalidParameter: no such framework, or batches for one that has none.
    """
    chosen = _checked(framework, max_batch, window_s)
    batching = {"--max-batch": max_batch, "--window-s": window_s}
    options = [str(x) for pair in batching.items() if pair[1] is not None for x in pair]
    child = Child(_MODULE, [chosen, *options])
    try:
        await asyncio.to_thread(child.wait_until_ready, HEALTH_PATHS[chosen])
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=child.url, timeout=_TIMEOUT_S, limits=limits, trust_env=False
        ) as http:
            yield FrameworkServer(chosen, child, http)
    finally:
        child.stop()


def _checked(framework: str, max_batch: int | None, window_s: float | None) -> Framework:
    names = list(Framework)
    if framework not in names:
        raise InvalidParameter(
            f"framework {framework!r}", f"one of {', '.join(names)}", f"pass {names[0].value!r}"
        )
    if framework == Framework.NAIVE and (max_batch, window_s) != (None, None):
        raise InvalidParameter(
            "batches for the naive server", "none: it has none", "leave max_batch and window_s out"
        )
    if (max_batch is not None and max_batch < 1) or (window_s is not None and window_s < 0):
        raise InvalidParameter(
            f"max_batch {max_batch}, window_s {window_s}",
            "at least 1 and 0",
            "pass max_batch=1 or more and window_s=0 or more",
        )
    return Framework(framework)
