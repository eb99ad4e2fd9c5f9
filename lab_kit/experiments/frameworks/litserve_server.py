"""The model behind LitServe: a worker process per core, requests gathered into batches.

LitServe's main process starts HTTP processes and workers, and queues lie between them. A worker
takes requests until it has ``max_batch``, or until ``window_s`` after the first of them; then it
computes them together, and all are answered when the last is done.
"""

import base64
import os
import signal
from functools import partial
from typing import Any

import litserve

from lab_kit.audio.pcm import to_float
from lab_kit.core.child_process import HOST
from lab_kit.experiments.frameworks.decoding import open_model, transcribe_together
from lab_kit.models.device import choose_device

_UNUSED_PORT = 65_535
"""LitServe wants a port and looks at its range; the socket that was handed over has another."""
_LAST_ANSWERS_S = 1
"""LitServe would give open connections 30 s to end; those of a server that is stopped are idle."""


class SpeechApi(litserve.LitAPI):  # type: ignore[misc]  # the package is not typed
    """What LitServe calls: ``decode_request`` in the HTTP process, the rest in a worker."""

    def setup(self, device: str) -> None:
        """Load the model, in each worker."""
        self.model = open_model()

    def decode_request(self, request: dict[str, str]) -> bytes:
        """The request's PCM16."""
        return base64.b64decode(request["audio"])

    def predict(self, pcm: bytes | list[bytes]) -> str | list[str]:
        """One request's text, or, where LitServe gathers batches, those of all in one."""
        if isinstance(pcm, list):
            return transcribe_together(self.model, [to_float(p, "linear16") for p in pcm])
        return transcribe_together(self.model, [to_float(pcm, "linear16")])[0]

    def encode_response(self, output: str) -> dict[str, str]:
        """The answer's JSON."""
        return {"text": output}


def serve(listener_descriptor: int, max_batch: int, window_s: float) -> None:
    """Serve on a socket that listens; returns when told to stop."""
    interrupt = partial(_interrupt_once, os.getpid())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    api = SpeechApi(max_batch_size=max_batch, batch_timeout=window_s)
    workers = choose_device().workers
    # one device in LitServe's eyes; where the model runs is decided as everywhere in the lab
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers)
    server.uvicorn_graceful_timeout = _LAST_ANSWERS_S
    options: dict[str, Any] = {"fd": listener_descriptor, "access_log": False}
    server.run(host=HOST, port=_UNUSED_PORT, generate_client_file=False, **options)


def _interrupt_once(main: int, *_: object) -> None:
    """Begin to stop, and let nothing interrupt that.

    LitServe's main process ends the others when it is interrupted, and would leave them behind if
    it were terminated, or interrupted again meanwhile. The others inherit this handler.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt if os.getpid() == main else SystemExit
