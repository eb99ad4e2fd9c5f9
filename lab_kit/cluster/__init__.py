"""Replicas of the server on several nodes: Ray keeps them, clients reach them directly.

    client ── GET /v1/place ──> directory <── report ── replica ── starts ──> the lab's own server
       └───────────────── WebSocket, gRPC, SSE ──────────────────────────────────────┘

Ray is the control plane: it places replicas on nodes, starts them again, has as many as the open
streams need, and loses nodes. No sound passes through it. `directory` is what clients ask;
`replica` is what Ray runs; `nodes` speaks with Ray; `process` is all of it as a process, which
`Cluster` starts.
"""

from lab_kit.cluster.cluster import Cluster

__all__ = ["Cluster"]
