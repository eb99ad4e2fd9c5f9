"""One call as the door sees it: what it is named, what it offers, and from where it comes."""

import ssl
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from starlette.requests import HTTPConnection

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.ids import RequestId, TenantId
from lab_kit.core.shown import shown
from lab_kit.gateway.sandbox.exchange import Exchange
from lab_kit.gateway.state.subjects import SUBJECT, subject_named

REQUEST_ID = "x-request-id"
TRACE_PARENT = "traceparent"
MODEL_VERSION = "x-model-version"
"""Of an answer: the number of the version that spoke."""
TIMEOUT = "x-request-timeout"
DATA_CLASS = "x-data-class"
SUBJECT_CONSENTS = "x-subject-consents"
ELEVENLABS_KEY = "xi-api-key"
"""The header in which ElevenLabs's clients show their key."""
LONGEST_TIMEOUT_S = 86_400.0


@dataclass(slots=True)
class Quota:
    """Whose quota an answer tells of: the call's tenant and key, once they are known."""

    tenant: TenantId | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        credential: the key, with any scheme before it; None where none was offered.
        peer: the address it comes from, without a port.
        deadline_ns: on the monotonic clock; from then on its caller does not wait. None for one who
            did not say.
        exchange: counts what goes both ways; None while there is no sandbox key.
        certificate: the thumbprint of the client's own; None where it showed none.
        quota: told who calls, so that the answer can say what they have left; None where an answer
            has no place for that.
        data_class, subject_consents: what kind of speech it is, and what who speaks has agreed to,
            as the call says; empty where it says nothing.
        way: the method and the route's pattern, or the name of a gRPC method.
        named: what the path names, by the pattern's words.
        subject: whom its sound and words are about, by the caller's name; None where it says none.
    """

    request_id: RequestId
    credential: str | None
    peer: str
    deadline_ns: int | None = None
    exchange: Exchange | None = None
    quota: Quota | None = None
    certificate: str | None = None
    data_class: str = ""
    subject_consents: str = ""
    way: str = ""
    named: Mapping[str, str] = field(default_factory=dict)
    subject: str | None = None


def http_call(
    connection: HTTPConnection, credential: str | None = None, signed_as: str | None = None
) -> Call:
    """A request or an upgrade.

    Args:
        credential: where it is in no header, as browsers cannot set them.
        signed_as: the name of the key that it is signed with, in place of all others: whoever asks
            for it has to check the signature as well.

    Raises:
        InvalidParameter: it says a time, or a subject, that is none.
    """
    headers = connection.headers
    offered = headers.get("authorization") or headers.get(ELEVENLABS_KEY) or credential
    offered = offered if signed_as is None else signed_as
    peer = "" if connection.client is None else connection.client.host
    deadline_ns = _deadline_ns(connection.headers.get(TIMEOUT))
    exchange = getattr(connection.state, "exchange", None)
    quota = getattr(connection.state, "quota", None)
    certificate = getattr(connection.state, "certificate", None)
    way = f"{_method(connection)} {getattr(connection.scope.get('route'), 'path', '')}"
    named = {name: str(value) for name, value in connection.path_params.items()}
    return Call(
        request_id_of(connection),
        offered,
        peer,
        deadline_ns,
        exchange,
        quota,
        certificate,
        headers.get(DATA_CLASS, ""),
        headers.get(SUBJECT_CONSENTS, ""),
        way,
        named,
        subject_named(headers.get(SUBJECT)),
    )


def request_id_of(connection: HTTPConnection) -> RequestId:
    """The name that `IdentifyCalls` gave it."""
    request_id = connection.state.request_id
    assert isinstance(request_id, RequestId)
    return request_id


def grpc_call(context: Any, method: str) -> Call:
    """A call over gRPC; the key is where clients put it, Google's own included."""
    metadata: Mapping[str, str] = dict(context.invocation_metadata() or ())
    offered = metadata.get("x-goog-api-key") or metadata.get("authorization")
    brought = RequestId.brought(metadata.get(REQUEST_ID), metadata.get(TRACE_PARENT))
    left_s = context.time_remaining()
    deadline_ns = None if left_s is None else _in_ns(left_s)
    return Call(
        brought or RequestId.new(),
        offered,
        _host(context.peer()),
        deadline_ns,
        certificate=_certificate(context.auth_context()),
        data_class=str(metadata.get(DATA_CLASS, "")),
        subject_consents=str(metadata.get(SUBJECT_CONSENTS, "")),
        way=f"gRPC {method}",
    )


def thumbprint(certificate: bytes | None) -> str | None:
    """By what a token names a certificate [Source: RFC 8705, 3.1].

    Args:
        certificate: DER; None for none, which has none.
    """
    if not certificate:
        return None
    return urlsafe_b64encode(sha256(certificate).digest()).rstrip(b"=").decode()


def _certificate(found: Mapping[str, Any]) -> str | None:
    """The thumbprint of the certificate that a call over gRPC came with."""
    pem = next(iter(found.get("x509_pem_cert", ())), None)
    return None if pem is None else thumbprint(ssl.PEM_cert_to_DER_cert(bytes(pem).decode()))


def _method(connection: HTTPConnection) -> str:
    scope = connection.scope
    return "WebSocket" if scope["type"] == "websocket" else str(scope["method"])


def _deadline_ns(told: str | None) -> int | None:
    if told is None:
        return None
    try:
        left_s = float(told)
    except ValueError:
        left_s = -1.0
    if not 0 < left_s <= LONGEST_TIMEOUT_S:
        raise InvalidParameter(
            f"{TIMEOUT}: {shown(told)}",
            f"seconds, up to {LONGEST_TIMEOUT_S:,.0f}",
            f"send such as {TIMEOUT}: 2.5, or leave it out",
        )
    return _in_ns(left_s)


def _in_ns(seconds: float) -> int:
    """The moment so many seconds from now, on the monotonic clock."""
    return time.perf_counter_ns() + round(seconds * 1e9)


def _host(peer: str) -> str:
    """The address in gRPC's ``ipv4:127.0.0.1:5000`` or ``ipv6:[::1]:5000``."""
    return peer.partition(":")[2].rpartition(":")[0].strip("[]")
