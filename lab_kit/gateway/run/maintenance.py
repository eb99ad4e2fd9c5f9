"""What the server does beside answering: looks at its load, gives memory back, does operations."""

import asyncio
import gc
import time

from lab_kit.core.memory import trimmer
from lab_kit.gateway.door.compute import AHEAD_S
from lab_kit.gateway.run.background import Background
from lab_kit.gateway.run.server import Server
from lab_kit.gateway.state import subjects

LOOK_S = 0.25
KEYS_S = 0.5
"""A stream goes on so long at most after its key has expired; revoking a key ends it at once."""
COMPUTE_S = AHEAD_S / 2
"""A stream reserves compute for twice as long."""
USAGE_S = 1.0
"""For what a full disk has put off, and for what tenants have left."""
FORGET_S = 60.0
"""Answers are kept for a day, deliveries for a week; a minute more is no matter."""
TRIM_S = 5.0
"""At twice the server's load a trim took 4 ms of a core, and what faulted in again some 20 ms: half
a percent of it. With half a minute between trims the peak was 435 MB resident instead of 400."""


def begin_maintenance(background: Background, server: Server) -> None:
    """Begin all of it, on the running event loop."""
    trim, loop = trimmer(), asyncio.get_running_loop()
    server.metrics.tasks.set_function(lambda: len(asyncio.all_tasks(loop)))

    async def look_now() -> None:
        look(server)

    async def forget_now() -> None:
        if server.state.is_used:
            await server.answers.expire()
            await server.webhooks.expire()
            await server.callbacks.expire()
            await server.metered.expire()
            if await server.database.erase(subjects.forget_unused):
                await server.database.rewrite(subjects.KEYS)

    async def end_without_key() -> None:
        server.door.end_streams_without_key()

    async def renew_compute() -> None:
        server.door.renew_compute()

    async def trim_now() -> None:
        if not server.door.streams:
            # streams that failed leave circles of objects, with words and sound; whoever speaks
            # would have to wait for this
            gc.collect()
        await asyncio.to_thread(trim)

    async def write_usage() -> None:
        if server.usage is not None:
            server.usage.write_rest()
        await server.sound.write()

    background.repeat("watch", LOOK_S, look_now)
    background.repeat("keys", KEYS_S, end_without_key)
    background.repeat("compute", COMPUTE_S, renew_compute)
    background.repeat("usage", USAGE_S, write_usage)
    background.repeat("trim", TRIM_S, trim_now)
    background.repeat("operations", 0.0, server.transcriber.turn)
    background.repeat("webhooks", 0.0, server.sender.turn)
    background.repeat("callbacks", 0.0, server.callback_sender.turn)
    background.repeat("forget", FORGET_S, forget_now)


def look(server: Server) -> None:
    """See how the server does, and act on it."""
    load = server.versions.load_now()
    if load is not None:
        server.watch.look(load, server.door.streams, time.perf_counter_ns())
