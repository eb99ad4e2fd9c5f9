"""The last days of a route with real clients: who moves when, and what it cost them."""

from collections.abc import Iterator

import pytest
from server_process import at_full_service

from lab_kit.bench import Bench
from lab_kit.experiments.contracts import LastDays, Notices, Span, last_days
from lab_kit.protocol.deprecations import TRANSCRIBE_V1

DAYS = LastDays(
    announced_s=1.0,
    brown_outs=(Span("rehearsal", 3.0, 4.5),),
    sunset_s=6.0,
    seconds=9.0,
    every_s=0.4,
    change_s=0.3,
)


@pytest.fixture(scope="module")
def own_bench() -> Iterator[Bench]:
    """A server of this file alone: a route of it is put out of service."""
    bench = at_full_service(Bench.start("last-days"))
    yield bench
    bench.stop()


async def test_each_client_moves_at_what_it_notices(own_bench: Bench) -> None:
    found = await last_days(own_bench, DAYS, dict.fromkeys(Notices, 1))
    assert found.clients == tuple(Notices)
    headers, brown_out, end, never = found.moved_s
    assert headers is not None
    assert brown_out is not None
    assert end is not None
    assert never is None
    assert DAYS.announced_s <= headers
    assert DAYS.brown_outs[0].from_s <= brown_out
    assert DAYS.sunset_s <= end
    for one in found.asked:
        reasons = {200: "", 503: "ROUTE_BROWNED_OUT", 410: "ROUTE_GONE"}
        assert one.reason == reasons[one.status]
        assert one.is_told <= one.is_old, "the successor tells of no deprecation"
        assert one.status == 200 or one.is_old
    assert found.refused
    for number in range(4):
        mine = [one for one in found.asked if one.client == number]
        counted = found.use[number]
        assert counted.asked == sum(one.is_old for one in mine)
        assert counted.refused == sum(one.status != 200 for one in mine)
    # what is left is what was there before: nothing announced, and no key of the clients'
    assert (await own_bench.operator.deprecation(TRANSCRIBE_V1)).plan is None


async def test_a_plan_that_was_there_is_there_again(own_bench: Bench) -> None:
    before = DAYS.plan(4e9)
    await own_bench.operator.deprecate(TRANSCRIBE_V1, before)
    brief = LastDays(0.1, (), 0.2, 0.5, 0.4, 0.1)
    await last_days(own_bench, brief, {Notices.NEVER: 1})
    assert (await own_bench.operator.deprecation(TRANSCRIBE_V1)).plan == before
    for clients in ({}, {Notices.NEVER: 25}):
        with pytest.raises(ValueError, match="not 1 to 24"):
            await last_days(own_bench, brief, clients)
