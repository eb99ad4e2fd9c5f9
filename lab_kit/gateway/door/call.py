"""One call as the door sees it: what it is named, what it offers, and from where it comes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection

from lab_kit.core.ids import RequestId

REQUEST_ID = "x-request-id"
TRACE_PARENT = "traceparent"


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        credential: the key, with any scheme before it; None where none was offered.
        peer: the address it comes from, without a port.
    """

    request_id: RequestId
    credential: str | None
    peer: str


def http_call(connection: HTTPConnection, credential: str | None = None) -> Call:
    """A request or an upgrade.

    Args:
        credential: where it is not in the header ``authorization``, as browsers cannot set it.
    """
    offered = connection.headers.get("authorization") or credential
    peer = "" if connection.client is None else connection.client.host
    return Call(request_id_of(connection), offered, peer)


def request_id_of(connection: HTTPConnection) -> RequestId:
    """The name that `IdentifyCalls` gave it."""
    request_id = connection.state.request_id
    assert isinstance(request_id, RequestId)
    return request_id


def grpc_call(context: Any) -> Call:
    """A call over gRPC; the key is where clients put it, Google's own included."""
    metadata: Mapping[str, str] = dict(context.invocation_metadata() or ())
    offered = metadata.get("x-goog-api-key") or metadata.get("authorization")
    brought = RequestId.brought(metadata.get(REQUEST_ID), metadata.get(TRACE_PARENT))
    return Call(brought or RequestId.new(), offered, _host(context.peer()))


def _host(peer: str) -> str:
    """The address in gRPC's ``ipv4:127.0.0.1:5000`` or ``ipv6:[::1]:5000``."""
    return peer.partition(":")[2].rpartition(":")[0].strip("[]")
