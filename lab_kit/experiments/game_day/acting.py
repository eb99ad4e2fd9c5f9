"""What somebody on call does to the service: each action is carried out for real."""

import asyncio
import time

from lab_kit.core.errors import ServerFailed, VersionConflict
from lab_kit.experiments.game_day.breaking import EXPORTER, GROWER
from lab_kit.experiments.game_day.faults import Action
from lab_kit.experiments.game_day.service import START_S, Service
from lab_kit.experiments.metering.crediting import credit_sound

SPREAD_S = 4.0
GROWER_BYTES = 16 * 2**20
"""What the process may take that is started again: it does its work with less."""
_UNLOAD_S = _SETTLE_S = 20.0
"""For streams to end, and for their usage to be shipped."""


async def act(service: Service, action: Action) -> None:
    """Do it; harmless where there is nothing to be done.

    Raises:
        LabError: the server, or the ledger, did not take it.
    """
    match action:
        case Action.ROLL_BACK:
            await service.operator.remove_label("canary")
        case Action.UNLOAD:
            await _unload(service)
        case Action.SPREAD_RETURNS:
            service.spread_s = SPREAD_S
        case Action.GO_AROUND:
            service.is_around = True
        case Action.STOP_GROWER:
            service.stop_process(GROWER)
        case Action.LIMIT_GROWER:
            limit = ("--most-bytes", str(GROWER_BYTES))
            service.start_process(GROWER, "lab_kit.experiments.game_day.grower", *limit)
        case Action.ALLOW_START:
            service.start_deadline_s = START_S
        case Action.STOP_EXPORTER:
            service.stop_process(EXPORTER)
        case Action.CREDIT:
            await _credit(service)
        case Action.SET_BACK:
            await service.set_batch_wait(0.0)
        case Action.STOP_TUNER:
            service.stop_tuning()


async def _unload(service: Service) -> None:
    """Every version without a label, once its streams are over.

    Raises:
        ServerFailed: they are not, for long.
    """
    deadline_s = time.monotonic() + _UNLOAD_S
    for one in await service.operator.versions():
        while not one.labels and one.state == "ready":
            try:
                await service.operator.unload_version(one.number)
                break
            except VersionConflict as error:
                if time.monotonic() > deadline_s:
                    raise ServerFailed(str(error), "a version that is free", "wait") from error
                await asyncio.sleep(0.2)


async def _credit(service: Service) -> None:
    """Once the streams have ended that go on now: what was counted twice of them counts, too.

    Raises:
        ServerFailed: their usage is not there, for long.
    """
    begun, deadline_s = service.open_streams(), time.monotonic() + _SETTLE_S
    while not service.has_settled(begun):
        if time.monotonic() > deadline_s:
            raise ServerFailed("streams that do not end", "all that is used", "see the ledger")
        await asyncio.sleep(0.2)
    where, from_us, off_us = service.chain.where, service.invoiced_us, service.uncredited_us()
    await asyncio.to_thread(credit_sound, where, from_us, off_us, "counted twice")
    service.note_credit(off_us)
