"""A cluster as a process: nodes, replicas and the address that clients ask for a place.

Run as ``lab cluster``, or by `Cluster`. Ray's processes are its children and end with it.
"""

import argparse
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

import uvicorn

from lab_kit.cluster.api import create_api
from lab_kit.cluster.directory import Directory
from lab_kit.cluster.nodes import Nodes
from lab_kit.core.child_process import HOST, bind, port_number, stop_with_parent
from lab_kit.core.errors import LabError
from lab_kit.protocol.cluster import EchoDoors
from lab_kit.scale.placement import every_placement

DEFAULT_PORT = 8400
PLACEMENTS = {one.name.replace(" ", "-"): one for one in every_placement()}
PLACES = 8
"""Streams of a replica: a small server, so that a laptop shows what many do."""
DRAIN_S = 15.0
ANSWER_S = 60.0
"""For Ray to start a node, after whatever else it was asked for."""
_Result = TypeVar("_Result")


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
    first = FirstThread()
    api = create_api(Directory(PLACEMENTS[options.placement]), InTurn(nodes, first))
    server = uvicorn.Server(uvicorn.Config(api, lifespan="off", log_level="warning"))
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: first.stop())
    if options.with_parent:
        stop_with_parent(first.stop)
    # replicas report while they start: the address has to answer first
    serving = threading.Thread(target=server.run, args=([listener],), name="api")
    serving.start()
    try:
        nodes.begin(options.nodes)
        print(json.dumps({"url": url, "pid": os.getpid()}), flush=True)
        first.work()
    finally:
        nodes.stop()
        server.should_exit = True
        serving.join()
    return 0


class FirstThread:
    """Has the process's first thread do what others ask for: Ray starts nodes nowhere else."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()

    def do(self, act: Callable[[], _Result]) -> _Result:
        """Have something done, after all that was asked before; from any other thread."""
        done: Future[_Result] = Future()
        self._asked.put((act, done))
        return done.result(ANSWER_S)

    def stop(self) -> None:
        """Do nothing more; from any thread, and from a signal's handler."""
        self._asked.put(None)

    def work(self) -> None:
        """Do what is asked for until `stop`; on the first thread."""
        while (asked := self._asked.get()) is not None:
            act, done = asked
            try:
                done.set_result(act())
            except Exception as error:  # whoever asked is told
                done.set_exception(error)


class InTurn:
    """The nodes, for threads that may not speak with Ray themselves."""

    def __init__(self, nodes: Nodes, first: FirstThread) -> None:
        self._nodes = nodes
        self._first = first

    @property
    def nodes(self) -> tuple[str, ...]:
        """See `Control`."""
        return self._nodes.nodes

    def states(self) -> dict[str, int]:
        """See `Control`."""
        return self._nodes.states()

    def add_node(self) -> str:
        """See `Control`."""
        return self._first.do(self._nodes.add_node)

    def kill_node(self, name: str) -> None:
        """See `Control`."""
        self._first.do(lambda: self._nodes.kill_node(name))

    def begin_echo(self) -> EchoDoors:
        """See `Control`."""
        return self._first.do(self._nodes.begin_echo)

    def redeploy(self, drain_s: float) -> int:
        """See `Control`."""
        return self._first.do(lambda: self._nodes.redeploy(drain_s))


if __name__ == "__main__":
    sys.exit(main())
