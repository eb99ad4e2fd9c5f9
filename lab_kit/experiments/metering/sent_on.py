"""A ledger sent on to OpenMeter and to Stripe, and what their meters make of it.

Both are played by a server of ours, and both are sent to and asked by their own SDKs. All is sent
twice, as if whoever sends had been killed before it could write down that it was done.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lab_kit.client import ServerAddress
from lab_kit.core.errors import NotInstalled, ServerFailed
from lab_kit.core.table import Table
from lab_kit.experiments.metering.bill import TENANT, Bill
from lab_kit.ledger.destinations import OPENMETER_VARIABLE, STRIPE_EVENT, STRIPE_VARIABLE
from lab_kit.ledger.ledger import open_tables
from lab_kit.metering.event import TYPE

_SIDECAR = "lab_kit.ledger.sidecar"
_ANY_KEY = "sk_test_any"
"""For a server that asks for none."""
_METER = "billed"
_PATIENCE_S = 60.0


class Server(Protocol):
    """A server that plays both."""

    address: ServerAddress


@dataclass(frozen=True, slots=True)
class SentOn:
    """The sound of a ledger, and what two services that bill by it have.

    Attributes:
        said: by whoever sent it, line by line.
        openmeter_us: by OpenMeter's meter, the sum over the ledger's streams.
        stripe_us: by Stripe's meter, the sum of the customer.
    """

    said: tuple[str, ...]
    ledger_us: int
    openmeter_us: int
    stripe_us: int

    @property
    def table(self) -> Table:
        """A row for each who has it."""
        rows = [
            ("the ledger", f"{self.ledger_us:,}", "-"),
            ("OpenMeter", f"{self.openmeter_us:,}", f"{self.openmeter_us - self.ledger_us:+,}"),
            ("Stripe", f"{self.stripe_us:,}", f"{self.stripe_us - self.ledger_us:+,}"),
        ]
        return Table("who has it", ("", "billed µs", "from the ledger's"), rows, self.said)


async def sent_on(bill: Bill, server: Server) -> SentOn:
    """Send a bill's ledger on, twice, and ask both meters.

    Raises:
        NotInstalled: without the SDKs.
        ServerFailed: it was not sent.
    """
    address, billed = server.address, bill.ledger.billed_us()
    # one of each bill: Stripe counts an event for the customer that it came with first
    key, customer = address.key or _ANY_KEY, f"cus_{Path(bill.where).parent.name}"

    def send_and_ask() -> SentOn:
        said = []
        for _ in range(2):
            with closing(open_tables(bill.where)) as tables:  # as a kill at the worst moment does
                tables.transact(lambda rows: rows.execute("DELETE FROM exports"))
            said += _send(bill.where, address.url, key, customer)
        openmeter_us = _openmeter_us(address.url, key, set(billed))
        stripe_us = _stripe_us(address.url, key, customer)
        return SentOn(tuple(said), sum(billed.values()), openmeter_us, stripe_us)

    return await asyncio.to_thread(send_and_ask)


def _send(where: str, url: str, key: str, customer: str) -> list[str]:
    """By the sidecar, as an operator runs it."""
    with tempfile.TemporaryDirectory(prefix="lab-sent-on-") as folder:
        customers = Path(folder) / "customers.json"
        customers.write_text(json.dumps({TENANT: customer}))
        done = subprocess.run(
            [
                *(sys.executable, "-m", _SIDECAR, "--once"),
                *("--usage", folder, "--ledger", where),
                *("--export-openmeter", url, "--export-stripe", url),
                *("--stripe-customers", str(customers)),
            ],
            env={**os.environ, OPENMETER_VARIABLE: key, STRIPE_VARIABLE: key},
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    if done.returncode:
        raise ServerFailed("an export that failed", "all of it sent", done.stderr.strip())
    return [line for line in done.stdout.splitlines() if line.startswith("exported")]


def _openmeter_us(url: str, key: str, streams: set[str]) -> int:
    try:
        import openmeter
        from openmeter.models import MeterCreate
    except ImportError:
        raise NotInstalled.extra("OpenMeter's meters", "openmeter", "openmeter") from None
    made: Any = {
        "slug": _METER,
        "aggregation": "SUM",
        "eventType": TYPE,
        "valueProperty": "$.billed_us",
        "groupBy": {"stream": "$.stream"},
    }
    with openmeter.Client(endpoint=url, token=key) as client:
        if _METER not in {one.slug for one in client.meters.list()}:
            client.meters.create(MeterCreate(made))
        asked: Any = {"groupBy": ["stream"]}
        rows = client.meters.query(_METER, asked).data
    return round(sum(one.value for one in rows if one.group_by["stream"] in streams))


def _stripe_us(url: str, key: str, customer: str) -> int:
    try:
        import stripe
    except ImportError:
        raise NotInstalled.extra("Stripe's meters", "stripe", "stripe") from None
    addresses: Any = {"api": url}
    meters = stripe.StripeClient(key, base_addresses=addresses).v1.billing.meters
    known = [one for one in meters.list().data if one.event_name == STRIPE_EVENT]
    made: Any = {
        "display_name": "Billed sound",
        "event_name": STRIPE_EVENT,
        "default_aggregation": {"formula": "sum"},
    }
    meter = known[0] if known else meters.create(made)
    minute = int(time.time()) // 60 * 60  # its times are whole minutes
    asked: Any = {"customer": customer, "start_time": minute - 3_600, "end_time": minute + 120}
    return round(sum(one.aggregated_value for one in meters.event_summaries.list(meter.id, asked)))
