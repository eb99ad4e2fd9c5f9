"""The client of webhooks: where a caller is told of operations, and what became of the messages."""

from typing import Any

import httpx

from lab_kit.client.requests import read_as, refused, unreachable
from lab_kit.protocol.webhooks import (
    WEBHOOKS_PATH,
    Delivery,
    DeliveryList,
    DeliveryState,
    Webhook,
    WebhookList,
)

_TIMEOUT_S = 60.0
"""Of one read or write; the server answers at once."""


class Webhooks:
    """The caller's webhooks on a server; nothing is tried again.

    Every method raises `ConnectionFailed` where the server cannot be reached, and the server's own
    error where it refuses.

    Args:
        url: such as ``http://127.0.0.1:8300``.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        self._url = url
        self._headers = {} if key is None else {"Authorization": f"Token {key}"}

    async def make(self, address: str) -> Webhook:
        """Be told at ``address``; the secret in the answer is not told again."""
        return read_as(Webhook, await self._answer("POST", WEBHOOKS_PATH, json={"url": address}))

    async def all(self) -> tuple[Webhook, ...]:
        """The caller's, the oldest first."""
        return read_as(WebhookList, await self._answer("GET", WEBHOOKS_PATH)).webhooks

    async def delete(self, name: str) -> None:
        """Be told there no more; ``name`` as in `Webhook.name`."""
        await self._answer("DELETE", f"/v1/{name}")

    async def rotate_secret(self, name: str) -> Webhook:
        """A new secret, told this once; for a day messages are signed with both."""
        return read_as(Webhook, await self._answer("POST", f"/v1/{name}:rotateSecret"))

    async def deliveries(
        self, name: str, state: DeliveryState | None = None
    ) -> tuple[Delivery, ...]:
        """The last messages to one, the newest first."""
        query = {} if state is None else {"state": state.value}
        body = await self._answer("GET", f"/v1/{name}/deliveries", params=query)
        return read_as(DeliveryList, body).deliveries

    async def replay(self, name: str, message: str) -> Delivery:
        """Have a message sent again, whatever became of it."""
        body = await self._answer("POST", f"/v1/{name}/deliveries/{message}:replay")
        return read_as(Delivery, body)

    async def _answer(self, method: str, path: str, **more: Any) -> bytes:
        async with httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=_TIMEOUT_S, trust_env=False
        ) as client:
            try:
                answer = await client.request(method, path, **more)
            except httpx.HTTPError as error:
                raise unreachable(self._url, error) from error
        if not answer.is_success:
            raise refused(answer)
        return answer.content
