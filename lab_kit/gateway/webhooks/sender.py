"""Sends what is due: signed, a few at a time, again after ever longer waits, and then no more."""

import asyncio
import random
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import httpx
from standardwebhooks import Webhook

from lab_kit.core.errors import INTERNAL_FAILURE, LabError
from lab_kit.gateway.outbound.guarded import Outbound
from lab_kit.gateway.state.folder import StateFolder
from lab_kit.gateway.webhooks.webhooks import Due

AT_ONCE = 8
"""Each to another webhook, so that a receiver that is slow holds up its own messages alone."""
LOOK_S = 0.5
ATTEMPTS, GROWTH = 8, 4.0
"""With five seconds after the first, the eighth comes some seven hours after it; the specification
proposes days, and receivers that were down overnight."""
SPREAD = 0.2
"""Waits differ by so much, or all that failed together would come back together."""
LONGEST_ASKED_S = 3_600.0
"""A receiver may ask for a longer wait than the next, up to this."""
GONE = 410
"""[Source: Standard Webhooks, 2023]: a receiver that says so wants nothing any more."""
_MOST_ERROR = 200


class Outbox(Protocol):
    """Where messages wait, and what became of them is noted; `status` is what was answered."""

    async def due(self, most: int, busy: Collection[UUID] = ()) -> list[Due]:
        """What is to be sent now, the longest due first, and not to where something is sent."""
        ...

    async def delivered(self, due: Due, status: int) -> None:
        """Its receiver has it."""
        ...

    async def failed(
        self, due: Due, why: str, again_in_s: float | None, status: int | None
    ) -> None:
        """It was not taken; None for giving it up."""
        ...

    async def disable(self, due: Due, why: str, status: int) -> None:
        """Its receiver wants nothing any more."""
        ...


class Sender:
    """What is sent, and when again.

    Args:
        first_s: after which a first attempt that failed is followed by the second.
    """

    def __init__(
        self, state: StateFolder, outbox: Outbox, outbound: Outbound, first_s: float
    ) -> None:
        self._outbox = outbox
        self._state = state
        self._outbound = outbound
        self._first_s = first_s
        self._sending: dict[UUID, asyncio.Task[None]] = {}

    async def turn(self) -> None:
        """Begin to send what is due now, and look after what is being sent.

        Raises:
            StateUnusable: what became of a message cannot be written; it is sent again.
        """
        if self._state.is_used:
            for due in await self._outbox.due(AT_ONCE - len(self._sending), self._sending):
                self._sending[due.webhook] = asyncio.create_task(self._send(due))
        if not self._sending:
            await asyncio.sleep(LOOK_S)
            return
        sending = self._sending.values()
        await asyncio.wait(sending, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        for webhook, task in tuple(self._sending.items()):
            if task.done():
                del self._sending[webhook]
                task.result()

    def stop(self) -> None:
        """Send nothing more; what has not been taken is for the next server."""
        for task in self._sending.values():
            task.cancel()

    async def _send(self, due: Due) -> None:
        try:
            answer = await self._outbound.post(due.url, due.body.encode(), signed(due))
        except LabError as error:
            await self._failed(due, f"{error.reason}: {error.received}", 0.0, None)
            return
        except Exception:
            # the fault is ours, and told in the log; the messages behind this one must not wait
            await self._failed(due, INTERNAL_FAILURE, 0.0, None)
            raise
        status = answer.status_code
        if answer.is_success:
            await self._outbox.delivered(due, status)
        elif status == GONE:
            await self._outbox.disable(due, "it answered 410 Gone", status)
        else:
            await self._failed(due, f"it answered {status}", _asked_s(answer), status)

    async def _failed(self, due: Due, why: str, asked_s: float, status: int | None) -> None:
        again_s = None
        if due.attempts + 1 < ATTEMPTS:
            wait_s = self._first_s * GROWTH**due.attempts * random.uniform(1 - SPREAD, 1 + SPREAD)
            again_s = max(wait_s, asked_s)
        await self._outbox.failed(due, why[:_MOST_ERROR], again_s, status)


def signed(due: Due) -> dict[str, str]:
    """The headers of an attempt: its id, its time, and a signature for each secret; of a message
    that is not signed, those that its receiver wants."""
    if not due.secrets:
        return {**due.headers, "content-type": "application/json"}
    at = datetime.now(UTC)
    signatures = [Webhook(secret).sign(due.message, at, due.body) for secret in due.secrets]
    return {
        "content-type": "application/json",
        "webhook-id": due.message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _asked_s(answer: httpx.Response) -> float:
    told = answer.headers.get("retry-after", "")
    return min(float(told), LONGEST_ASKED_S) if told.isdigit() else 0.0
