"""Webhooks over HTTP: where a caller wants to be told, and what became of the messages."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from lab_kit.gateway.api.errors import REFUSALS
from lab_kit.gateway.api.operations import tenant_of
from lab_kit.gateway.door.door import Door, guarded
from lab_kit.gateway.webhooks.webhooks import Webhooks
from lab_kit.protocol.webhooks import (
    WEBHOOKS_PATH,
    Delivery,
    DeliveryList,
    DeliveryState,
    NewWebhook,
    Webhook,
    WebhookList,
)


def webhook_routes(door: Door, webhooks: Webhooks) -> APIRouter:
    """The routes, bound to the server's parts."""
    router = APIRouter(route_class=guarded(door), responses=REFUSALS)
    one = WEBHOOKS_PATH + "/{webhook:uuid}"

    @router.post(WEBHOOKS_PATH, status_code=201)
    async def make_webhook(request: Request, asked: NewWebhook) -> Webhook:
        """Be told, at this address, of each operation that ends; the secret is told this once."""
        return await webhooks.make(tenant_of(request), asked.url)

    @router.get(WEBHOOKS_PATH)
    async def list_webhooks(request: Request) -> WebhookList:
        """The caller's."""
        return WebhookList(await webhooks.all(tenant_of(request)))

    @router.delete(one, status_code=204)
    async def delete_webhook(request: Request, webhook: UUID) -> Response:
        """Be told there no more; what is on its way is not sent."""
        await webhooks.delete(tenant_of(request), webhook)
        return Response(status_code=204)

    @router.post(one + ":rotateSecret")
    async def rotate_secret(request: Request, webhook: UUID) -> Webhook:
        """A new secret, told this once; messages are signed with both for a day."""
        return await webhooks.rotate(tenant_of(request), webhook)

    @router.get(one + "/deliveries")
    async def list_deliveries(
        request: Request, webhook: UUID, state: DeliveryState | None = None
    ) -> DeliveryList:
        """The last hundred messages to it, the newest first; ``state=DEAD`` are those given up."""
        return DeliveryList(await webhooks.deliveries(tenant_of(request), webhook, state))

    @router.post(one + "/deliveries/{message}:replay")
    async def replay_delivery(request: Request, webhook: UUID, message: str) -> Delivery:
        """Send it again, whatever became of it before."""
        return await webhooks.replay(tenant_of(request), webhook, message)

    return router
