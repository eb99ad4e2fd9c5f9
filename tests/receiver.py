"""Somebody who is told: an HTTP server on this machine that keeps what it gets."""

import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Got:
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """The server; a context manager.

    Attributes:
        answers: status and headers of the next answers, then 204.
        files: what is there to be fetched, by its path.
        holds: no request is answered while it is clear.
    """

    def __init__(self) -> None:
        self.requests: list[Got] = []
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.files: dict[str, bytes] = {}
        self.holds = threading.Event()
        self.holds.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                told = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append(Got(self.path, told, body))
                receiver.holds.wait()
                status, headers = receiver.answers.popleft() if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                receiver.requests.append(Got(self.path, dict(self.headers), b""))
                receiver.holds.wait()
                file = receiver.files.get(self.path)
                self.send_response(404 if file is None else 200)
                self.send_header("content-length", str(len(file or b"")))
                self.end_headers()
                self.wfile.write(file or b"")

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/told"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.holds.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
