"""The cluster over HTTP: clients ask for a place, replicas report, a lab loses nodes.

On the loopback alone, and without keys: it tells addresses, and each server there asks for its own.
"""

import asyncio
from time import monotonic
from typing import Protocol

from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse

from lab_kit.cluster.directory import Directory
from lab_kit.core.errors import LabError
from lab_kit.gateway.door.foreign_pages import RefuseForeignPages
from lab_kit.gateway.door.identify import IdentifyCalls
from lab_kit.gateway.door.keys import Keys
from lab_kit.protocol.cluster import (
    ECHO_PATH,
    NODES_PATH,
    PLACE_PATH,
    REPLICAS_PATH,
    ClusterStatus,
    EchoDoors,
    Placed,
    Report,
)
from lab_kit.protocol.error_body import ErrorEnvelope


class Control(Protocol):
    """What keeps the replicas."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes there are."""
        ...

    def states(self) -> dict[str, int]:
        """How many replicas are in which state, in its own words."""
        ...

    def add_node(self) -> str:
        """Add a node; returns its name."""
        ...

    def kill_node(self, name: str) -> None:
        """Have a node die, with all that runs on it.

        Raises:
            InvalidParameter: there is no such node, or it is the one that everything hangs on.
        """
        ...

    def begin_echo(self) -> EchoDoors:
        """Deploy the echo, if that has not been done."""
        ...

    def redeploy(self, drain_s: float) -> int:
        """Replace every replica, each by a new one; returns the release's number.

        Args:
            drain_s: what each has for its streams; 0 cuts them.
        """
        ...


def create_api(directory: Directory, control: Control) -> FastAPI:
    """The application."""
    api = FastAPI(title="lab cluster", openapi_url=None)
    # nobody is asked for a key here, and a page in a browser could redeploy everything
    api.add_middleware(RefuseForeignPages, keys=Keys(), is_local=True)
    api.add_middleware(IdentifyCalls)  # by which a refusal names the call

    @api.exception_handler(LabError)
    async def refuse(_: Request, error: LabError) -> Response:
        headers = {}
        if error.retry_after_s is not None:
            headers["retry-after"] = str(max(1, round(error.retry_after_s)))
        body = ErrorEnvelope.of(error, None).json_body()
        return JSONResponse(body, error.http_status, headers)

    @api.get("/readyz")
    async def ready() -> Response:
        there = directory.replicas(monotonic())
        state = "ready" if there else "loading"
        return JSONResponse({"status": state}, 200 if there else 503)

    @api.get(PLACE_PATH)
    async def place() -> Placed:
        return directory.place(monotonic())

    @api.get(REPLICAS_PATH)
    async def replicas() -> ClusterStatus:
        states = await asyncio.to_thread(control.states)
        return ClusterStatus(directory.replicas(monotonic()), control.nodes, states)

    @api.put(REPLICAS_PATH + "/{name}", status_code=204)
    async def report(name: str, body: Report) -> None:
        directory.report(name, body, monotonic())

    @api.delete(REPLICAS_PATH + "/{name}", status_code=204)
    async def remove(name: str) -> None:
        directory.remove(name)

    @api.post(REPLICAS_PATH, status_code=202)
    async def redeploy(drain_s: float) -> dict[str, int]:
        return {"release": await asyncio.to_thread(control.redeploy, drain_s)}

    @api.post(ECHO_PATH)
    async def begin_echo() -> EchoDoors:
        return await asyncio.to_thread(control.begin_echo)

    @api.post(NODES_PATH, status_code=201)
    async def add_node() -> dict[str, str]:
        return {"node": await asyncio.to_thread(control.add_node)}

    @api.delete(NODES_PATH + "/{name}", status_code=204)
    async def kill_node(name: str) -> None:
        await asyncio.to_thread(control.kill_node, name)

    return api
