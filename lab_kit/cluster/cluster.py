"""A handle on a cluster that this process started: asks for places, loses nodes, deploys anew."""

import atexit
import json
import time
from collections import Counter
from typing import ClassVar

import httpx
from pydantic import TypeAdapter

from lab_kit.client.address import ServerAddress
from lab_kit.client.placing import place
from lab_kit.core.child_process import Child
from lab_kit.core.errors import ServerFailed
from lab_kit.protocol.cluster import (
    ECHO_PATH,
    NODES_PATH,
    REPLICAS_PATH,
    ClusterStatus,
    EchoDoors,
)

MODULE = "lab_kit.cluster.process"
START_S = 180.0
"""Ray, three nodes and three servers take 17 to 25 s on two cores."""
_ASK_S = 30.0
_POLL_S = 0.1
_status = TypeAdapter(ClusterStatus)
_doors = TypeAdapter(EchoDoors)


class Cluster:
    """A running cluster; it ends with this process."""

    _running: ClassVar["Cluster | None"] = None

    def __init__(self, child: Child) -> None:
        self.url = child.url
        self._child = child
        self._http = httpx.Client(base_url=child.url, timeout=_ASK_S, trust_env=False)

    @classmethod
    def start(
        cls, nodes: int = 3, replicas: int | None = None, most: int | None = None, places: int = 8
    ) -> "Cluster":
        """Start one in place of any that this process has; returns when its replicas serve.

        Args:
            replicas: at least so many; None for one on each node.
            most: replicas that open streams may bring it to; None for no more than at least.
            places: streams of a replica.

        Raises:
            ServerFailed: it ended or did not become ready; the end of its log is in the error.
        """
        if cls._running is not None:
            cls._running.stop()
        least = nodes if replicas is None else replicas
        child = Child(
            MODULE,
            (
                *("--nodes", str(nodes), "--replicas", str(least)),
                *("--most-replicas", str(most or least), "--places", str(places)),
            ),
        )
        made = cls._running = cls(child)
        atexit.register(made.stop)
        try:
            made.wait_for(least, START_S)
        except BaseException:
            made.stop()
            raise
        return made

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    async def place(self) -> ServerAddress:
        """Where a new stream is to be opened.

        Raises:
            SystemOverloaded: no replica has a free place.
            ConnectionFailed: the cluster cannot be reached.
        """
        return await place(self.url)

    def status(self) -> ClusterStatus:
        """Its replicas and nodes now."""
        return _status.validate_json(self._http.get(REPLICAS_PATH).raise_for_status().content)

    def wait_for(
        self, replicas: int, longest_s: float = START_S, release: int | None = None
    ) -> ClusterStatus:
        """Wait until so many replicas serve that do not leave.

        Args:
            release: of that release alone; None for any.

        Raises:
            ServerFailed: they do not, in that time.
        """
        until_s = time.monotonic() + longest_s
        seen: ClusterStatus | None = None
        while time.monotonic() < until_s and self._child.alive:
            if self._child.probe("/readyz").status is not None:
                seen = self.status()
                reports = [one.report for one in seen.replicas if not one.report.is_leaving]
                if sum(release in (None, one.release) for one in reports) >= replicas:
                    return seen
            time.sleep(_POLL_S)
        there = 0 if seen is None else len(seen.replicas)
        raise ServerFailed(
            f"{there} replicas",
            f"{replicas} within {longest_s:.0f} s",
            f"read the end of the cluster's log:\n{self._child.log_tail()}",
        )

    def add_node(self) -> str:
        """Add a node; returns its name."""
        added = json.loads(self._http.post(NODES_PATH).raise_for_status().content)
        return str(added["node"])

    def kill_node(self, name: str) -> None:
        """Have a node die at once, with all that runs on it."""
        self._http.delete(f"{NODES_PATH}/{name}").raise_for_status()

    def echo(self) -> EchoDoors:
        """Have every replica's node echo what it is sent, by two ways; what Ray's proxy costs."""
        return _doors.validate_json(self._http.post(ECHO_PATH).raise_for_status().content)

    def kill_fullest_node(self) -> str:
        """Have the node die whose replicas have most streams; returns its name."""
        streams: Counter[str] = Counter()
        for one in self.status().replicas:
            streams[one.report.node] += one.report.streams
        if not streams:
            raise ServerFailed("no replica", "one that reports", "wait for it, or start a cluster")
        name = streams.most_common(1)[0][0]
        self.kill_node(name)
        return name

    def redeploy(self, drain_s: float) -> int:
        """Begin to replace every replica; returns the number of the release that comes.

        Args:
            drain_s: what each old one's streams have; 0 cuts them.
        """
        answer = self._http.post(REPLICAS_PATH, params={"drain_s": drain_s}).raise_for_status()
        return int(json.loads(answer.content)["release"])

    def stop(self) -> None:
        """End it and all that it started; harmless if it is gone already."""
        self._http.close()
        self._child.stop()
        atexit.unregister(self.stop)
        if Cluster._running is self:
            Cluster._running = None
