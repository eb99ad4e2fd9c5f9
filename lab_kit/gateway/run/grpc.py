"""The gRPC server: its limits, and the services of all who speak gRPC here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import grpc

from lab_kit.core.errors import ServerFailed
from lab_kit.gateway.api.streams_grpc import stream_methods
from lab_kit.gateway.door.calls import MESSAGE_BYTES, Calls
from lab_kit.gateway.door.connections import GRPC_SHARE, share_of_descriptors
from lab_kit.gateway.providers.google.operations import google_operation_methods
from lab_kit.gateway.providers.google.recognize import google_methods
from lab_kit.gateway.providers.open_inference.grpc import SERVICE, InferenceService
from lab_kit.gateway.run.certificates import Certificates
from lab_kit.gateway.run.grpc_about import about_methods
from lab_kit.gateway.run.server import Server

REFUSED_CALLS = 64
"""Beyond `Limits.calls`: health, and those that wait a moment for their refusal. They receive no
message."""


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A port with TLS."""

    host: str
    port: int
    shown: Certificates

    @classmethod
    def at(cls, host: str, port: int | None, shown: Certificates | None) -> Self | None:
        """None without a port."""
        return None if port is None or shown is None else cls(host, port, shown)


async def start_grpc(
    server: Server,
    host: str,
    port: int,
    encrypted: Encrypted | None = None,
    *,
    is_shared: bool = False,
) -> tuple[Any, int, int | None]:
    """Serve on ``host``; port 0 takes any free one.

    Args:
        encrypted: the port for TLS; None for none.
        is_shared: other processes of this server listen on the same port.

    Returns:
        The server, to be stopped with its ``stop(grace)``, its port, and that for TLS.

    Raises:
        ServerFailed: a port is taken.
    """
    limits = server.limits
    listening = grpc.aio.server(
        maximum_concurrent_rpcs=limits.calls + REFUSED_CALLS,
        options=[
            # a connection takes a file descriptor, and one that never speaks HTTP/2 has it too
            (
                "grpc.max_allowed_incoming_connections",
                min(limits.connections, share_of_descriptors(GRPC_SHARE)),
            ),
            ("grpc.server_handshake_timeout_ms", round(1000 * limits.unreceived_s)),
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_send_message_length", MESSAGE_BYTES),
            ("grpc.so_reuseport", int(is_shared)),
            # a quiet stream may be kept open by pings, as often as some proxy needs
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 100),
            ("grpc.http2.max_ping_strikes", 0),
        ],
    )
    for service, methods in grpc_services(server).items():
        handler = grpc.method_handlers_generic_handler(service, methods)
        listening.add_generic_rpc_handlers((handler,))
    chosen = _bound(f"{host}:{port}", "--grpc-port", listening.add_insecure_port)
    chosen_tls = None
    if encrypted is not None:
        add = partial(listening.add_secure_port, server_credentials=_credentials(encrypted.shown))
        chosen_tls = _bound(f"{encrypted.host}:{encrypted.port}", "--grpc-tls-port", add)
    await listening.start()
    return listening, chosen, chosen_tls


def _credentials(shown: Certificates) -> Any:
    """What is shown, asked for again at each new connection."""

    def now() -> Any:
        pair = (shown.identity.key, shown.identity.chain)
        return grpc.ssl_server_certificate_configuration([pair], shown.clients)

    return grpc.dynamic_ssl_server_credentials(
        now(), now, require_client_authentication=shown.clients is not None
    )


def _bound(address: str, option: str, add: Callable[[str], int]) -> int:
    try:
        return int(add(address))
    except RuntimeError as error:
        raise ServerFailed(
            f"{address} cannot be used for gRPC",
            "a free port",
            f"stop what uses it, or choose another with {option}",
        ) from error


def grpc_services(server: Server) -> dict[str, dict[str, Any]]:
    """Every method that is served, by its service: all go through the door, or are public."""
    limits = server.limits
    calls = Calls(server.door, limits, server.uploads.memory, server.failures, server.arrivals)
    inference = InferenceService(
        server.door,
        server.bare_model,
        limits,
        server.uploads,
        calls,
        server.failures,
    )
    google = google_methods(
        server.streams, limits, server.uploads, server.recognition, calls, server.is_strict
    )
    operations = google_operation_methods(
        server.transcriber, limits, server.uploads, calls, server.is_strict
    )
    served = {
        SERVICE: inference.methods(),
        **google,
        **stream_methods(server.sessions, limits, calls),
    }
    for service, methods in operations.items():
        served.setdefault(service, {}).update(methods)
    return {**served, **about_methods(tuple(served), lambda: server.door.is_ready, limits)}
