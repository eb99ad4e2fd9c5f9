"""The operator's API on tenants: what each is allowed, and what it has spent."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

ComputeS = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
"""Compute-seconds: of the device, whatever it is."""
Name = Annotated[str, Field(max_length=63)]
MOST_NAMES = 32


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"compute_s_per_min": 600, "streams": 20}]},
    ),
)
class TenantSettings:
    """What a tenant is allowed.

    Attributes:
        compute_s_per_min: compute-seconds that come back in a minute; None for as many as there is
            room for.
        compute_burst_s: compute-seconds that may be spent at once; None for those of a minute.
        streams: live streams at once, over all its keys; None for as many as there is room for.
        redact: kinds of personal data that are taken out of all its results, whatever a call asks
            for: ``true`` for every kind, kinds with commas between them, or ``false``.
        home_region: where its own customers are; its speech is served by rules then. None for a
            tenant that nothing was agreed with about places.
        allowed_regions: where its contract lets their speech go.
        consents: what its contract is for: recognition, retention, training.
        sound_s_per_month: seconds of sound that it may have recognized in a calendar month, UTC;
            None for as many as there is room for.
        sound_warn_share: from what share of them on its status says so.
        retention_s: the longest that anything of its callers is kept; None for as long as they ask,
            up to the server's most.
        legal_hold: nothing of it is erased, nor expires, until this is taken back.
    """

    compute_s_per_min: ComputeS | None = None
    compute_burst_s: ComputeS | None = None
    streams: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    redact: Annotated[str, Field(max_length=200)] = "false"
    home_region: Annotated[str, Field(max_length=63)] | None = None
    allowed_regions: Annotated[tuple[Name, ...], Field(max_length=MOST_NAMES)] = ()
    consents: Annotated[tuple[Name, ...], Field(max_length=MOST_NAMES)] = ()
    retention_s: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None = None
    legal_hold: bool = False
    sound_s_per_month: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None = None
    sound_warn_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.8


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"sound_s": 36_000, "id": "order-1789"}]}
    ),
)
class TopUp:
    """Sound that a tenant has paid for.

    Attributes:
        id: of the payment: one that comes again is not added again.
    """

    sound_s: Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]
    id: Annotated[str, Field(min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True)
class TenantStatus:
    """A tenant, as it is now.

    Attributes:
        streams: live ones that it has open.
        compute_s: spent since the server started.
        compute_left_s: that it may spend now; None where there is no limit. Below 0 where more was
            spent than had been reserved.
        works: streams, recordings, inferences and texts that began since the server started.
        refused: calls that it had no compute left for.
        is_costly: its work costs far more than other tenants', see `lab_kit.access.costly`.
        sound_month_s: seconds of sound that it had recognized in this month; counted for those that
            have settings, or have paid ahead.
        sound_left_s: that it may still have, of the month and of what was paid for; None for as
            many as there is room for.
        prepaid_s: of what was paid for; None for a tenant that pays afterwards.
        is_near_limit: it has used `TenantSettings.sound_warn_share` of its month.
    """

    tenant: str
    settings: TenantSettings
    streams: int
    compute_s: float
    compute_left_s: float | None
    works: int
    refused: int
    is_costly: bool
    sound_month_s: float
    sound_left_s: float | None
    prepaid_s: float | None
    is_near_limit: bool


@dataclass(frozen=True, slots=True)
class TenantList:
    """All that have settings, or called since the server started; by name."""

    tenants: tuple[TenantStatus, ...]
