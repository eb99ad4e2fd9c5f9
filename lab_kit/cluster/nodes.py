"""Ray, on several nodes of one machine: the only module that speaks with it.

"Nodes" are processes of this machine, and all of them listen on the loopback. A node's processors
are bookkeeping: all nodes share the machine's. Pitfalls that the settings here avoid: Ray takes the
machine's own address for 127.0.0.1 unless told otherwise, sends reports of its use, and pushes
metrics every ten seconds, so that autoscaling would look at the past.
"""

import logging
import os
import threading
from itertools import count
from typing import Any

from lab_kit.cluster.echo import Echo, echo_api
from lab_kit.cluster.policy import replicas_for
from lab_kit.cluster.replica import NODE_VARIABLE, PLACES, STREAMS, Replica
from lab_kit.core.child_process import bind
from lab_kit.core.errors import InvalidParameter, NotInstalled
from lab_kit.protocol.cluster import EchoDoors

_log = logging.getLogger(__name__)

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    # keeps to the loopback; its name notwithstanding
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
}
"""Read when Ray is imported."""
HOST = "127.0.0.1"
APPLICATION = "lab"
STORE_BYTES = 100_000_000
"""Of each node's object store; nothing lies in it, and this is near the least that Ray takes."""
CORES = 2
"""That each node says it has. A replica takes one: a new one may start beside an old one."""
UP_S, DOWN_S, LOOK_BACK_S = 1.0, 6.0, 2.0
"""Fast up, slow down: who comes finds a place soon, and a lull costs no starts."""
ECHO_ROUTE = "/echo"
MOST_ECHOED = 100
ASKED = 8
KILLED_S = 15.0
"""Beside what draining takes, until Ray kills a replica that does not go."""


class Nodes:
    """The nodes, and the replicas on them.

    Args:
        directory: address of the cluster's API, where replicas report.
        places: streams that a replica takes at once.
        least, most: replicas.
        drain_s: what a replica's streams have when it goes.

    Raises:
        NotInstalled: Ray is not here.
    """

    def __init__(self, directory: str, places: int, least: int, most: int, drain_s: float) -> None:
        os.environ.update(SETTINGS)
        try:
            import ray
            from ray import serve
            from ray.cluster_utils import Cluster
        except ImportError as error:
            raise NotInstalled.extra("a cluster", "ray", "ray") from error
        self._ray: Any = ray
        self._serve: Any = serve
        self._directory = directory
        self._places = places
        self._least, self._most = least, most
        self._drain_s = drain_s
        self._release = 0
        self._is_deployed = False
        self._numbers = count(1)
        self._nodes: dict[str, Any] = {}
        self._proxy = ""
        self._echo: EchoDoors | None = None
        self._lock = threading.Lock()
        self._cluster: Any = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False, **_of_node("head")},
        )

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of those that replicas run on."""
        return tuple(self._nodes)

    def begin(self, nodes: int) -> None:
        """Add nodes, and have the first replicas started; returns when they are ready."""
        for _ in range(nodes):
            self.add_node()
        self._ray.init(
            address=self._cluster.address,
            _node_ip_address=HOST,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        # for `begin_echo` alone: clients connect to replicas themselves
        with bind(HOST, 0) as chosen:  # let go again: Ray Serve takes a number only
            port = chosen.getsockname()[1]
        self._proxy = f"ws://{HOST}:{port}"
        self._serve.start(proxy_location="HeadOnly", http_options={"host": HOST, "port": port})
        self._release = 1
        self._deploy(self._release, self._drain_s)

    def states(self) -> dict[str, int]:
        """How many replicas are in which state, in Ray Serve's words; empty before the first."""
        if not self._is_deployed:
            return {}
        app = self._serve.status().applications.get(APPLICATION)
        deployment = None if app is None else app.deployments.get(Replica.__name__)
        if deployment is None:
            return {}
        return {str(state): int(n) for state, n in deployment.replica_states.items()}

    def add_node(self) -> str:
        """Add a node; returns its name."""
        with self._lock:
            name = f"node-{next(self._numbers)}"
            self._nodes[name] = self._cluster.add_node(num_cpus=CORES, **_of_node(name))
            return name

    def kill_node(self, name: str) -> None:
        """Have a node die at once, with all that runs on it.

        Raises:
            InvalidParameter: there is no such node.
        """
        with self._lock:
            node = self._nodes.pop(name, None)
        if node is None:
            raise InvalidParameter(
                f"the node {name!r}", f"one of {', '.join(self._nodes)}", "name one of these"
            )
        self._cluster.remove_node(node, allow_graceful=False)

    def begin_echo(self) -> EchoDoors:
        """Have each node echo, through Ray Serve's proxy and without it."""
        if self._echo is None:
            deployment = self._serve.deployment(
                self._serve.ingress(echo_api)(Echo),
                name=Echo.__name__,
                num_replicas=len(self._nodes),
                max_ongoing_requests=MOST_ECHOED,
                ray_actor_options={"num_cpus": 0.1},
            )
            handle = self._serve.run(deployment.bind(), name="echo", route_prefix=ECHO_ROUTE)
            # each answers by chance: asked often enough, all of them have
            asked = [handle.address.remote() for _ in range(ASKED * len(self._nodes))]
            direct = {str(one.result(timeout_s=KILLED_S)) for one in asked}
            self._echo = EchoDoors(f"{self._proxy}{ECHO_ROUTE}/", tuple(sorted(direct)))
        return self._echo

    def redeploy(self, drain_s: float) -> int:
        """Replace every replica by a new one, in the background; returns the release's number."""
        with self._lock:
            self._release += 1
            release = self._release
        deploy = threading.Thread(target=self._deploy, args=(release, drain_s), daemon=True)
        deploy.start()
        return release

    def stop(self) -> None:
        """End everything; returns when it is gone."""
        if self._release:
            self._serve.shutdown()
        self._ray.shutdown()
        self._cluster.shutdown()

    def _deploy(self, release: int, drain_s: float) -> None:
        from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

        deployment = self._serve.deployment(
            Replica,
            name=Replica.__name__,
            graceful_shutdown_timeout_s=drain_s + KILLED_S,
            health_check_period_s=1,
            ray_actor_options={"num_cpus": 1},
            autoscaling_config=AutoscalingConfig(
                min_replicas=self._least,
                max_replicas=self._most,
                initial_replicas=self._least,
                upscale_delay_s=UP_S,
                downscale_delay_s=DOWN_S,
                look_back_period_s=LOOK_BACK_S,
                metrics_interval_s=0.5,
                policy=AutoscalingPolicy(policy_function=by_open_streams),  # type: ignore[no-untyped-call]
            ),
        )
        bound = deployment.bind(self._directory, release, self._places, drain_s)
        self._serve.run(bound, name=APPLICATION, route_prefix=None)
        self._is_deployed = True


def by_open_streams(context: Any) -> tuple[int, dict[str, Any]]:
    """Ray Serve's policy: as many replicas as the streams need that are open now."""
    told = context.aggregated_metrics
    streams = sum(told.get(STREAMS, {}).values())
    places = max(told.get(PLACES, {}).values(), default=0.0)
    least, most = context.capacity_adjusted_min_replicas, context.capacity_adjusted_max_replicas
    if not places:  # none has reported yet
        return max(least, context.target_num_replicas), {}
    return replicas_for(streams, places, least, most), {}


def _of_node(name: str) -> dict[str, Any]:
    return {
        "node_ip_address": HOST,
        "object_store_memory": STORE_BYTES,
        "env_vars": {NODE_VARIABLE: name},
    }
