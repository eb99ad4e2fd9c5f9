"""The sandbox keys of one server, in memory: each with its faults and its journal."""

import secrets
import time
from collections import deque
from itertools import count

from lab_kit.core.errors import SandboxKeyNotFound
from lab_kit.core.ids import TenantId
from lab_kit.engine.scripted import ScriptedEngine
from lab_kit.gateway.sandbox.exchange import Exchange
from lab_kit.gateway.sandbox.faults import check
from lab_kit.protocol.sandbox import Fault, Journal, SandboxKey

MOST_KEYS = 1_000
"""A test suite has as many tests; beyond them the oldest key goes."""
MOST_ENTRIES = 1_000
"""Of one key: more calls than one test makes, a megabyte."""


class Sandbox:
    """One key: what its calls meet, and what they were.

    Attributes:
        engine: answers them; None for the version's own.
    """

    def __init__(self, name: str) -> None:
        self.tenant = TenantId(f"sandbox-{name}")
        self.engine: ScriptedEngine | None = None
        self._left: deque[tuple[Fault, int | None]] = deque()
        self._calls: deque[Exchange] = deque(maxlen=MOST_ENTRIES)
        self._count = 0
        self._made_ns = time.perf_counter_ns()

    def use(self, faults: tuple[Fault, ...]) -> None:
        """Have the next calls meet these, whatever is left of others.

        Raises:
            InvalidParameter: one that no call can meet.
        """
        for fault in faults:
            check(fault)
        self._left = deque((fault, fault.times) for fault in faults)

    def say(self, lines: tuple[str, ...]) -> None:
        """Have the next calls answered with these.

        Raises:
            InvalidParameter: they cannot be said.
        """
        self.engine = ScriptedEngine(lines) if lines else None

    async def meet(self, exchange: Exchange) -> None:
        """A call came with the key.

        Raises:
            LabError: its fault refuses it.
        """
        if not exchange.is_begun:
            self._count += 1
            self._calls.append(exchange)
            exchange.begin(self._count, self._made_ns, self._next())
        await exchange.meet()

    def journal(self) -> Journal:
        """Its calls until now."""
        entries = tuple(one.entry() for one in self._calls)
        return Journal(entries, self._count - len(entries))

    def _next(self) -> Fault | None:
        if not self._left:
            return None
        fault, times = self._left[0]
        if times is not None:
            self._left[0] = (fault, times - 1)
            if times == 1:
                self._left.popleft()
        return fault


class SandboxKeys:
    """All of them."""

    def __init__(self) -> None:
        self._of: dict[str, Sandbox] = {}
        self._named: dict[str, str] = {}
        self._numbers = count(1)

    def __bool__(self) -> bool:
        return bool(self._of)

    def make(self, faults: tuple[Fault, ...]) -> SandboxKey:
        """A new key that nobody can guess.

        Raises:
            InvalidParameter: see `Sandbox.use`.
        """
        name, key = str(next(self._numbers)), f"sandbox_{secrets.token_urlsafe(24)}"
        sandbox = Sandbox(name)
        sandbox.use(faults)
        if len(self._named) >= MOST_KEYS:
            self.remove(next(iter(self._named)))
        self._of[key], self._named[name] = sandbox, key
        return SandboxKey(name, key)

    def named(self, name: str) -> Sandbox:
        """The key of that name.

        Raises:
            SandboxKeyNotFound: there is none.
        """
        return self._of[self._key(name)]

    def remove(self, name: str) -> None:
        """Nobody is let in with it any more; what goes on with it does.

        Raises:
            SandboxKeyNotFound: there is none.
        """
        del self._of[self._key(name)]
        del self._named[name]

    def of(self, credential: str | None) -> Sandbox | None:
        """Whose key was offered, after whatever scheme; None for any other."""
        words = (credential or "").split()
        return self._of.get(words[-1]) if words else None

    def engine_of(self, tenant: TenantId) -> ScriptedEngine | None:
        """What answers a key's calls instead of a version; None for the version."""
        found = (one for one in self._of.values() if one.tenant == tenant)
        sandbox = next(found, None)
        return None if sandbox is None else sandbox.engine

    def _key(self, name: str) -> str:
        if name not in self._named:
            raise SandboxKeyNotFound(
                f"a sandbox key {name[:50]!r}",
                "one that was made, and not removed since",
                "make one with POST /operator/sandbox-keys",
            )
        return self._named[name]
