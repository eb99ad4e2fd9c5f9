"""What a cluster's parts tell each other: replicas report, clients ask for a place."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

PLACE_PATH = "/v1/place"
REPLICAS_PATH = "/v1/replicas"
NODES_PATH = "/v1/nodes"
ECHO_PATH = "/v1/echo"
REPORT_S = 0.25
"""Between two reports of a replica."""


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "url": "http://127.0.0.1:40001",
                    "grpc": "127.0.0.1:40002",
                    "node": "head",
                    "release": 1,
                    "streams": 3,
                    "places": 8,
                    "level": "full",
                    "pid": 4711,
                }
            ]
        },
    ),
)
class Report:
    """What a replica says of itself.

    Attributes:
        url, grpc: of its server.
        node: that it is on.
        release: of the deployment that started it, from 1.
        streams: open there.
        places: streams that it takes at once.
        level: of service.
        pid: of its server's process.
        is_leaving: it takes no more.
    """

    url: str
    grpc: str
    node: str
    release: int
    streams: Annotated[int, Field(ge=0)]
    places: Annotated[int, Field(ge=0)]
    level: str
    pid: int
    is_leaving: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a stream is to be opened; the client connects there itself.

    Attributes:
        replica: by name.
    """

    url: str
    grpc: str
    replica: str
    node: str


@dataclass(frozen=True, slots=True)
class EchoDoors:
    """Two ways to the same echo on every node.

    Attributes:
        proxied: through the control plane's own proxy.
        direct: a WebSocket on each replica.
    """

    proxied: str
    direct: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One replica, and what it last said."""

    name: str
    report: Report
    age_s: float


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """All replicas that report, and the nodes there are.

    Attributes:
        states: how many replicas are in which state, as the control plane has it.
    """

    replicas: tuple[ReplicaStatus, ...]
    nodes: tuple[str, ...]
    states: dict[str, int]
