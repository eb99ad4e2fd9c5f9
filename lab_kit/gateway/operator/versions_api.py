"""The operator's API: versions loaded and freed, labels moved, the shadow looked at.

It has a key of its own, since a caller who may be answered may not decide by whom. Versions are
published on disk (`models.store.repository`), not here: weights are code in all but name, and no
network should carry them in.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, fields, is_dataclass

from fastapi import APIRouter
from starlette.responses import Response

from lab_kit.core.errors import InvalidParameter
from lab_kit.engine.batching import Batching, Continuous, Dynamic, NoBatching, Static
from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.door.keys import Role
from lab_kit.gateway.versions.versions import Versions
from lab_kit.models.store.version import Label
from lab_kit.protocol.versions import (
    BatchingPolicy,
    CacheUse,
    EngineList,
    LabelMove,
    ShadowReport,
    VersionList,
    VersionStatus,
)

PREFIX = "/operator"
POLICIES: dict[str, Callable[..., Batching]] = {
    "none": NoBatching,
    "static": Static,
    "dynamic": Dynamic,
    "continuous": Continuous,
}


def version_routes(door: Door, versions: Versions) -> APIRouter:
    """The routes, bound to the server's parts."""
    router = APIRouter(prefix=PREFIX, route_class=guarded(door, Role.OPERATOR), responses=REFUSALS)

    @router.get("/versions")
    def listing() -> VersionList:
        """Every version in the repository, newly published ones too."""
        return VersionList(versions.model, tuple(versions.statuses()))

    @router.post("/versions/{number}/load", responses={202: {"model": VersionStatus}})
    async def load(number: int, answer: Response, wait: bool = False) -> VersionStatus:
        """Load a version: 202 at once, or with ``?wait=true`` its end, good or bad."""
        loading = await asyncio.to_thread(versions.loader.load, number)
        if wait:
            # shielded: an operator who hangs up does not stop what was begun
            await asyncio.shield(asyncio.wrap_future(loading))
        else:
            answer.status_code = 202
        return await asyncio.to_thread(versions.status, number)

    @router.post("/versions/{number}/unload")
    def unload(number: int) -> VersionStatus:
        """Free a version; while it still serves somebody, it drains."""
        versions.unload(number)
        return versions.status(number)

    @router.get("/versions/{number}/cache")
    def cache(number: int, since_ns: int = 0) -> CacheUse:
        """What the decoder's cache of a loaded version costs, and how it was used."""
        return CacheUse(**asdict(versions.cache(number, since_ns)))

    @router.get("/versions/{number}/engines")
    def engines(number: int) -> EngineList:
        """The processes that decode with a loaded version; none where the server's own does."""
        return EngineList(versions.processes(number))

    @router.put("/labels/{label}")
    def put_label(label: Label, body: LabelMove) -> VersionStatus:
        """Move a label; it decides about new streams and requests only."""
        versions.routing.set_label(label, body.version, body.share)
        return versions.status(body.version)

    @router.delete("/labels/{label}", status_code=204)
    def remove_label(label: Label) -> None:
        """Take a label off."""
        versions.routing.remove_label(label)

    @router.get("/shadow")
    def shadow() -> ShadowReport:
        """How the shadow's answers compare, with the last pairs that differ."""
        return versions.routing.shadow_report()

    @router.get("/batching", response_model_exclude_none=True)
    def batching() -> BatchingPolicy:
        """The policy in force."""
        return policy_of(versions.loader.batching)

    @router.put("/batching", response_model_exclude_none=True)
    def put_batching(body: BatchingPolicy) -> BatchingPolicy:
        """Change the policy of every version's engine while it runs."""
        versions.loader.use(_batching(body))
        return policy_of(versions.loader.batching)

    return router


def policy_of(batching: Batching) -> BatchingPolicy:
    """A policy as it travels: its name, and its numbers by name."""
    (name,) = (name for name, kind in POLICIES.items() if type(batching) is kind)
    assert is_dataclass(batching)
    numbers = {field.name: getattr(batching, field.name) for field in fields(batching)}
    return BatchingPolicy(name, **numbers)


def _batching(policy: BatchingPolicy) -> Batching:
    try:
        return POLICIES[policy.policy](**policy.numbers())
    except TypeError as error:
        raise InvalidParameter(
            str(error),
            f"the numbers of {policy.policy}",
            "send what the policy takes, such as max_batch",
        ) from error
