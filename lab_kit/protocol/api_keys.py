"""The operator's API on keys: one is told once, when it is made; afterwards its id names it."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from lab_kit.protocol.tenants import ComputeS

Moment = Annotated[float, Field(ge=0, le=253_402_300_799, allow_inf_nan=False)]
"""Seconds since 1970, UTC, up to the year 9999."""
MOST_WORDS = 32


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"tenant": "acme", "scope": ["streams", "recordings"]}]},
    ),
)
class NewKey:
    """A key to be made.

    Attributes:
        tenant: whose calls its calls are.
        environment: live or test.
        scope: features (streams, recordings, speech, inference) and models as ``model:NAME``; of
            either, none for all.
        not_before_s: the first moment at which it is valid; None for now.
        expires_s: the first moment at which it is over; None for never.
        streams: how many live streams it may have at once; None for as many as there is room for.
        compute_s_per_min: compute-seconds that its calls may spend in a minute, within what its
            tenant may; None for all of that.
        compute_burst_s: compute-seconds at once; None for those of a minute.
    """

    tenant: Annotated[str, Field(max_length=63)]
    environment: str = "live"
    scope: Annotated[tuple[str, ...], Field(max_length=MOST_WORDS)] = ()
    not_before_s: Moment | None = None
    expires_s: Moment | None = None
    streams: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    compute_s_per_min: ComputeS | None = None
    compute_burst_s: ComputeS | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key.

    Attributes:
        id: its first characters.
        standing: now: not yet, valid, expired or revoked.
    """

    id: str
    tenant: str
    environment: str
    scope: tuple[str, ...]
    made_s: float
    not_before_s: float
    expires_s: float | None
    revoked_s: float | None
    standing: str
    streams: int | None = None
    compute_s_per_min: float | None = None
    compute_burst_s: float | None = None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key as it was made.

    Attributes:
        key: told this once, and kept nowhere.
        about: what is known of it from now on.
    """

    key: str
    about: ApiKey


@dataclass(frozen=True, slots=True)
class ApiKeyList:
    """All keys, by when they were made."""

    keys: tuple[ApiKey, ...]


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(extra="forbid", json_schema_extra={"examples": [{"overlap_s": 3_600}]}),
)
class Rotation:
    """A key is replaced by another one.

    Attributes:
        overlap_s: how long the old one stays valid beside it.
    """

    overlap_s: Annotated[float, Field(ge=0, le=2_592_000, allow_inf_nan=False)] = 86_400.0
