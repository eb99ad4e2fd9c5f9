"""Operations: work that goes on while nobody waits, as our own API tells of it.

Source: Google, 2025, AIP-151, "Long-running operations": a name to ask by, whether it is done, and
then either an error or what came of it.
"""

from enum import StrEnum

from pydantic.dataclasses import dataclass

from lab_kit.protocol.error_body import ErrorBody

OPERATIONS_PATH = "/v1/operations"
LONGEST_WAIT_S = 30.0
"""Of one ``:wait``: shorter than what proxies commonly give a request."""


class OperationState(StrEnum):
    """How far it is; the first is never shown, as nobody knows its name yet."""

    RECEIVING = "RECEIVING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_done(self) -> bool:
        """Whether nothing will change any more."""
        return not MOVES[self]


MOVES: dict[OperationState, frozenset[OperationState]] = {
    OperationState.RECEIVING: frozenset({OperationState.QUEUED}),
    OperationState.QUEUED: frozenset({OperationState.RUNNING, OperationState.CANCELLED}),
    OperationState.RUNNING: frozenset(
        {OperationState.SUCCEEDED, OperationState.FAILED, OperationState.CANCELLED}
    ),
    OperationState.SUCCEEDED: frozenset(),
    OperationState.FAILED: frozenset(),
    OperationState.CANCELLED: frozenset(),
}
"""What may follow what."""


@dataclass(frozen=True, slots=True)
class OperationProgress:
    """How far an operation is. Times are UTC, as RFC 3339 writes them.

    Attributes:
        expire_time: when it, and what came of it, is removed.
        audio_s: length of the recording.
        processed_s: of it, what is transcribed.
    """

    state: OperationState
    create_time: str
    update_time: str
    expire_time: str
    audio_s: float
    processed_s: float


@dataclass(frozen=True, slots=True)
class OperationResult:
    """What came of it: the name of the transcription, under ``/v1``."""

    transcription: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Attributes:
        name: under ``/v1``.
        done: whether it has ended; then there is either an ``error`` or a ``response``.
    """

    name: str
    metadata: OperationProgress
    done: bool
    error: ErrorBody | None = None
    response: OperationResult | None = None


@dataclass(frozen=True, slots=True)
class OperationList:
    """Some of the caller's operations.

    Attributes:
        next_page_token: for the rest; empty where there is none.
    """

    operations: tuple[Operation, ...]
    next_page_token: str = ""
