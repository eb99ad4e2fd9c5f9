"""The operator's API on subjects: what is kept of a person, handed over or erased."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import StreamingResponse

from lab_kit.core.ids import TenantId
from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.door.keys import Role
from lab_kit.gateway.operator.versions_api import PREFIX
from lab_kit.gateway.state.subjects import LONGEST_SUBJECT
from lab_kit.gateway.subjects.stored import Stored
from lab_kit.protocol.subjects import ErasedOfSubject, KeptOfSubject

ZIP = "application/zip"
_Subject = Annotated[str, Path(max_length=LONGEST_SUBJECT)]
_Tenant = Annotated[str, Query(max_length=63)]


def subject_routes(door: Door, stored: Stored) -> APIRouter:
    """The routes, bound to the stores."""
    router = APIRouter(prefix=PREFIX, route_class=guarded(door, Role.OPERATOR), responses=REFUSALS)

    @router.get("/subjects/{subject}")
    async def kept_of_subject(subject: _Subject, tenant: _Tenant) -> KeptOfSubject:
        """What is kept of somebody, by name, time and size; no words."""
        return await stored.kept(TenantId(tenant), subject)

    @router.get(
        "/subjects/{subject}/export",
        response_class=StreamingResponse,
        responses={200: {"content": {ZIP: {}}}},
    )
    async def export_subject(subject: _Subject, tenant: _Tenant) -> StreamingResponse:
        """All that is kept of somebody, words and sound, as a ZIP file."""
        pieces = await stored.exported(TenantId(tenant), subject)
        return StreamingResponse(pieces, media_type=ZIP)

    @router.delete("/subjects/{subject}")
    async def erase_subject(subject: _Subject, tenant: _Tenant) -> ErasedOfSubject:
        """Erase all that is kept of somebody, and destroy the key that copies of it are sealed
        with; nothing of it while the tenant is under a legal hold."""
        return await stored.erase(TenantId(tenant), subject)

    return router
