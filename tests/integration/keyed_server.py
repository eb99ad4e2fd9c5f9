"""``lab serve`` and ``lab keys`` as processes of their own, with a folder that outlives them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hang import HANG_S
from server_process import OPERATOR_KEY, refuse_nobody

from lab_kit.client import Operator, ServerAddress

PEPPER = "5a" * 32
AUDIT_KEY = "a5" * 32
SUBJECT_KEY = "55" * 32


@dataclass(frozen=True)
class KeyedServer:
    """A running one.

    Attributes:
        log: what it wrote, both its streams.
        tls, grpc_tls: where it speaks TLS; empty where it does not.
    """

    url: str
    grpc: str
    process: "subprocess.Popen[bytes]"
    log: Path
    tls: str = ""
    grpc_tls: str = ""

    @property
    def operator(self) -> Operator:
        return Operator(self.url, OPERATOR_KEY)

    def address(self, key: str | None) -> ServerAddress:
        return ServerAddress(self.url, key, self.grpc)


def lab(
    *arguments: str, pepper: str = PEPPER, environ: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """One command, whatever becomes of it."""
    return subprocess.run(
        [sys.executable, "-m", "lab_kit.cli", *arguments],
        env={
            **os.environ,
            "LAB_KEY_PEPPER": pepper,
            "LAB_AUDIT_KEY": AUDIT_KEY,
            "LAB_SUBJECT_KEY": SUBJECT_KEY,
            **(environ or {}),
        },
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


@contextmanager
def keyed_server(
    folder: Path, *options: str, environ: Mapping[str, str] | None = None
) -> Iterator[KeyedServer]:
    """A server that keeps its keys in ``folder / state``."""
    log = folder / "log"
    command = [sys.executable, "-m", "lab_kit.cli", "serve", "--port", "0", "--ready-json"]
    command += ["--with-parent", "--state", str(folder / "state"), "--operator-key", OPERATOR_KEY]
    command += ["--repository", str(folder / "repository"), *options]
    with log.open("ab") as told:
        process = subprocess.Popen(
            command,
            env={
                **os.environ,
                "LAB_KEY_PEPPER": PEPPER,
                "LAB_AUDIT_KEY": AUDIT_KEY,
                "LAB_SUBJECT_KEY": SUBJECT_KEY,
                **(environ or {}),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=told,
        )
    try:
        ready = _ready(process)
        encrypted = ready.get("tls", ""), ready.get("grpc_tls", "")
        server = KeyedServer(ready["url"], ready["grpc"], process, log, *encrypted)
        refuse_nobody(server.url, {"authorization": f"Token {OPERATOR_KEY}"})
        yield server
    finally:
        process.terminate()
        process.wait(HANG_S)


def _ready(process: "subprocess.Popen[bytes]") -> dict[str, str]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(b"{"):
            found: dict[str, str] = json.loads(line)
            return found
    raise AssertionError("the server ended before it was ready")
