"""ElevenLabs's lists: the voice, and the models' names.

The list of models has the path of our own API's, which is OpenAI's as well. Whoever shows their key
in ElevenLabs's header means ElevenLabs's list.
"""

from typing import Any

from fastapi import APIRouter
from starlette.routing import Match
from starlette.types import Scope

from lab_kit.dialects.elevenlabs.speech import server
from lab_kit.gateway.door.call import ELEVENLABS_KEY
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.providers.elevenlabs.errors import ElevenLabsErrors
from lab_kit.gateway.versions.versions import Versions

VOICES_PATH = "/v1/voices"
MODELS_PATH = "/v1/models"


def elevenlabs_catalog_routes(door: Door, versions: Versions) -> APIRouter:
    """The routes, bound to the server's parts; to be asked before our own models."""

    class Listed(ElevenLabsErrors, guarded(door)):  # type: ignore[misc]
        """Inside the door, refused in the provider's words."""

    class OnlyTheirs(Listed):
        """Passed by where the provider's header is not shown."""

        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            """See `starlette.routing.Route`."""
            is_theirs = any(name == ELEVENLABS_KEY.encode() for name, _ in scope["headers"])
            return super().matches(scope) if is_theirs else (Match.NONE, {})

    router = APIRouter(route_class=Listed)

    @router.get(VOICES_PATH)
    def voices() -> dict[str, Any]:
        """The one voice, which answers to any name."""
        return server.voices()

    @router.get(f"{VOICES_PATH}/{{voice_id}}")
    def voice(voice_id: str) -> dict[str, Any]:
        """The same, by any name."""
        return server.voice() | {"voice_id": voice_id[:200]}

    theirs = APIRouter(route_class=OnlyTheirs, include_in_schema=False)

    @theirs.get(MODELS_PATH)
    def models() -> list[dict[str, Any]]:
        """The names that the provider's clients ask for."""
        return server.models(versions.production.name)

    router.include_router(theirs)
    return router
