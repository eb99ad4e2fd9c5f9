"""Places on a server that fills up: how many one tenant gets, and whether another gets any."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from lab_kit.client import NativeWire, connect_session
from lab_kit.core.errors import LabError
from lab_kit.core.events import StreamOptions
from lab_kit.core.table import Table
from lab_kit.experiments.access.server import Server
from lab_kit.protocol.api_keys import NewKey

TENANTS = ("first", "second", "third")


@dataclass(frozen=True, slots=True)
class Placed:
    """What one tenant got.

    Attributes:
        streams: that it has open.
        refusal: what the server said to the next one; empty where it was not refused.
    """

    tenant: str
    streams: int
    refusal: str


async def fair_places(server: Server, most: int = 12) -> tuple[Placed, ...]:
    """Have each tenant open a stream, then each in turn as many more as it gets; all stay open.

    Args:
        most: that each tries to open.

    Raises:
        LabError: a key could not be made.
    """
    keys = {name: (await server.operator.make_key(NewKey(name))).key for name in TENANTS}
    got, refusals = dict.fromkeys(TENANTS, 0), dict.fromkeys(TENANTS, "")
    async with AsyncExitStack() as held:
        for tenant in (*TENANTS, *(name for name in TENANTS for _ in range(most - 1))):
            if refusals[tenant]:
                continue
            address = replace(server.address, key=keys[tenant])
            session = connect_session(NativeWire.WEBSOCKET, address, StreamOptions())
            try:
                await held.enter_async_context(session)
                got[tenant] += 1
            except LabError as error:
                refusals[tenant] = f"{error.reason}: {error.received}"
    return tuple(Placed(name, got[name], refusals[name]) for name in TENANTS)


def places_table(found: tuple[Placed, ...]) -> Table:
    """A row for each tenant, in the order in which they came."""
    rows = [(one.tenant, str(one.streams), one.refusal or "-") for one in found]
    return Table("tenant", ("", "streams", "the next one was refused"), rows)
