"""A cluster as a process: nodes, replicas and the address that clients ask for a place.

Run as ``lab cluster``, or by `Cluster`. Ray's processes are its children and end with it.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence

import uvicorn

from lab_kit.cluster.api import create_api
from lab_kit.cluster.directory import Directory
from lab_kit.cluster.nodes import Nodes
from lab_kit.core.child_process import HOST, bind, port_number, stop_with_parent
from lab_kit.core.errors import LabError
from lab_kit.scale.placement import every_placement

DEFAULT_PORT = 8400
PLACEMENTS = {one.name.replace(" ", "-"): one for one in every_placement()}
PLACES = 8
"""Streams of a replica: a small server, so that a laptop shows what many do."""
DRAIN_S = 15.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The process's options."""
    parser.add_argument(
        "--port", type=port_number, default=DEFAULT_PORT, help="default %(default)s"
    )
    parser.add_argument("--nodes", type=int, default=3, help="default %(default)s")
    parser.add_argument(
        "--replicas", type=int, help="at least so many (default: one for each node)"
    )
    parser.add_argument("--most-replicas", type=int, help="default: as many as at least")
    parser.add_argument(
        "--places", type=int, default=PLACES, help="streams of a replica (default %(default)s)"
    )
    parser.add_argument("--drain-s", type=float, default=DRAIN_S, help="default %(default)s")
    parser.add_argument(
        "--placement", choices=PLACEMENTS, default="headroom", help="default %(default)s"
    )
    parser.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cluster until it is told to stop."""
    parser = argparse.ArgumentParser(prog="lab cluster", description="Start replicas under Ray.")
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def run(options: argparse.Namespace) -> int:
    """Run as the parsed options say."""
    logging.basicConfig(level=logging.INFO)
    inherits = options.fd is not None
    try:
        listener = socket.socket(fileno=options.fd) if inherits else bind(HOST, options.port)
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        least = options.nodes if options.replicas is None else options.replicas
        most = max(least, options.most_replicas or least)
        nodes = Nodes(url, options.places, least, most, options.drain_s)
    except LabError as error:
        print(f"lab cluster: {error}", file=sys.stderr, flush=True)
        return 1
    try:
        asyncio.run(_serve(listener, nodes, options))
    finally:
        nodes.stop()
    return 0


async def _serve(listener: socket.socket, nodes: Nodes, options: argparse.Namespace) -> None:
    api = create_api(Directory(PLACEMENTS[options.placement]), nodes)
    server = uvicorn.Server(uvicorn.Config(api, lifespan="off", log_level="warning"))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    if options.with_parent:
        stop_with_parent(lambda: loop.call_soon_threadsafe(stop))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    # replicas report while they start: the address has to answer first
    beginning = asyncio.create_task(asyncio.to_thread(nodes.begin, options.nodes))
    await asyncio.wait({serving, beginning}, return_when=asyncio.FIRST_COMPLETED)
    if beginning.done():
        beginning.result()
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        print(json.dumps({"url": url, "pid": os.getpid()}), flush=True)
    await serving
    await asyncio.wait({beginning})


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
