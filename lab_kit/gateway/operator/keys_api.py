"""The operator's API on API keys: made, listed, rotated, revoked."""

from fastapi import APIRouter

from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.door.api_keys import ApiKeys
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.door.keys import Role
from lab_kit.gateway.door.token_keys import TokenKeys
from lab_kit.gateway.operator.versions_api import PREFIX
from lab_kit.protocol.api_keys import ApiKey, ApiKeyList, MadeKey, NewKey, Rotation
from lab_kit.protocol.tokens import TokenKeyRotation, TokenKeySet


def key_routes(door: Door, keys: ApiKeys, token_keys: TokenKeys) -> APIRouter:
    """The routes, bound to the keys and to the door whose streams end with them."""
    router = APIRouter(prefix=PREFIX, route_class=guarded(door, Role.OPERATOR), responses=REFUSALS)

    @router.post("/keys", status_code=201)
    async def make_api_key(body: NewKey) -> MadeKey:
        """Make a key, which is told this once. From the first one on, callers need one."""
        return await keys.make(body)

    @router.get("/keys")
    def list_api_keys() -> ApiKeyList:
        """All keys, those that are over too; never a key itself."""
        return ApiKeyList(keys.told)

    @router.post("/keys/{key}:rotate", status_code=201)
    async def rotate_api_key(key: str, body: Rotation) -> MadeKey:
        """Make a new key for the same; the old one ends after the overlap."""
        return await keys.rotate(key, body.overlap_s)

    @router.post("/keys/{key}:revoke")
    async def revoke_api_key(key: str) -> ApiKey:
        """Let nobody in with it any more; its open streams end, with what they are owed."""
        revoked = await keys.revoke(key)
        door.end_streams_without_key()
        return revoked

    @router.post("/token-keys:rotate")
    async def rotate_token_key(body: TokenKeyRotation) -> TokenKeySet:
        """Publish a new key for tokens; see what it may do at once."""
        await token_keys.rotate(at_once=body.at_once)
        return TokenKeySet(tuple(token_keys.public()["keys"]))

    return router
