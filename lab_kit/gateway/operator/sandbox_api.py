"""The operator's API on sandbox keys: each for one test, with faults and a journal."""

from fastapi import APIRouter

from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.door.keys import Role
from lab_kit.gateway.operator.versions_api import PREFIX
from lab_kit.protocol.sandbox import FaultPlan, Journal, SandboxKey, Script


def sandbox_routes(door: Door) -> APIRouter:
    """The routes, bound to the door that knows the keys."""
    router = APIRouter(prefix=PREFIX, route_class=guarded(door, Role.OPERATOR), responses=REFUSALS)
    keys = door.sandbox_keys

    @router.post("/sandbox-keys", status_code=201)
    def make_sandbox_key(body: FaultPlan) -> SandboxKey:
        """Make a key; callers are let in with it, and meet these faults, one a call."""
        return keys.make(body.faults)

    @router.put("/sandbox-keys/{name}/faults", status_code=204)
    def put_faults(name: str, body: FaultPlan) -> None:
        """Have the next calls meet these, whatever is left of those before."""
        keys.named(name).use(body.faults)

    @router.put("/sandbox-keys/{name}/script", status_code=204)
    def put_script(name: str, body: Script) -> None:
        """Have the next calls answered with these lines, an utterance a line."""
        keys.named(name).say(body.lines)

    @router.get("/sandbox-keys/{name}/journal")
    def journal(name: str) -> Journal:
        """What was called with the key, without any sound and any result."""
        return keys.named(name).journal()

    @router.delete("/sandbox-keys/{name}", status_code=204)
    def remove_sandbox_key(name: str) -> None:
        """Let nobody in with it any more."""
        keys.remove(name)

    return router
