"""Webhooks: where a caller wants to be told that an operation has ended, and what became of it.

Source: Standard Webhooks, 2023, specification 1.0: ids, time stamps, signatures, payloads.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from lab_kit.protocol.operations import Operation

WEBHOOKS_PATH = "/v1/webhooks"


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"url": "https://example.com/told"}]}
    ),
)
class NewWebhook:
    """What is asked for: an address that takes POST requests."""

    url: Annotated[str, Field(min_length=1, max_length=2_000)]


@dataclass(frozen=True, slots=True)
class Webhook:
    """One of the caller's.

    Attributes:
        name: under ``/v1``.
        secret: what its messages are signed with, ``whsec_`` and base64; told when it is made, and
            when it is changed, and never again.
        disabled_reason: why nothing is sent to it any more; None while it is.
    """

    name: str
    url: str
    create_time: str
    secret: str | None = None
    disabled_reason: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookList:
    """All of the caller's, the oldest first."""

    webhooks: tuple[Webhook, ...]


class DeliveryState(StrEnum):
    """How far a message is."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one webhook.

    Attributes:
        message: its id, the same at each attempt: whoever gets one twice knows it by that.
        type: such as ``operation.succeeded``.
        next_time: when it is tried again; None where it is not.
        last_error: of the last attempt; None if that went well, or there was none.
    """

    message: str
    type: str
    state: DeliveryState
    attempts: int
    create_time: str
    next_time: str | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class DeliveryList:
    """The last deliveries to a webhook, the newest first."""

    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """What is sent: names and states, and no word that was said.

    Attributes:
        timestamp: when it happened, in UTC.
    """

    type: str
    timestamp: str
    data: Operation
