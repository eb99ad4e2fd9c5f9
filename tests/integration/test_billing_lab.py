"""Lab 13's experiments with real servers, shippers and ledgers."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hang import HANG_S

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.core.errors import InvalidParameter
from lab_kit.experiments import metering
from lab_kit.experiments.metering.prepaid import Became
from lab_kit.show.billing import invoice, killing
from lab_kit.show.draw.verdict import Sign

CLIP = datasets.clip("two-cities-best")


@pytest.fixture(scope="module")
def small() -> Iterator[Bench]:
    """A server of this file alone."""
    made = Bench.start("lab-13-test", model="scripted", state=True)
    yield made
    made.stop()


async def test_events_of_a_stream_bill_what_its_caller_was_told(small: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        used = await metering.one_stream(small, CLIP)
    assert used.billed_us == used.told_us == round(len(CLIP.pcm16) / 32_000 * 1e6)
    assert used.submitted_us >= used.billed_us
    assert used.events[-1].code
    assert min(used.written_before_us()) > 0
    assert len(used.table.rows) == len(used.events)


async def test_a_chain_loses_nothing_whatever_is_done_to_it() -> None:
    faults = [(1.0, each) for each in ("server killed", "all again, shuffled", "nobody ships")]
    plan = metering.Plan(2, 8.0, 8.0, [*faults, (6.0, "shipper killed")], away_s=1.0)
    heard: list[metering.Moment] = []
    async with asyncio.timeout(HANG_S):
        run = await metering.killed(CLIP, plan, heard.append)
    assert tuple(heard) == run.moments
    assert run.last.missing_us == 0
    assert run.last.told_us > 0
    assert run.streams > 0
    assert len(run.happened) == len(plan.faults)
    assert [one.fault for one in run.happened if one.repeated] == ["all again, shuffled"]
    assert killing.killing_verdict(run).sign is Sign.INSIDE


async def test_a_bill_is_led_back_to_its_sound_and_corrected_by_other_documents() -> None:
    names = ("two-cities-opening", "speech-yes", "two-cities-hope")
    async with asyncio.timeout(HANG_S):
        bill = await metering.billed([datasets.clip(name) for name in names])
    try:
        first = bill.close()
        assert [line.requests for line in first.lines] == [2, 2]
        unfolded = bill.unfold(1)
        assert unfolded.clip.id == "two-cities-opening"
        assert bill.unfold(1, 2).clip.id == "speech-yes"
        assert invoice.invoice_verdict(unfolded).sign is Sign.INSIDE
        late = bill.bring_late()
        assert bill.bring_late() == late, "a second time changes nothing"
        assert all(line.is_adjustment and line.requests == 1 for line in late.lines)
        assert bill.close() == first, "what was sent is as it was"
        assert "late" in metering.invoice_table(first, late).text
        note = bill.credit(1, "0.01", "a test")
        assert note.amount == Decimal("0.01")
        assert [bill.credit(1, "0.01", "a test") for _ in range(9)] == [note] * 9
        with pytest.raises(InvalidParameter):
            bill.credit(1, str(first.lines[0].amount), "more than is left")
        assert metering.compared(bill).is_zero
        for sabotage in set(metering.SABOTAGE) - {"nothing"}:
            found = metering.compared(bill, sabotage)
            assert [one.side for one in found.findings] == ["ledger"], sabotage
            assert {row.unexplained_us for row in found.rows} == {0}, sabotage
        with pytest.raises(InvalidParameter, match="lose an event"):
            metering.compared(bill, "burn it")
    finally:
        bill.ledger.close()


async def test_what_is_sent_on_twice_counts_once_at_both(small: Bench) -> None:
    names = ("speech-yes", "two-cities-best")
    async with asyncio.timeout(HANG_S):
        bill = await metering.billed([datasets.clip(name) for name in names])
        try:
            for _ in range(2):  # as a cell is run again
                sent = await metering.sent_on(bill, small)
                assert sent.openmeter_us == sent.stripe_us == sent.ledger_us > 0
                assert len(sent.said) == 4
                assert len({line.split()[1] for line in sent.said}) == 1, "all of it each time"
                assert sent.table.text.count("+0") == 2
        finally:
            bill.ledger.close()


async def test_a_change_of_tier_reaches_a_stream_that_goes_on(small: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        changed = await metering.tier_change(small, CLIP)
    assert changed.reason == "QUOTA_EXCEEDED"
    warned, large, beyond = changed.moments[1:4]
    assert warned.limit_s < large.limit_s
    assert beyond.used_s > warned.limit_s, "the stream went on beyond its first limit"
    assert changed.told_us / 1e6 == pytest.approx(changed.moments[-1].used_s, abs=1e-6)
    assert "after the smaller tier was set: QUOTA_EXCEEDED" in changed.table.text


async def test_a_balance_lets_in_no_more_than_was_paid_for(small: Bench) -> None:
    async with asyncio.timeout(HANG_S):
        ahead = await metering.prepaid(small, CLIP, streams=30, paid_s=12.0)
    assert sum(ahead.became.values()) == 30
    assert ahead.became[Became.REFUSED] > 0
    assert 0 < ahead.told_us <= ahead.paid_us
    assert ahead.left_us >= 0
    assert ahead.unaccounted_us >= 0
    assert ahead.twice_s == 0
    assert "told beyond what was paid: 0.000 s" in ahead.table.text
