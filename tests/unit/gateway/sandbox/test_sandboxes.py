"""What is kept of calls with a sandbox key, and that it is bounded."""

import time

import pytest

from lab_kit.core.errors import QuotaExceeded, SandboxKeyNotFound
from lab_kit.core.ids import RequestId
from lab_kit.gateway.sandbox import keys
from lab_kit.gateway.sandbox.exchange import LONGEST_QUERY, MOST_KINDS, OTHER, Exchange
from lab_kit.gateway.sandbox.keys import Sandbox, SandboxKeys
from lab_kit.protocol.sandbox import Fault


def exchange(query: str = "") -> Exchange:
    return Exchange(RequestId.new(), "websocket", "GET", "/v1/listen", query)


async def test_each_call_meets_one_fault_in_order() -> None:
    sandbox = Sandbox("1")
    sandbox.use((Fault(delay_s=0.001, times=2), Fault(each_s=0.001)))
    for _ in range(4):
        await sandbox.meet(exchange())
    met = [one.fault for one in sandbox.journal().entries]
    first = Fault(delay_s=0.001, times=2)
    assert met == [first, first, Fault(each_s=0.001), None]


async def test_a_route_that_looks_at_its_key_twice_meets_one_fault() -> None:
    sandbox = Sandbox("1")
    sandbox.use((Fault(status=429), Fault(status=503)))
    call = exchange()
    for _ in range(2):
        with pytest.raises(QuotaExceeded):
            await sandbox.meet(call)
    assert len(sandbox.journal().entries) == 1


async def test_a_delay_counts_from_the_calls_arrival() -> None:
    """Looked at twice, it waits once."""
    sandbox = Sandbox("1")
    sandbox.use((Fault(delay_s=0.2),))
    call, began = exchange(), time.perf_counter()
    await sandbox.meet(call)
    assert time.perf_counter() - began >= 0.2
    again = time.perf_counter()
    await sandbox.meet(call)
    assert time.perf_counter() - again < 0.2


async def test_the_journal_keeps_the_newest_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MOST_ENTRIES", 3)
    sandbox = Sandbox("1")
    for _ in range(5):
        await sandbox.meet(exchange())
    journal = sandbox.journal()
    assert [one.number for one in journal.entries] == [3, 4, 5]
    assert journal.forgotten == 2


def test_the_oldest_key_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 2)
    several = SandboxKeys()
    assert not several
    made = [several.make(()) for _ in range(3)]
    assert len({one.key for one in made}) == 3
    assert several.of(f"Token {made[0].key}") is None
    assert several.of(f"Bearer {made[2].key}") is several.named(made[2].name)
    assert several.of("Token") is several.of("") is several.of(None) is None
    with pytest.raises(SandboxKeyNotFound):
        several.named(made[0].name)


async def test_what_a_client_makes_up_is_bounded() -> None:
    sandbox, call = Sandbox("1"), exchange("q" * 10_000)
    await sandbox.meet(call)
    for number in range(2 * MOST_KINDS):
        call.hear(f'{{"type": "made up {number}"}}')
    for text in ("no JSON", "[" * 60_000, '{"type": 3}', '{"type": "' + "x" * 100_000 + '"}'):
        call.hear(text)
    (entry,) = sandbox.journal().entries
    assert len(entry.kinds) == MOST_KINDS + 1
    assert entry.kinds[OTHER] == MOST_KINDS + 4
    assert len(entry.query) == LONGEST_QUERY
    assert entry.received_messages == 2 * MOST_KINDS + 4
