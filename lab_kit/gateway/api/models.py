"""The models that can be asked for."""

from typing import Any

from fastapi import APIRouter, Request

from lab_kit.core.clock import seconds_of
from lab_kit.gateway.door.keys import Keys
from lab_kit.gateway.versions.versions import Versions

OWNER = "lab_kit"
"""Of the versions that this server publishes; whose weights they hold is in the catalog."""


def model_routes(keys: Keys, versions: Versions) -> APIRouter:
    """The route, bound to the server's parts."""
    router = APIRouter()

    @router.get("/v1/models")
    def models(request: Request) -> dict[str, Any]:
        """The models that can be asked for, as OpenAI lists its own; the rest is ours."""
        keys.check_caller(request.headers.get("authorization"))
        model = versions.production
        published = versions.status(int(model.version)).published
        entry = {
            "id": model.name,
            "object": "model",
            # a version whose description was damaged since it was loaded has no date any more
            "created": seconds_of(published) if published else None,
            "owned_by": OWNER,
            "version": model.version,
            "architecture": model.architecture,
            "device": model.device,
        }
        return {"object": "list", "data": [entry]}

    return router
