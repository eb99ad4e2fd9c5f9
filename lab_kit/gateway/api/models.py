"""The models that can be asked for."""

from fastapi import APIRouter

from lab_kit.core.clock import seconds_of
from lab_kit.core.errors import ModelNotFound
from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.versions.versions import Versions
from lab_kit.protocol.models import ModelEntry, ModelList

OWNER = "lab_kit"
"""Of the versions that this server publishes; whose weights they hold is in the catalog."""


def model_routes(door: Door, versions: Versions) -> APIRouter:
    """The route, bound to the server's parts."""
    router = APIRouter(route_class=guarded(door), responses=REFUSALS)

    @router.get("/v1/models")
    def models() -> ModelList:
        """The models that can be asked for, as OpenAI lists its own; the rest is ours."""
        return ModelList((production(),))

    @router.get("/v1/models/{model}")
    def one_model(model: str) -> ModelEntry:
        """One of them."""
        found = production()
        if model != found.id:
            raise ModelNotFound(f"the model {model[:80]!r}", found.id, "list /v1/models")
        return found

    def production() -> ModelEntry:
        model = versions.production
        published = versions.status(int(model.version)).published
        return ModelEntry(
            id=model.name,
            # a version whose description was damaged since it was loaded has no date any more
            created=seconds_of(published) if published else None,
            owned_by=OWNER,
            version=model.version,
            architecture=model.architecture,
            device=model.device,
        )

    return router
