"""A budget while it is used: what is reserved, what it came to, and when a refused caller fits.

One caller sends recordings, speech and silence by turns. They are as long as each other, so as much
is reserved for either; silence then costs next to nothing. First it ignores what it is told and
sends on; then it waits as long as it was told, after every refusal.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import httpx

from lab_kit import datasets
from lab_kit.client.requests import refused, unreachable
from lab_kit.core.errors import ConnectionFailed, QuotaExceeded
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.experiments.access.server import Server
from lab_kit.protocol.api_keys import NewKey
from lab_kit.protocol.recordings import LINES, TRANSCRIBE_PATH
from lab_kit.protocol.tenants import TenantSettings, TenantStatus

_CLIP, _TIMEOUT_S = "two-cities-opening", 60.0
_LEFT = re.compile(r'"tenant";r=(\d+)')
_IMPATIENT_S = 0.15
"""How soon it sends again while it does not listen."""
_MOST_REQUESTS = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """What is allowed, and what is tried.

    Attributes:
        per_min_s, burst_s: compute-seconds that the caller may spend.
        ignored: refusals after which it begins to listen.
        patient: requests that it has answered after that.
    """

    per_min_s: float = 6.0
    burst_s: float = 0.6
    ignored: int = 3
    patient: int = 12


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. Moments are seconds since the run began, amounts compute-seconds.

    Attributes:
        before_s: that were left when it was sent.
        reserved_s: for it, when it began; 0 where it was refused.
        cost_s: that it came to.
        wait_s: that the server said to wait; None where it was admitted.
        is_told: it was sent after a refusal, when the wait was over.
        is_silence: nobody speaks in it.
    """

    sent_s: float
    ended_s: float
    before_s: float
    reserved_s: float
    cost_s: float
    left_s: float
    wait_s: float | None
    is_told: bool
    is_silence: bool

    @property
    def is_admitted(self) -> bool:
        """Whether it was answered with a transcript."""
        return self.wait_s is None


@dataclass(frozen=True, slots=True)
class Drained:
    """A run that is over."""

    plan: Plan
    asks: tuple[Ask, ...]

    @property
    def waits(self) -> tuple[tuple[Ask, Ask], ...]:
        """Each refusal whose wait was kept, with the request that was sent when it was over."""
        return tuple(pair for pair in pairwise(self.asks) if pair[1].is_told)

    def waited_for_s(self, refused: Ask) -> float:
        """Compute-seconds that a refused caller was told to wait for."""
        return refused.before_s + (refused.wait_s or 0.0) * self.plan.per_min_s / 60

    def is_whole(self, refused: Ask) -> bool:
        """Whether the wait was for all of the request. Before its sound is read the server knows
        only the least that any request needs, and tells the wait for that."""
        reserved = [one.reserved_s for one in self.asks if one.is_admitted]
        return bool(reserved) and self.waited_for_s(refused) >= median(reserved) / 2


async def drain(
    server: Server, plan: Plan | None = None, hear: Callable[[Ask], None] | None = None
) -> Drained:
    """Carry out a plan.

    Args:
        hear: told of each request when it has ended.

    Raises:
        LabError: the server refused something for another reason, or cannot be reached.
    """
    plan = plan or Plan()
    tenant = f"drained-{secrets.token_hex(4)}"  # another one each time, with all of its burst
    await server.operator.set_tenant(tenant, TenantSettings(plan.per_min_s, plan.burst_s))
    key = (await server.operator.make_key(NewKey(tenant))).key
    headers = {
        "authorization": f"Token {key}",
        "content-type": f"audio/l16;rate={SAMPLE_RATE_HZ}",
        "accept": LINES,  # the answer begins when the work does, and so tells what was reserved
    }
    async with httpx.AsyncClient(
        base_url=server.url, headers=headers, timeout=_TIMEOUT_S, trust_env=False
    ) as http:
        try:
            return Drained(plan, tuple(await _Caller(server, tenant, plan, http, hear).run()))
        except httpx.HTTPError as error:
            raise unreachable(server.url, error) from error


class _Caller:
    """The one who sends."""

    def __init__(
        self,
        server: Server,
        tenant: str,
        plan: Plan,
        http: httpx.AsyncClient,
        hear: Callable[[Ask], None] | None,
    ) -> None:
        self._server = server
        self._tenant = tenant
        self._plan = plan
        self._http = http
        self._hear = hear
        self._zero_ns = time.perf_counter_ns()
        sound = datasets.clip(_CLIP).pcm16
        self._sounds = sound, bytes(len(sound))

    async def run(self) -> list[Ask]:
        """Ignore some refusals, then wait as told."""
        asks: list[Ask] = []
        refusals = answered = 0
        wait_s: float | None = None
        while answered < self._plan.patient and len(asks) < _MOST_REQUESTS:
            listens = refusals >= self._plan.ignored
            is_told = listens and wait_s is not None
            if wait_s is not None:
                await asyncio.sleep(wait_s if listens else min(wait_s, _IMPATIENT_S))
            # what was refused is sent again; after an answer it is the other sound's turn
            is_silence = sum(one.is_admitted for one in asks) % 2 == 1
            asks.append(one := await self._ask(is_silence=is_silence, is_told=is_told))
            if self._hear is not None:
                self._hear(one)
            wait_s = one.wait_s
            refusals += not one.is_admitted
            answered += one.is_admitted and listens
        return asks

    async def _ask(self, *, is_silence: bool, is_told: bool) -> Ask:
        before = await self._status()
        sent_s, reserved_s, wait_s = self._now_s(), 0.0, None
        async with self._http.stream(
            "POST", TRANSCRIBE_PATH, content=self._sounds[is_silence]
        ) as answer:
            left = _LEFT.search(answer.headers.get("ratelimit", ""))
            begun_s = self._now_s()
            await answer.aread()
        before_s = self._filled(before.compute_left_s, begun_s - sent_s)
        if answer.is_success and left is not None:
            reserved_s = max(0.0, before_s - int(left[1]) / 1e3)
        else:
            wait_s = _told_wait_s(answer)
        after = await self._status()
        return Ask(
            sent_s=sent_s,
            ended_s=self._now_s(),
            before_s=before_s,
            reserved_s=reserved_s,
            cost_s=after.compute_s - before.compute_s,
            left_s=after.compute_left_s or 0.0,
            wait_s=wait_s,
            is_told=is_told,
            is_silence=is_silence,
        )

    def _filled(self, left_s: float | None, later_s: float) -> float:
        """What is left so much later, if nothing is spent meanwhile."""
        return min(self._plan.burst_s, (left_s or 0.0) + later_s * self._plan.per_min_s / 60)

    async def _status(self) -> TenantStatus:
        found = await self._server.operator.tenants()
        return next(one for one in found if one.tenant == self._tenant)

    def _now_s(self) -> float:
        return (time.perf_counter_ns() - self._zero_ns) / 1e9


def _told_wait_s(answer: httpx.Response) -> float:
    """
    Raises:
        LabError: it was refused for another reason.
    """
    error = refused(answer)
    if isinstance(error, QuotaExceeded) and error.retry_after_s is not None:
        return error.retry_after_s
    if answer.is_success:
        raise ConnectionFailed(
            "an answer that does not tell what is left", "the header RateLimit", "see the server"
        )
    raise error
