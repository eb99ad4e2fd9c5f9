"""What an answer says of the compute that its caller has left.

The fields are those of an Internet-Draft that is no standard yet; the unit is ours, for those that
it names are requests, bytes and connections [Source: IETF, 2025,
draft-ietf-httpapi-ratelimit-headers-10].
"""

import math

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab_kit.access.budget import Budget
from lab_kit.core.ids import TenantId
from lab_kit.gateway.door.call import Quota
from lab_kit.gateway.door.compute import Account, Compute
from lab_kit.gateway.door.keys import Keys

_UNIT = "compute-milliseconds"
_BEGINNINGS = ("http.response.start", "websocket.accept", "websocket.http.response.start")


class TellQuota:
    """ASGI middleware: ``RateLimit`` and ``RateLimit-Policy`` of whoever has a limit."""

    def __init__(self, app: ASGIApp, keys: Keys, compute: Compute) -> None:
        self._app = app
        self._keys = keys
        self._compute = compute

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, with what the caller has left."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        quota = Quota()
        scope.setdefault("state", {})["quota"] = quota

        async def telling(message: Message) -> None:
            if message["type"] in _BEGINNINGS and quota.tenant is not None:
                told = self._told(quota.tenant, quota.key_id)
                if told:
                    message.setdefault("headers", [])
                    MutableHeaders(scope=message).update(told)
            await send(message)

        await self._app(scope, receive, telling)

    def _told(self, tenant: TenantId, key_id: str | None) -> dict[str, str]:
        accounts = self._compute.accounts(tenant, self._keys.record(key_id))
        limited = [(one, one.budget) for one in accounts if one.budget is not None]
        if not limited:
            return {}
        now_s = self._compute.now_s()
        return {
            "ratelimit-policy": ", ".join(_policy(*one) for one in limited),
            "ratelimit": ", ".join(_left(*one, now_s) for one in limited),
        }


def _policy(account: Account, budget: Budget) -> str:
    """So much within the time in which as much comes back."""
    allowance = budget.allowance
    window_s = math.ceil(allowance.burst_s / allowance.per_s)
    return f'"{_name(account)}";q={_ms(allowance.burst_s)};w={window_s};qu="{_UNIT}"'


def _left(account: Account, budget: Budget, now_s: float) -> str:
    """What is left, and in how many seconds all of it will be back."""
    left_s, allowance = budget.left_s(now_s), budget.allowance
    whole_s = math.ceil(max(0.0, allowance.burst_s - left_s) / allowance.per_s)
    return f'"{_name(account)}";r={_ms(max(0.0, left_s))};t={whole_s}'


def _name(account: Account) -> str:
    return account.name.partition(" ")[0]


def _ms(seconds: float) -> int:
    return math.floor(seconds * 1_000)
