"""What the routes share: the versions, the limits, the keys, the open streams."""

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Protocol

from lab_kit.errors import OperatorLocked, SystemOverloaded, Unauthenticated
from lab_kit.gateway.lease import Lease
from lab_kit.gateway.limits import Limits
from lab_kit.gateway.metrics import Metrics
from lab_kit.gateway.versions import Versions

OPERATOR_KEY_VARIABLE = "LAB_OPERATOR_KEY"


class OpenStream(Protocol):
    """A stream that the server can ask to come to its end."""

    def drain(self) -> None:
        """Finish: send what is owed, then close."""
        ...


@dataclass(slots=True)
class Serving:
    """The server's state.

    Attributes:
        preparation: decodes uploads and finds the speech in them, one at a time: on a few cores
            more at once would only slow down the engine, and with it the live streams.
        key: the only key that is accepted from callers; None accepts any, and none.
        operator_key: the only key that moves versions; None lets nobody.
        grpc_port: where gRPC is spoken, once it is.
    """

    limits: Limits
    versions: Versions
    metrics: Metrics
    key: str | None = None
    operator_key: str | None = None
    draining: bool = False
    grpc_port: int | None = None
    streams: set[OpenStream] = field(default_factory=set)
    preparation: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, "preparation"))

    @property
    def ready(self) -> bool:
        """Production loaded, a warm-up inference done, and not about to stop."""
        return self.versions.is_ready and not self.draining

    def lease(self, number: int | None = None) -> Lease:
        """A version for one stream or request; see `Versions.lease`."""
        return self.versions.lease(number)

    def check_key(self, authorization: str | None, subprotocols: list[str]) -> None:
        """Accept a request's key.

        Args:
            authorization: the header, with any scheme; a browser, which cannot set it, offers
                the scheme and the key as two subprotocols instead.

        Raises:
            Unauthenticated: a key is set and this is not it.
        """
        if self.key is None:
            return
        _require(self.key, authorization or " ".join(subprotocols[:2]))

    def check_operator_key(self, authorization: str | None) -> None:
        """Accept an operator's key; a caller's key is none.

        Raises:
            OperatorLocked: the server was given no such key, so that nobody has it.
            Unauthenticated: this is not it.
        """
        if self.operator_key is None:
            raise OperatorLocked(
                "the operator's API, which is locked",
                "a server that was started with an operator's key",
                f"set {OPERATOR_KEY_VARIABLE}, or pass --operator-key, and start it again",
            )
        _require(self.operator_key, authorization or "")

    def admit(self) -> None:
        """Make sure that one more stream may open.

        Raises:
            SystemOverloaded: the server is full or stopping.
        """
        if self.draining or len(self.streams) >= self.limits.streams:
            raise SystemOverloaded(
                "the server stops" if self.draining else f"{len(self.streams)} streams are open",
                f"at most {self.limits.streams}",
                "try again after the stated delay",
            )

    def stop(self) -> None:
        """Free the versions and the thread that prepares uploads."""
        self.preparation.shutdown(wait=False, cancel_futures=True)
        self.versions.stop()


def _require(key: str, offered: str) -> None:
    """Compare with the last word that was offered, whatever scheme stands before it."""
    given = offered.split()[-1] if offered.split() else ""
    if not compare_digest(given.encode(), key.encode()):
        raise Unauthenticated(
            "no key" if not given else "a key that is not valid here",
            "Authorization: Token KEY",
            "ask whoever started the server for its key",
        )
