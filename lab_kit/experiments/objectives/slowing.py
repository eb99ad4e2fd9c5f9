"""A setting that makes a server slow, whatever machine it is on: each decode waits for company that
does not come."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lab_kit.experiments.objectives.server import Server
from lab_kit.protocol.versions import BatchingPolicy

_LARGE_BATCH = 64
_USUAL = BatchingPolicy("continuous", max_batch=4)
"""What a server starts with."""


@asynccontextmanager
async def slowed(server: Server, wait_s: float) -> AsyncIterator[None]:
    """While the block runs, a decode that has no company waits for ``wait_s``.

    Raises:
        LabError: the server cannot be reached, or is not its operator's.
    """
    policy = BatchingPolicy("dynamic", max_batch=_LARGE_BATCH, max_wait_s=wait_s)
    await server.operator.set_batching(policy)
    try:
        yield
    finally:
        await server.operator.set_batching(_USUAL)
