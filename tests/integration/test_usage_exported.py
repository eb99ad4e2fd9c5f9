"""Usage from callers to a journal, a ledger, and from there to OpenMeter and Stripe: what these add
up to is what the ledger has, though whoever exports is killed again and again.

Both are played by another server of ours, and asked by their own SDKs.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import openmeter
import pytest
import stripe
from hang import HANG_S
from openmeter.models import MeterCreate

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.experiments.metering.chain import Chain
from lab_kit.experiments.metering.counting import Told, keep_calling
from lab_kit.ledger.destinations import STRIPE_EVENT, OpenMeter, Stripe
from lab_kit.ledger.exporting import export_all
from lab_kit.ledger.exports import Exports
from lab_kit.ledger.ledger import open_tables
from lab_kit.metering.event import TYPE

PCM = datasets.clip("two-cities-best").pcm16
KEY, CUSTOMER = "key-of-both", "cus_of_anybody"
KILLS = 4


@pytest.fixture
def taking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The server that plays both."""
    bench = Bench.start(key=KEY)
    monkeypatch.setenv("OPENMETER_TOKEN", KEY)
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    yield bench
    bench.stop()


async def call_and_kill(chain: Chain, told: Told) -> None:
    """Callers, faster than speech, while whoever ships and exports is killed."""
    is_over = asyncio.Event()
    callers = [
        asyncio.create_task(keep_calling(chain.addresses(is_over), PCM, told, speed=8.0))
        for _ in range(4)
    ]
    for number in range(KILLS):
        await asyncio.sleep(0.4 + 0.37 * number)
        await asyncio.to_thread(chain.kill_sidecar)
        await asyncio.to_thread(chain.start_sidecar)
    is_over.set()
    async with asyncio.timeout(HANG_S):
        await asyncio.gather(*callers)


def is_done(marks: Exports, name: str) -> bool:
    return not marks.waiting(name, 1)


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + HANG_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_what_is_exported_adds_up_to_what_the_ledger_has(taking: Bench, tmp_path: Path) -> None:
    customers = tmp_path / "customers.json"
    customers.write_text(json.dumps({"anybody": CUSTOMER}))
    told, url = Told(), taking.url
    exports = ("--export-openmeter", url, "--export-stripe", url)
    more = ("--stripe-customers", str(customers))
    with Chain(tmp_path, exports=(*exports, *more)) as chain:
        asyncio.run(call_and_kill(chain, told))
        chain.stop_server()
        with closing(chain.settle()) as ledger:
            billed_us = sum(ledger.billed_us().values())
        with closing(Exports(open_tables(chain.where))) as marks:
            for name in (f"openmeter {url}", f"stripe {url}"):
                until(partial(is_done, marks, name), name)
                assert marks.refusals(name, 1) == []
    assert told.ended
    assert billed_us > 0
    assert openmeter_total(taking) == billed_us
    assert stripe_total(taking) == billed_us
    send_all_again(chain.where, url)
    assert openmeter_total(taking) == billed_us
    assert stripe_total(taking) == billed_us


def send_all_again(where: str, url: str) -> None:
    """As if whoever exported had been killed each time before a mark was moved."""
    with closing(open_tables(where)) as tables:
        tables.transact(lambda rows: rows.execute("DELETE FROM exports"))
    keys = {"OPENMETER_TOKEN": KEY, "STRIPE_API_KEY": KEY}
    for destination in (OpenMeter(url, keys), Stripe(url, keys, {"anybody": CUSTOMER})):
        with closing(destination):
            assert export_all(where, destination) > 0


def openmeter_total(taking: Bench) -> float:
    with openmeter.Client(endpoint=taking.url, token=KEY) as client:
        made: Any = {
            "slug": "billed",
            "aggregation": "SUM",
            "eventType": TYPE,
            "valueProperty": "$.billed_us",
        }
        if not client.meters.list():
            client.meters.create(MeterCreate(made))
        (row,) = client.meters.query_json("billed", subject=["anybody"]).data
        return float(row.value)


def stripe_total(taking: Bench) -> float:
    addresses: Any = {"api": taking.url}
    client = stripe.StripeClient(KEY, base_addresses=addresses)
    found = client.v1.billing.meters.list().data
    made = (
        found[0]
        if found
        else client.v1.billing.meters.create(
            {
                "display_name": "Billed",
                "event_name": STRIPE_EVENT,
                "default_aggregation": {"formula": "sum"},
            }
        )
    )
    minute = int(time.time()) // 60 * 60
    (told,) = client.v1.billing.meters.event_summaries.list(
        made.id, {"customer": CUSTOMER, "start_time": minute - 3_600, "end_time": minute + 120}
    ).data
    return float(told.aggregated_value)
