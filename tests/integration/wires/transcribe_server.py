"""A server that Amazon's SDK can be pointed at: with TLS, by an authority of its own, and a log."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from amazon_transcribe.auth import StaticCredentialResolver
from amazon_transcribe.client import TranscribeStreamingClient
from amazon_transcribe.endpoints import StaticEndpointResolver
from amazon_transcribe.model import StartStreamTranscriptionEventStream, TranscriptEvent
from hang import HANG_S
from server_process import OPERATOR_KEY, refuse_nobody

KEY = "an/access+key"
CHUNK_BYTES = 3_200
ASKED: dict[str, Any] = {
    "language_code": "en-US",
    "media_sample_rate_hz": 16_000,
    "media_encoding": "pcm",
}


@dataclass(frozen=True, slots=True)
class TlsServer:
    """A server process that speaks TLS, too.

    Attributes:
        tls: its address, such as ``https://127.0.0.1:8443``.
        ca: the certificate that its clients have to trust.
    """

    url: str
    tls: str
    grpc: str
    ca: Path
    log: Path
    process: "subprocess.Popen[str]"

    @property
    def port(self) -> int:
        """Of TLS."""
        port = urlsplit(self.tls).port
        assert port is not None
        return port

    def stop(self) -> None:
        """Tell it to stop."""
        self.process.send_signal(signal.SIGTERM)


@contextmanager
def tls_server(folder: Path, *options: str, key: str | None = KEY) -> Iterator[TlsServer]:
    """Start one, at full service however slow it is; stopped at the end."""
    own = {"LAB_AUTHORITY": str(folder / "authority"), "LAB_OPERATOR_KEY": OPERATOR_KEY}
    own["LAB_REPOSITORY"] = str(folder / "versions")
    keys = [] if key is None else ["--key", key]
    command = [sys.executable, "-m", "lab_kit.cli", "serve", *keys, *options]
    command += ["--port", "0", "--tls-port", "0", "--ready-json", "--with-parent"]
    log = folder / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | own,
        )
    assert process.stdout is not None
    lines = (line for line in process.stdout if line.startswith("{"))
    try:
        ready = json.loads(next(lines, "{}"))
        assert ready, log.read_text("utf-8")
        refuse_nobody(ready["url"], {"authorization": f"Token {OPERATOR_KEY}"})
        ca = folder / "authority" / "ca.pem"
        yield TlsServer(ready["url"], ready["tls"], ready["grpc"], ca, log, process)
    finally:
        process.terminate()
        process.communicate(timeout=HANG_S)


def sdk(server: TlsServer, key: str = KEY, secret: str | None = None) -> TranscribeStreamingClient:
    """The provider's own client, unmodified; ``SSL_CERT_FILE`` has to name ``server.ca``."""
    return TranscribeStreamingClient(
        region="us-east-1",
        endpoint_resolver=StaticEndpointResolver(server.tls.replace("127.0.0.1", "localhost")),
        credential_resolver=StaticCredentialResolver(key, key if secret is None else secret),
    )


async def send(stream: StartStreamTranscriptionEventStream, data: bytes) -> None:
    """Sound, as fast as it goes."""
    for start in range(0, len(data), CHUNK_BYTES):
        chunk = data[start : start + CHUNK_BYTES]
        await stream.input_stream.send_audio_event(audio_chunk=chunk)


async def results(stream: StartStreamTranscriptionEventStream) -> list[Any]:
    """All of them, to the end of the stream.

    Raises:
        ServiceException: the stream ends with one.
    """
    heard: list[Any] = []
    await hear(stream, heard)
    return heard


async def hear(stream: StartStreamTranscriptionEventStream, heard: list[Any]) -> None:
    """Put results into ``heard`` as they come.

    Raises:
        ServiceException: the stream ends with one.
    """
    async for event in stream.output_stream:
        assert isinstance(event, TranscriptEvent)
        heard += event.transcript.results


def transcript(heard: list[Any]) -> str:
    """The text of the complete results."""
    return " ".join(one.alternatives[0].transcript for one in heard if not one.is_partial)
