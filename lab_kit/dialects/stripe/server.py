"""What Stripe's clients are answered: meters, events, summaries, lists, and a session."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson

from lab_kit.core.clock import rfc3339
from lab_kit.dialects.stripe.options import CUSTOMER, FORMULAS, Page
from lab_kit.protocol.meters import Amount, Meter, MeteredEvent

_NAMES = {aggregation: name for name, aggregation in FORMULAS.items()}


def meter(told: Meter) -> dict[str, Any]:
    """One meter."""
    assert told.value is not None
    return {
        "id": told.id,
        "object": "billing.meter",
        "created": _seconds(told.created_us),
        "customer_mapping": {"event_payload_key": told.groups[CUSTOMER][2:], "type": "by_id"},
        "default_aggregation": {"formula": _NAMES[told.aggregation]},
        "display_name": told.about["display_name"],
        "event_name": told.slug,
        "event_time_window": None,
        "livemode": False,
        "status": "active" if told.is_active else "inactive",
        "status_transitions": {
            "deactivated_at": None if told.is_active else _seconds(told.updated_us)
        },
        "updated": _seconds(told.updated_us),
        "value_settings": {"event_payload_key": told.value[2:]},
    }


def event(told: MeteredEvent) -> dict[str, Any]:
    """One event, in the first version."""
    return {
        "object": "billing.meter_event",
        "created": _seconds(told.arrived_us),
        "event_name": told.type,
        "identifier": told.id,
        "livemode": False,
        "payload": json.loads(told.data),
        "timestamp": _seconds(told.time_us),
    }


def v2_event(told: MeteredEvent) -> dict[str, Any]:
    """One event, in the second."""
    return event(told) | {
        "object": "v2.billing.meter_event",
        "created": _moment(told.arrived_us),
        "timestamp": _moment(told.time_us),
    }


def adjustment(event_name: str, identifier: str) -> dict[str, Any]:
    """An event that counts no more."""
    return {
        "object": "billing.meter_event_adjustment",
        "cancel": {"identifier": identifier},
        "event_name": event_name,
        "livemode": False,
        "status": "complete",
        "type": "cancel",
    }


def session(id: str, token: str, now_us: int, expires_us: int) -> dict[str, Any]:
    """A session of the stream."""
    return {
        "object": "v2.billing.meter_event_session",
        "id": id,
        "authentication_token": token,
        "created": _moment(now_us),
        "expires_at": _moment(expires_us),
        "livemode": False,
    }


def summary(told: Amount, meter_id: str) -> dict[str, Any]:
    """One amount of one customer; its id says of which time it is."""
    begins_s, ends_s = _seconds(told.from_us), _seconds(told.until_us)
    return {
        "id": f"mtrusg_{meter_id}_{begins_s}_{ends_s}",
        "object": "billing.meter_event_summary",
        "aggregated_value": orjson.Fragment(_digits(told.value)),
        "end_time": ends_s,
        "livemode": False,
        "meter": meter_id,
        "start_time": begins_s,
    }


def page(found: Sequence[dict[str, Any]], asked: Page, url: str) -> bytes:
    """A part of a list; one that starts behind what is not in it is empty."""
    left = list(found)
    if asked.starting_after is not None:
        places = [n for n, one in enumerate(left) if one["id"] == asked.starting_after]
        left = left[places[0] + 1 :] if places else []
    return orjson.dumps(
        {
            "object": "list",
            "url": url,
            "has_more": len(left) > asked.limit,
            "data": left[: asked.limit],
        }
    )


def _seconds(time_us: int) -> int:
    return time_us // 1_000_000


def _moment(time_us: int) -> str:
    return f"{rfc3339(time_us)[:-4]}Z"


def _digits(value: Decimal) -> str:
    return format(value, "f")
