"""Where usage is exported to, by the providers' own SDKs, which are imported when they are used.

OpenMeter gets each usage event whole, under its own source and id; a meter of it takes what it is
for, such as ``$.billed_us``. Stripe takes whole numbers alone, so that it gets the sound that was
billed in microseconds, under an identifier of source and id. Both know what they have been sent
before by these names, and both may be sent anything again.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from lab_kit.core.errors import ConnectionFailed, InvalidParameter, NotInstalled
from lab_kit.metering.event import UsageEvent, cloud_event

OPENMETER_VARIABLE, STRIPE_VARIABLE = "OPENMETER_TOKEN", "STRIPE_API_KEY"
STRIPE_EVENT = "lab_billed_microseconds"
"""The event name that a meter of Stripe is made for."""
LONGEST_IDENTIFIER_CHARS = 100
"""Of Stripe's."""
ANSWER_S = 10.0
"""Nobody waits longer for one."""
_REFUSALS = (400, 413, 422)
"""Statuses that may be the event's fault; all others are the key's, the address's or nobody's."""
_TOO_OLD = "timestamp_too_far_in_past"
_LONGEST_WHY_CHARS = 500


class Destination(Protocol):
    """Somebody who takes usage events.

    Attributes:
        name: by which its mark is kept; without secrets.
        most: events of one batch.
    """

    name: str
    most: int

    def send(self, events: Sequence[UsageEvent]) -> dict[int, str]:
        """Have it take some events, whichever of them it has.

        Returns:
            Why it refused some for good, by their places.

        Raises:
            ConnectionFailed: it did not take all others; they may be sent again.
        """
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class OpenMeter:
    """OpenMeter; see `Destination`.

    Raises:
        NotInstalled: without its SDK.
        InvalidParameter: the address or the token cannot be used.
    """

    most = 500

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        try:
            import openmeter
        except ImportError:
            raise NotInstalled.extra("an export to OpenMeter", "openmeter", "openmeter") from None
        self.name = _name("openmeter", url)
        self._client = openmeter.Client(
            endpoint=url.rstrip("/"),
            token=_key(environ, OPENMETER_VARIABLE),
            retry_total=0,  # whoever exports tries again, and says so
            connection_timeout=ANSWER_S,
            read_timeout=ANSWER_S,
        )

    def send(self, events: Sequence[UsageEvent]) -> dict[int, str]:
        """See `Destination`: one by one, where it refuses them together.

        What it refuses while it takes another is refused for good. Where it takes none, it may as
        well be that it was set up wrongly, and nothing is passed.
        """
        written = [json.loads(cloud_event(one)) for one in events]
        if not written or self._sent(written) is None:
            return {}
        whys = {place: self._sent([one]) for place, one in enumerate(written)}
        refused = {place: why for place, why in whys.items() if why is not None}
        if len(refused) == len(events):
            raise _failed(self.name, refused[0])
        return refused

    def close(self) -> None:
        """See `Destination`."""
        self._client.close()

    def _sent(self, written: list[dict[str, Any]]) -> str | None:
        """Why it refuses all of them; None where it took them."""
        from corehttp.exceptions import BaseError, HttpResponseError

        try:
            self._client.events.ingest_events(written)  # type: ignore[arg-type]
        except HttpResponseError as error:
            if error.status_code in _REFUSALS:
                return str(error)[:_LONGEST_WHY_CHARS]
            raise _failed(self.name, f"status {error.status_code}") from error
        except BaseError as error:
            raise _failed(self.name, type(error).__name__) from error
        return None


class Stripe:
    """Stripe; see `Destination`.

    Args:
        customers: Stripe's ids, by tenant; a tenant that is not there goes by its own name.

    Raises:
        NotInstalled: without its SDK.
        InvalidParameter: the address or the key cannot be used.
    """

    most = 100

    def __init__(
        self, url: str, environ: Mapping[str, str], customers: Mapping[str, str] | None = None
    ) -> None:
        try:
            import stripe
        except ImportError:
            raise NotInstalled.extra("an export to Stripe", "stripe", "stripe") from None
        self.name = _name("stripe", url)
        self._customers = customers or {}
        self._client = stripe.StripeClient(
            _key(environ, STRIPE_VARIABLE),
            base_addresses={"api": url.rstrip("/")},
            http_client=stripe.RequestsClient(timeout=ANSWER_S),
            max_network_retries=0,
        )

    def send(self, events: Sequence[UsageEvent]) -> dict[int, str]:
        """See `Destination`: those that bill sound, one request each.

        Those that are older than it takes are refused for good, whatever else is right.
        """
        refused: dict[int, str] = {}
        for place, event in enumerate(events):
            if event.amount.billed_us:
                why = self._sent(event)
                if why is not None:
                    refused[place] = why
        return refused

    def close(self) -> None:
        """See `Destination`: its connections end with the process."""

    def _sent(self, event: UsageEvent) -> str | None:
        """Why it refuses one for good; None where it has it."""
        import stripe

        identifier = f"{event.source}/{event.id}"
        if len(identifier) > LONGEST_IDENTIFIER_CHARS:
            return f"an identifier of more than {LONGEST_IDENTIFIER_CHARS} characters"
        tenant = event.used.tenant
        payload = {
            "stripe_customer_id": self._customers.get(tenant, tenant),
            "value": str(event.amount.billed_us),
        }
        try:
            self._client.v1.billing.meter_events.create(
                {
                    "event_name": STRIPE_EVENT,
                    "identifier": identifier,
                    "timestamp": event.time_us // 1_000_000,
                    "payload": payload,
                }
            )
        except stripe.InvalidRequestError as error:
            # the first version has no code for it
            if "already exists with identifier" in str(error):
                return None
            why = str(error)[:_LONGEST_WHY_CHARS]
            if error.code == _TOO_OLD:
                return why
            raise _failed(self.name, f"status {error.http_status}: {why}") from error
        except stripe.StripeError as error:
            raise _failed(self.name, type(error).__name__) from error
        return None


def _name(kind: str, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise InvalidParameter(
            f"an address of {kind} that is none, or has a password in it",
            "http or https, and a host",
            "write it so, and put the key into the environment",
        )
    return f"{kind} {url.rstrip('/')}"


def _key(environ: Mapping[str, str], variable: str) -> str:
    key = environ.get(variable, "")
    if not key or not key.isascii() or not key.isprintable():
        raise InvalidParameter(
            f"no key in {variable}", "the destination's", f"set {variable}, and start it again"
        )
    return key


def _failed(name: str, what: str) -> ConnectionFailed:
    return ConnectionFailed(f"{name}: {what}", "usage events to be taken", "they are sent again")
