"""The sockets of the whole server: how it takes connections that come together."""

import asyncio
import socket
from itertools import pairwise
from pathlib import Path

from scripted_engine import ScriptedEngine, recognizer, server_at

from lab_kit.core.child_process import HOST, bind
from lab_kit.gateway.run.draining_server import ACCEPTED_AT_ONCE, DrainingServer, configuration

HANG_S = 30.0
"""Only reached when something hangs."""
COMING = 200


async def test_connections_that_come_together_begin_a_few_a_turn(tmp_path: Path) -> None:
    server = server_at(tmp_path, lambda _: recognizer(ScriptedEngine("so")))
    listening = DrainingServer(configuration(server, is_local=True), server, 0)
    listener = bind(HOST, 0)
    address = listener.getsockname()
    serving = asyncio.create_task(listening.serve(sockets=[listener]))
    open_by_turn = [0]
    async with asyncio.timeout(HANG_S):
        while not listening.started:
            await asyncio.sleep(0.01)
        # the loop stands still meanwhile, and the kernel takes them all
        clients = [socket.create_connection(address, timeout=HANG_S) for _ in range(COMING)]
        while open_by_turn[-1] < COMING:
            await asyncio.sleep(0)
            open_by_turn.append(len(listening.server_state.connections))
        for client in clients:
            client.close()
        listening.stop_soon()
        await serving
    server.stop()
    begun = [after - before for before, after in pairwise(open_by_turn)]
    # Python 3.13 takes one more
    assert 0 < max(begun) <= ACCEPTED_AT_ONCE + 1
