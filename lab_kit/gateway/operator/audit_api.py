"""The operator's API on the audit log: read by page, vouched for, proved record by record."""

from fastapi import APIRouter

from lab_kit.core.errors import InvalidParameter
from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.door.keys import Role
from lab_kit.gateway.observe.audit.reading import AuditQuery, AuditReader
from lab_kit.gateway.operator.versions_api import PREFIX
from lab_kit.protocol.audit import AuditCheckpoint, AuditPage, AuditProof


def audit_routes(door: Door) -> APIRouter:
    """The routes, bound to the log that the door tells of its calls."""
    router = APIRouter(prefix=PREFIX, route_class=guarded(door, Role.OPERATOR), responses=REFUSALS)
    reader = AuditReader(door.audit)

    @router.get("/audit/checkpoint")
    async def audit_checkpoint() -> AuditCheckpoint:
        """Sign all that has happened until now. Save it where the server cannot write."""
        return await reader.checkpoint()

    @router.get("/audit/records")
    async def audit_records(
        tenant: str | None = None,
        action: str | None = None,
        key_id: str | None = None,
        request_id: str | None = None,
        stream_id: str | None = None,
        since: str | None = None,
        until: str | None = None,
        page_size: int = 0,
        page_token: str = "",
    ) -> AuditPage:
        """Records, oldest first: a tenant's, a key's, of one call, of an action or all of a kind,
        from one moment to another."""
        named = (tenant, action, key_id, request_id, stream_id)
        return await reader.page(AuditQuery(*named, since, until, page_size, page_token))

    @router.get("/audit/proof")
    async def audit_proof(
        size: int, record: int | None = None, old_size: int | None = None
    ) -> AuditProof:
        """Show that ``record`` is among the first ``size``, or that these begin with the first
        ``old_size``."""
        if record is not None and old_size is None:
            return await reader.inclusion(record, size)
        if old_size is not None and record is None:
            return await reader.consistency(old_size, size)
        raise InvalidParameter(
            "a proof of nothing" if record is None else "a proof of two things",
            "record or old_size, beside size",
            "send one of them",
        )

    return router
