"""What Ray runs on a node: an actor that starts the lab's own server and speaks for it.

The server is a child of the actor's process, on a free port of the loopback, and dies with it. The
actor reports its address and how full it is; Ray asks it whether it is healthy and how many streams
are open, and tells it when it has to go: then the server drains, which Ray cannot do for sockets
that it does not know.
"""

import json
import os
import signal
import threading
from contextlib import suppress
from importlib import import_module
from time import monotonic, sleep
from typing import Any

import httpx

from lab_kit.core.child_process import HOST, Child
from lab_kit.core.errors import ServerFailed
from lab_kit.protocol.cluster import REPLICAS_PATH, REPORT_S, Report

SERVER = "lab_kit.gateway.run.process"
NODE_VARIABLE = "LAB_NODE"
"""In a node's environment: its name."""
OPERATOR_KEY_VARIABLE = "LAB_OPERATOR_KEY"
STREAMS, PLACES = "lab_streams_open", "lab_places"
"""What the autoscaling policy is told of each replica."""
_ASK_S = 2.0


def keep_to_the_loopback() -> None:
    """Have Ray Serve open a replica's own port on the loopback; it takes every address otherwise.

    Nothing calls it here, and there is no setting for it: its name is in Ray Serve's code, where a
    replica's constructor runs before its port is opened.

    Raises:
        AttributeError: another version of Ray, which does it otherwise.
    """
    replica: Any = import_module("ray.serve._private.replica")
    add = replica.add_port_to_grpc_server
    replica.add_port_to_grpc_server = lambda server, _: add(server, f"{HOST}:0")


class Replica:
    """One replica, with its server ready.

    Args:
        directory: address of the cluster's API.
        release: of the deployment.
        places: streams that its server takes at once.
        drain_s: what its streams have when it goes; 0 kills the server.

    Raises:
        ServerFailed: the server did not become ready.
    """

    def __init__(self, directory: str, release: int, places: int, drain_s: float) -> None:
        keep_to_the_loopback()
        self._directory = directory
        self._node = node = os.environ.get(NODE_VARIABLE, "head")
        self._release = release
        self._places = places
        self._drain_s = drain_s
        key = os.urandom(16).hex()
        limits = {"streams": float(places), "drain_s": max(drain_s, 0.1)}
        self._child = Child(
            SERVER,
            (
                *("--names", "lists", "--trace-share", "0"),
                *(f"--limit={name}={value:g}" for name, value in limits.items()),
            ),
            {OPERATOR_KEY_VARIABLE: key, "LAB_SERVER_KEY": ""},
        )
        ready = json.loads(self._child.wait_until_ready("/readyz"))
        self._grpc = f"{HOST}:{ready['grpc_port']}"
        self._http = httpx.Client(timeout=_ASK_S, trust_env=False)
        self._operator = {"authorization": f"Bearer {key}"}
        self._name = f"{node}-{self._child.pid}"
        self._streams = 0
        self._is_leaving = False
        self._ended = threading.Event()
        self._reporting = threading.Thread(target=self._report_on, name="report", daemon=True)
        self._reporting.start()

    def check_health(self) -> None:
        """Called by Ray.

        Raises:
            ServerFailed: the server is gone.
        """
        if not self._child.alive:
            raise ServerFailed("a replica whose server ended", "one that runs", "see its log")

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Called by Ray, for the policy."""
        return {STREAMS: float(self._streams), PLACES: float(self._places)}

    def __del__(self) -> None:
        """Called by Ray when this replica has to go: take no more, drain, and end."""
        if not hasattr(self, "_ended"):  # the server never became ready
            return
        self._is_leaving = True
        with suppress(ServerFailed, httpx.HTTPError):
            self._report()  # nobody is sent here from now on
        os.kill(self._child.pid, signal.SIGTERM if self._drain_s > 0 else signal.SIGKILL)
        until_s = monotonic() + self._drain_s + _ASK_S
        while self._child.alive and monotonic() < until_s:
            sleep(REPORT_S / 5)
        self._ended.set()
        self._child.stop()
        with suppress(httpx.HTTPError):
            self._http.delete(f"{self._directory}{REPLICAS_PATH}/{self._name}")

    def _report_on(self) -> None:
        while not self._ended.wait(REPORT_S):
            # the directory may be busy, the server about to end: the next report says more
            with suppress(httpx.HTTPError, ServerFailed):
                self._report()

    def _report(self) -> None:
        answer = self._http.get(f"{self._child.url}/operator/degradation", headers=self._operator)
        if answer.status_code != 200:
            raise ServerFailed(f"{answer.status_code} from a server", "how it does", "see its log")
        told = answer.json()
        self._streams = told["open_streams"]
        report = Report(
            url=self._child.url,
            grpc=self._grpc,
            node=self._node,
            release=self._release,
            streams=self._streams,
            places=min(self._places, told["capacity"] or self._places),
            level=told["name"],
            pid=self._child.pid,
            is_leaving=self._is_leaving,
        )
        body = {name: getattr(report, name) for name in report.__dataclass_fields__}
        self._http.put(f"{self._directory}{REPLICAS_PATH}/{self._name}", json=body)
