"""One call, counted as it goes on; with a sandbox key it is written down, and meets its fault."""

import asyncio
import json
import time
from collections import Counter

from lab_kit.core.clock import wall_clock_iso
from lab_kit.core.errors import LabError
from lab_kit.core.ids import RequestId
from lab_kit.gateway.sandbox.faults import refusal
from lab_kit.protocol.sandbox import Fault, JournalEntry, Wire

LONGEST_QUERY = 2_000
MOST_KINDS = 32
"""Of messages; what a client makes up beyond them is counted together."""
LONGEST_TEXT = 65_536
"""Beyond it a text is not read for its kind: it holds sound."""
OTHER = "other"


class Cut(Exception):
    """The exchange is to be ended now, by its fault."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Exchange:
    """A request and its answer, or a stream.

    Attributes:
        status, close_code: see `JournalEntry`.
    """

    def __init__(
        self, request_id: RequestId, wire: Wire, method: str, path: str, query: str = ""
    ) -> None:
        self.status: int | None = None
        self.close_code: int | None = None
        self._request_id = request_id
        self._wire = wire
        self._method = method
        self._path, self._query = path[:LONGEST_QUERY], query[:LONGEST_QUERY]
        self._at = wall_clock_iso()
        self._began_ns = time.perf_counter_ns()
        self._ended_ns: int | None = None
        self._number: int | None = None
        self._made_ns = self._began_ns
        self._fault: Fault | None = None
        self._refusal: LabError | None = None
        self._kinds: Counter[str] = Counter()
        self._received = self._received_bytes = self._sent = self._sent_bytes = 0

    @property
    def is_begun(self) -> bool:
        """Whether it is known to be a sandbox key's."""
        return self._number is not None

    def begin(self, number: int, made_ns: int, fault: Fault | None) -> None:
        """It is the ``number``-th of a key that was made at ``made_ns``, and meets ``fault``."""
        self._number, self._made_ns, self._fault = number, made_ns, fault
        self._refusal = None if fault is None else refusal(fault)

    async def meet(self) -> None:
        """Meet what stands before an answer; a route that looks at its key twice, again.

        Raises:
            LabError: the call is refused.
        """
        fault = self._fault
        if fault is not None and fault.delay_s:
            delay_s = fault.delay_s - (time.perf_counter_ns() - self._began_ns) / 1e9
            await asyncio.sleep(max(0.0, delay_s))
        if self._refusal is not None:
            raise self._refusal

    @property
    def is_silent(self) -> bool:
        """Whether nothing more is sent."""
        fault = self._fault
        return fault is not None and fault.is_silent and self._sent >= fault.after_messages

    def hear(self, message: bytes | str) -> None:
        """Count what came."""
        self._received += 1
        self._received_bytes += len(message if isinstance(message, bytes) else message.encode())
        if isinstance(message, str):
            kind = _kind(message)
            is_known = kind in self._kinds or len(self._kinds) < MOST_KINDS
            self._kinds[kind if is_known else OTHER] += 1

    async def may_send(self, size_bytes: int) -> bool:
        """Whether the next message is sent; it is counted then.

        Raises:
            Cut: the call ends here.
        """
        fault = self._fault
        if fault is not None:
            if fault.each_s:
                await asyncio.sleep(fault.each_s)
            if self._sent >= fault.after_messages:
                if fault.close_code is not None and self._wire != "http":
                    raise Cut(fault.close_code)
                if fault.is_silent:
                    return False
        self._sent += 1
        self._sent_bytes += size_bytes
        return True

    def end(self) -> None:
        """It is over."""
        self._ended_ns = time.perf_counter_ns()

    def entry(self) -> JournalEntry:
        """As the journal has it."""
        assert self._number is not None
        lasted = None if self._ended_ns is None else (self._ended_ns - self._began_ns) / 1e9
        return JournalEntry(
            number=self._number,
            at=self._at,
            began_s=(self._began_ns - self._made_ns) / 1e9,
            request_id=str(self._request_id),
            wire=self._wire,
            method=self._method,
            path=self._path,
            query=self._query,
            status=self.status,
            close_code=self.close_code,
            received_messages=self._received,
            received_bytes=self._received_bytes,
            sent_messages=self._sent,
            sent_bytes=self._sent_bytes,
            kinds=dict(self._kinds),
            fault=self._fault,
            duration_s=lasted,
        )


def _kind(text: str) -> str:
    try:
        told = json.loads(text) if len(text) <= LONGEST_TEXT else None
    except (ValueError, RecursionError):  # nested too deeply
        return OTHER
    kind = told.get("type") if isinstance(told, dict) else None
    return kind[:100] if isinstance(kind, str) else OTHER
