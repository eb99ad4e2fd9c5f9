"""The operator's API: versions loaded and freed, labels moved, the shadow looked at.

It has a key of its own, since a caller who may be answered may not decide by whom. Versions are
published on disk (`models.store.repository`), not here: weights are code in all but name, and no
network should carry them in.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from lab_kit.core.errors import InvalidParameter
from lab_kit.engine.batching import Batching, Continuous, Dynamic, NoBatching, Static
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.door.keys import Role
from lab_kit.gateway.versions.state import VersionStatus
from lab_kit.gateway.versions.versions import Versions
from lab_kit.models.store.version import Label

PREFIX = "/operator"
POLICIES: dict[str, Callable[..., Batching]] = {
    "none": NoBatching,
    "static": Static,
    "dynamic": Dynamic,
    "continuous": Continuous,
}


class LabelBody(BaseModel):
    """Where a label goes; ``share`` for the canary alone."""

    model_config = ConfigDict(extra="forbid")
    version: int
    share: float | None = None


def version_routes(door: Door, versions: Versions) -> APIRouter:
    """The routes, bound to the server's parts."""
    router = APIRouter(prefix=PREFIX, route_class=guarded(door, Role.OPERATOR))

    @router.get("/versions")
    def listing() -> dict[str, Any]:
        """Every version in the repository, newly published ones too."""
        return {"model": versions.model, "versions": [_told(v) for v in versions.statuses()]}

    @router.post("/versions/{number}/load")
    async def load(number: int, wait: bool = False) -> Response:
        """Load a version: 202 at once, or with ``?wait=true`` its end, good or bad."""
        loading = await asyncio.to_thread(versions.loader.load, number)
        if wait:
            # shielded: an operator who hangs up does not stop what was begun
            await asyncio.shield(asyncio.wrap_future(loading))
        return await asyncio.to_thread(_status, number, 200 if wait else 202)

    @router.post("/versions/{number}/unload")
    def unload(number: int) -> Response:
        """Free a version; while it still serves somebody, it drains."""
        versions.unload(number)
        return _status(number, 200)

    @router.get("/versions/{number}/cache")
    def cache(number: int, since_ns: int = 0) -> dict[str, Any]:
        """What the decoder's cache of a loaded version costs, and how it was used."""
        return asdict(versions.cache(number, since_ns))

    @router.put("/labels/{label}")
    def put_label(label: Label, body: LabelBody) -> Response:
        """Move a label; it decides about new streams and requests only."""
        versions.routing.set_label(label, body.version, body.share)
        return _status(body.version, 200)

    @router.delete("/labels/{label}")
    def remove_label(label: Label) -> Response:
        """Take a label off."""
        versions.routing.remove_label(label)
        return Response(status_code=204)

    @router.get("/shadow")
    def shadow() -> dict[str, Any]:
        """How the shadow's answers compare, with the last pairs that differ."""
        return asdict(versions.routing.shadow_report())

    @router.get("/batching")
    def batching() -> dict[str, Any]:
        """The policy in force."""
        return policy_body(versions.loader.batching)

    @router.put("/batching")
    def put_batching(body: dict[str, Any]) -> dict[str, Any]:
        """Change the policy of every version's engine while it runs."""
        versions.loader.use(_policy(body))
        return policy_body(versions.loader.batching)

    def _status(number: int, code: int) -> Response:
        return JSONResponse(_told(versions.status(number)), code)

    return router


def policy_body(batching: Batching) -> dict[str, Any]:
    """A policy as it travels: its name, and its numbers by name."""
    (name,) = (name for name, kind in POLICIES.items() if type(batching) is kind)
    assert is_dataclass(batching)
    return {"policy": name} | {f.name: getattr(batching, f.name) for f in fields(batching)}


def _policy(body: dict[str, Any]) -> Batching:
    name = body.get("policy")
    if name not in POLICIES:
        raise InvalidParameter(
            f"policy {name!r}", f"one of {', '.join(POLICIES)}", "send one of these as policy"
        )
    numbers = {key: value for key, value in body.items() if key != "policy"}
    try:
        return POLICIES[name](**numbers)
    except TypeError as error:
        raise InvalidParameter(
            str(error), f"the numbers of {name}", "send what the policy takes, such as max_batch"
        ) from error


def _told(status: VersionStatus) -> dict[str, Any]:
    return asdict(status) | {"settings": status.settings.chosen()}
