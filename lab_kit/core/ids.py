"""What calls, streams and tenants are named by: types of their own, the same name everywhere.

A request's name is made where it comes in, unless it brings one, and is found again in its answer,
in the log, in traces, in errors and in what is kept of it.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from lab_kit.core.clock import since_1970_ms
from lab_kit.core.errors import InvalidParameter

_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LONGEST_UUID = 45
"""As a URN, in its longest spelling [Source: RFC 9562, 4]."""


@dataclass(frozen=True, slots=True)
class RequestId:
    """One call: a request, an upgrade, or a call over gRPC."""

    value: UUID

    @classmethod
    def new(cls) -> Self:
        """A name that nobody else has."""
        return cls(_uuid7())

    @classmethod
    def brought(cls, request_id: str | None, traceparent: str | None) -> Self | None:
        """The name that a call brings; None if it brings none that can be used.

        Args:
            request_id: ``x-request-id``, a UUID in any spelling.
            traceparent: whose trace is the name [Source: W3C Trace Context, 3.2].
        """
        if request_id is not None and len(request_id) <= _LONGEST_UUID:
            try:
                return cls(UUID(request_id))
            except ValueError:
                pass  # some other form of name; the trace may still give one
        traced = _TRACE_PARENT.fullmatch(traceparent or "")
        # a trace of zeros is no trace
        return cls(UUID(traced[1])) if traced and int(traced[1], 16) else None

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class StreamId:
    """One stream of sound: live, or a recording."""

    value: UUID

    @classmethod
    def new(cls) -> Self:
        """A name that nobody else has."""
        return cls(_uuid7())

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class StreamIdentity:
    """What a stream and everything that is kept of it are named by."""

    request: RequestId
    stream: StreamId

    @classmethod
    def new(cls) -> Self:
        """Of a stream that no call asked for."""
        return cls(RequestId.new(), StreamId.new())

    def as_attributes(self) -> dict[str, str]:
        """For spans and for what is written as JSON."""
        return {"request_id": str(self.request), "stream_id": str(self.stream)}


@dataclass(frozen=True, slots=True)
class TenantId:
    """Whose calls they are.

    Raises:
        InvalidParameter: a name that is not up to 63 small letters, digits and hyphens.
    """

    name: str

    def __post_init__(self) -> None:
        if not _TENANT.fullmatch(self.name):
            raise InvalidParameter(
                f"a tenant named {self.name[:80]!r}",
                "1 to 63 small letters, digits and hyphens",
                "choose such a name",
            )

    def __str__(self) -> str:
        return self.name


def _uuid7() -> UUID:
    """Milliseconds since 1970, then random bits: names sort by age [Source: RFC 9562, 5.7]."""
    random = secrets.randbits(74)
    high = (since_1970_ms() & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 62) << 64
    return UUID(int=high | 0b10 << 62 | random & (2**62 - 1))
