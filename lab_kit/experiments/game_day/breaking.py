"""The faults themselves: each is made in real processes, and taken back when the block ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from lab_kit.core.errors import LabError
from lab_kit.experiments.game_day.faults import Fault
from lab_kit.experiments.game_day.service import START_S, Service

BRIEF_TOKENS = 1.0
"""A second: less than speech holds, so that every sentence is cut, quickly and without an error."""
SHARE = 0.5
"""Of callers who meet the canary: far more than in life, for a day that lasts minutes."""
RESET_S = 1.5
TOO_SHORT_S = 0.5
"""For a start that takes some two seconds."""
TUNER_S, TUNER_STEP_S = 1.0, 0.05
GROWER, EXPORTER = "indexer", "exporter"


@asynccontextmanager
async def broken(service: Service, fault: Fault) -> AsyncIterator[None]:
    """While the block runs, and nobody does anything about it, the service has that fault."""
    async with _MADE[fault](service):
        yield


@asynccontextmanager
async def _bad_version(service: Service) -> AsyncIterator[None]:
    number = await service.publish_canary(BRIEF_TOKENS, SHARE)
    try:
        yield
    finally:
        with suppress(LabError):  # it is gone already where somebody has done it, or the server is
            await service.operator.remove_label("canary")
            await service.operator.unload_version(number)


@asynccontextmanager
async def _cascade(service: Service) -> AsyncIterator[None]:
    """The proxy resets every line, again and again."""

    async def reset_on() -> None:
        while True:
            service.proxy.reset()
            await asyncio.sleep(RESET_S)

    resets = asyncio.create_task(reset_on())
    try:
        yield
    finally:
        resets.cancel()
        service.spread_s, service.is_around = 0.0, False


@asynccontextmanager
async def _memory(service: Service) -> AsyncIterator[None]:
    service.start_process(GROWER, "lab_kit.experiments.game_day.grower")
    try:
        yield
    finally:
        service.stop_process(GROWER)


@asynccontextmanager
async def _starts(service: Service) -> AsyncIterator[None]:
    """A setting that has every start be given up, and a server that ends for another reason."""
    service.start_deadline_s = TOO_SHORT_S
    service.kill_server()
    try:
        yield
    finally:
        service.start_deadline_s = START_S


@asynccontextmanager
async def _billing(service: Service) -> AsyncIterator[None]:
    usage = str(service.chain.usage)
    service.start_process(
        EXPORTER, "lab_kit.experiments.game_day.second_exporter", "--usage", usage
    )
    try:
        yield
    finally:
        service.stop_process(EXPORTER)


@asynccontextmanager
async def _drift(service: Service) -> AsyncIterator[None]:
    """Something sets the batching a little worse, again and again."""

    async def worse() -> None:
        known_s = (await service.operator.batching()).max_wait_s or 0.0
        await service.set_batch_wait(known_s + TUNER_STEP_S)

    service.start_tuning(worse, TUNER_S)
    try:
        yield
    finally:
        service.stop_tuning()
        await service.set_batch_wait(0.0)


_MADE: dict[Fault, Callable[[Service], AbstractAsyncContextManager[None]]] = {
    Fault.BAD_VERSION: _bad_version,
    Fault.CASCADE: _cascade,
    Fault.MEMORY: _memory,
    Fault.STARTS: _starts,
    Fault.BILLING: _billing,
    Fault.DRIFT: _drift,
}
