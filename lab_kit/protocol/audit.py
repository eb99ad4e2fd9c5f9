"""The operator's API on the audit log: records, signed checkpoints, and proofs about them."""

from typing import Any

from pydantic.dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record.

    Attributes:
        number: counted from 0.
        time: in UTC, to the millisecond.
        action: what happened, such as ``key.revoked``.
        tenant: whose it was; None for the server's own.
        about: the rest, by name; depends on the action.
        previous: the hash of the record before, in hexadecimal digits; None for the first.
    """

    number: int
    time: str
    action: str
    tenant: str | None
    key_id: str | None
    request_id: str | None
    stream_id: str | None
    about: dict[str, Any]
    previous: str | None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some records, oldest first, and where the next ones begin; empty where there are none.

    A page may be short, or empty, and still have a next one: so much was looked through.
    """

    records: tuple[AuditRecord, ...]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class AuditCheckpoint:
    """What the log's key vouches for.

    Attributes:
        checkpoint: a signed note: the log's origin, how many records it has, and their root.
        verifier_key: what it is checked with. Get it elsewhere, too: whoever could change the one
            could change the other.
    """

    checkpoint: str
    verifier_key: str


@dataclass(frozen=True, slots=True)
class AuditProof:
    """Hashes from which the root of the first ``size`` records can be computed.

    Attributes:
        hashes: in hexadecimal digits, in the order of RFC 9162.
        record: the one that is shown to be among them; None where growth is shown.
        line: the record as it stands in the log, without its line break.
        old_size: the smaller log that is shown to be the beginning; None where a record is shown.
    """

    size: int
    hashes: tuple[str, ...]
    record: int | None = None
    line: str | None = None
    old_size: int | None = None
