"""Whatever is killed, and when: the ledger has what callers were told, to the microsecond."""

import asyncio
import random
from contextlib import closing
from pathlib import Path

import pytest
from hang import HANG_S

from lab_kit import datasets
from lab_kit.experiments.metering.chain import Chain
from lab_kit.experiments.metering.counting import Told, keep_calling

PCM = datasets.clip("two-cities-best").pcm16
CALLERS = 6


async def killed_while_calling(chain: Chain, told: Told, seed: int) -> None:
    """Callers, faster than speech, and every now and then somebody is killed."""
    chance = random.Random(seed)
    is_over = asyncio.Event()
    callers = [
        asyncio.create_task(keep_calling(chain.addresses(is_over), PCM, told, speed=8.0))
        for _ in range(CALLERS)
    ]
    for _ in range(3):
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        match chance.choice(["server", "sidecar", "both"]):
            case "server":
                await asyncio.to_thread(chain.kill_server)
            case "sidecar":
                await asyncio.to_thread(chain.kill_sidecar)
            case _:
                await asyncio.to_thread(chain.kill_sidecar)
                await asyncio.to_thread(chain.kill_server)
        await asyncio.to_thread(chain.start_server)
        await asyncio.to_thread(chain.start_sidecar)
    is_over.set()
    async with asyncio.timeout(HANG_S):
        await asyncio.gather(*callers)


@pytest.mark.parametrize("seed", range(4))
def test_the_ledger_has_what_callers_were_told(tmp_path: Path, seed: int) -> None:
    told = Told()
    with Chain(tmp_path) as chain:
        asyncio.run(killed_while_calling(chain, told, seed))
        chain.stop_server()
        with closing(chain.settle()) as ledger:
            billed = ledger.billed_us()
    assert told.ended
    assert told.events > CALLERS
    missing = {name: us for name, us in told.until_us.items() if billed.get(name, 0) < us}
    assert missing == {}
    # one result of a stream may be written down whose server is killed before it is sent
    beyond = {name for name, us in billed.items() if us > told.until_us.get(name, 0)}
    assert not beyond & told.ended
    assert len(beyond) <= CALLERS
