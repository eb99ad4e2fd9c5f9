"""The routes that have a successor: what is planned for each, who still calls it, what it tells.

Without a plan, which only an operator makes, a route answers as ever and its clients are told
nothing; who calls it is counted all the same, so that the operator knows before announcing. Plans
and counts are the running server's: one that starts again is told its plans again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab_kit.core.errors import LabError, UnknownDeprecation
from lab_kit.core.ids import TenantId
from lab_kit.core.shown import shown
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.protocol.deprecations import (
    GUIDE_PATH,
    TRANSCRIBE_V1,
    DeprecationPlan,
    DeprecationStatus,
    TenantUse,
    check_open,
    check_plan,
    headers,
    standing,
)
from lab_kit.protocol.recordings import TRANSCRIBE_PATH
from lab_kit.protocol.recordings_v2 import TRANSCRIBE_V2_PATH

MOST_TENANTS = 1_000
"""Of each route; beyond them the one goes that has not called for longest. As many as there may be
sandbox keys."""


@dataclass(slots=True)
class Replaced:
    """A route that has a successor.

    Attributes:
        plan: None while nothing is announced.
        use: by tenant, in the order of their last calls.
    """

    name: str
    path: str
    successor: str
    guide: str
    plan: DeprecationPlan | None = None
    use: dict[TenantId, TenantUse] = field(default_factory=dict)


class Deprecations:
    """Those of one server.

    Args:
        now_s: the time of day, in seconds since 1970.
    """

    def __init__(self, metrics: Metrics, now_s: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._now_s = now_s
        one = Replaced(TRANSCRIBE_V1, TRANSCRIBE_PATH, TRANSCRIBE_V2_PATH, GUIDE_PATH)
        self._named = {one.name: one}
        self._by_path = {one.path: one}
        self._by_successor = {one.successor: one}

    def statuses(self) -> tuple[DeprecationStatus, ...]:
        """All of them."""
        return tuple(map(self.status, self._named))

    def status(self, name: str) -> DeprecationStatus:
        """One of them.

        Raises:
            UnknownDeprecation: no route of that name has a successor.
        """
        found = self._of(name)
        plan = found.plan
        return DeprecationStatus(
            name=found.name,
            path=found.path,
            successor=found.successor,
            guide=found.guide,
            plan=plan,
            standing=None if plan is None else standing(plan, self._now_s()),
            use=tuple(reversed(found.use.values())),
        )

    def put(self, name: str, plan: DeprecationPlan | None) -> None:
        """Follow a plan from now on, whatever was announced before; None takes it back.

        Raises:
            UnknownDeprecation: no route of that name has a successor.
            InvalidParameter: see `check_plan`.
        """
        found = self._of(name)
        if plan is not None:
            check_plan(plan)
        found.plan = plan

    def meet(self, path: str, tenant: TenantId) -> None:
        """Count a call that was let in, and make sure that its route still answers.

        Raises:
            RouteBrownedOut, RouteGone: it does not.
        """
        now_s = self._now_s()
        if (new := self._by_successor.get(path)) is not None:
            before = self._use(new, tenant)
            new.use[tenant] = replace(before, asked_successor=before.asked_successor + 1)
        if (old := self._by_path.get(path)) is None:
            return
        before = self._use(old, tenant)
        asked = replace(before, asked=before.asked + 1, last_asked_s=now_s)
        try:
            if old.plan is not None:
                check_open(old.plan, old.path, old.successor, old.guide, now_s)
        except LabError:
            asked = replace(asked, refused=asked.refused + 1)
            raise
        finally:
            old.use[tenant] = asked
            is_refused = asked.refused > before.refused
            self._metrics.replaced_route_asked(old.path, "refused" if is_refused else "served")

    def told(self, path: str) -> dict[str, str]:
        """The headers that every answer of a path has; none where nothing is announced."""
        found = self._by_path.get(path)
        if found is None or found.plan is None:
            return {}
        return dict(headers(found.plan, found.successor, found.guide))

    def _of(self, name: str) -> Replaced:
        if name not in self._named:
            raise UnknownDeprecation(
                f"a deprecation of {shown(name)}",
                f"one of {', '.join(self._named)}",
                "name a route that has a successor",
            )
        return self._named[name]

    def _use(self, route: Replaced, tenant: TenantId) -> TenantUse:
        """The tenant's, taken out to be put back as the latest."""
        found = route.use.pop(tenant, None)
        if found is None and len(route.use) >= MOST_TENANTS:
            del route.use[next(iter(route.use))]
        return found or TenantUse(str(tenant))


class TellDeprecations:
    """ASGI middleware: the headers of a route that is put out of service, whatever it answers."""

    def __init__(self, app: ASGIApp, deprecations: Deprecations) -> None:
        self._app = app
        self._deprecations = deprecations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, with what is announced."""
        told = self._deprecations.told(scope["path"]) if scope["type"] == "http" else {}
        if not told:
            await self._app(scope, receive, send)
            return

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        await self._app(scope, receive, telling)
