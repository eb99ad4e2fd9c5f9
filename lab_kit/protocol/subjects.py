"""The operator's API on subjects: what is kept of a person, and what was erased."""

from dataclasses import dataclass

RECORDING_FOLDER, ANSWER_FOLDER, DATA_FILE = "recordings", "answers", "data.json"
REDACTED_FOLDER = "redacted_recordings"
"""In the file that holds all that is kept of somebody."""


@dataclass(frozen=True, slots=True)
class KeptItem:
    """One thing that is kept.

    Attributes:
        store: recordings, redacted_recordings, operations, transcriptions, answers, callbacks or
            deliveries.
        name: within it.
        size_bytes: of what is kept, sealed; None where that is not told apart.
    """

    store: str
    name: str
    create_time: str | None
    expire_time: str | None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class KeptOfSubject:
    """What is kept of somebody.

    Attributes:
        is_held: by a legal hold of the tenant: nothing of it is erased, and nothing expires.
    """

    tenant: str
    subject: str
    is_held: bool
    items: tuple[KeptItem, ...]


@dataclass(frozen=True, slots=True)
class ErasedOfSubject:
    """What was erased of somebody.

    Attributes:
        erased: things by store.
        held: things by store that were not erased, since the tenant is under a legal hold.
        is_key_destroyed: whether what copies and back-ups hold of it can be read no more, but for
            those that hold the key.
    """

    tenant: str
    subject: str
    erased: dict[str, int]
    held: dict[str, int]
    is_key_destroyed: bool
