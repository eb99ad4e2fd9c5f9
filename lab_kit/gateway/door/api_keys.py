"""A server's API keys: all of them in memory, and whatever changes on the disk first.

To look one up takes a digest and a dict, so it costs a call microseconds, and a key that was
revoked is so from the next call on.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from lab_kit.access.api_keys import (
    SECRET_BYTES,
    Environment,
    KeyRecord,
    Scope,
    Standing,
    digest,
    id_of,
    pepper_id,
    written,
)
from lab_kit.core.errors import ApiKeyNotFound, InvalidParameter, QuotaExceeded, StateUnusable
from lab_kit.core.ids import TenantId
from lab_kit.gateway.door import key_table as table
from lab_kit.gateway.door.tenants import allowance
from lab_kit.gateway.observe.audit.audit import Audit
from lab_kit.gateway.state.database import Database
from lab_kit.protocol.api_keys import ApiKey, MadeKey, NewKey

MOST_KEYS = 100_000
"""Those that are over included: some 50 MB in memory."""
_T = TypeVar("_T")
_RESERVED, _SANDBOX = ("anybody", "key-holder", "operator"), "sandbox-"
"""Tenants that a server has without API keys, and how the names of some begin."""


class ApiKeys:
    """Those of one server.

    Args:
        database: where they are kept.
        pepper: gives what digests are made with, when it is first needed.
        audit: told what was made, and what is over.
    """

    def __init__(
        self, database: Database, pepper: Callable[[], bytes], audit: Audit | None = None
    ) -> None:
        self._database = database
        self._pepper = pepper
        self._audit = audit or Audit()
        self._by_id: dict[str, KeyRecord] = {}
        self._ids: dict[bytes, str] = {}
        # one change after the other: a rotation that began before must not undo a revocation
        self._turn = asyncio.Lock()

    def __bool__(self) -> bool:
        """Whether any was ever made: a server that has them asks everybody for one."""
        return bool(self._by_id)

    @property
    def told(self) -> tuple[ApiKey, ...]:
        """All of them, by when they were made."""
        return tuple(told(one) for one in self._by_id.values())

    def named(self, identity: str) -> KeyRecord:
        """What is kept of the key of that id.

        Raises:
            ApiKeyNotFound: there is none.
        """
        if identity not in self._by_id:
            raise ApiKeyNotFound(
                f"an API key {identity[:40]!r}",
                "the id of one that was made",
                "list them with GET /operator/keys",
            )
        return self._by_id[identity]

    def load(self) -> None:
        """Read what is on the disk, before the server serves.

        Raises:
            StateUnusable: it cannot be read, or was made with another pepper.
        """
        found = self._database.read_now(table.read)
        foreign = {one.pepper for one in found if one.pepper != pepper_id(self._pepper())}
        if foreign:
            raise StateUnusable(
                f"API keys that were made with the pepper {', '.join(sorted(foreign))}",
                f"the pepper {pepper_id(self._pepper())}, which is here",
                "set LAB_KEY_PEPPER to the one that they were made with",
            )
        self._take(found)

    def of(self, key: str) -> KeyRecord | None:
        """What is kept of a key; None for one that was not made here."""
        if not self._by_id:
            return None
        identity = self._ids.get(digest(key, self._pepper()))
        return None if identity is None else self._by_id[identity]

    async def make(self, asked: NewKey) -> MadeKey:
        """A new key, which is told this once.

        Raises:
            InvalidParameter: a tenant that is the server's own, no such environment or scope, or an
                end before the beginning.
            QuotaExceeded: there are too many.
            StateUnusable: it cannot be kept.
        """

        async def made() -> MadeKey:
            key, record = self._new(asked)
            await self._keep(record)
            return self._told_made(key, record)

        return await self._in_turn(made)

    def make_now(self, asked: NewKey) -> MadeKey:
        """As `make`, where no server runs."""
        key, record = self._new(asked)
        self._database.read_now(lambda rows: table.put(rows, record))
        self._take([record])
        return self._told_made(key, record)

    async def revoke(self, identity: str) -> ApiKey:
        """Let nobody in with it any more.

        Raises:
            ApiKeyNotFound: there is none of that id.
            StateUnusable: it cannot be kept; then it is as it was.
        """

        async def revoked() -> ApiKey:
            record = self.named(identity).revoked(time.time())
            await self._keep(record)
            self._audit.key_revoked(about := told(record))
            return about

        return await self._in_turn(revoked)

    async def rotate(self, identity: str, overlap_s: float) -> MadeKey:
        """A new key for the same; the old one ends after ``overlap_s``.

        Raises:
            ApiKeyNotFound: there is none of that id.
            InvalidParameter: it is over.
        """

        async def rotated() -> MadeKey:
            old, now_s = self.named(identity), time.time()
            if (standing := old.standing(now_s)) in (Standing.REVOKED, Standing.EXPIRED):
                raise InvalidParameter(
                    f"the key {identity}, which is {standing}",
                    "one that lets somebody in",
                    "make a new one",
                )
            key, record = self._written(replace(old, made_s=now_s, not_before_s=now_s))
            await self._keep(old.ending(now_s + overlap_s), record)
            self._audit.key_rotated(told(old), about := told(record), overlap_s)
            return MadeKey(key, about)

        return await self._in_turn(rotated)

    async def _in_turn(self, change: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Make a change when the one before it is made, to its end whoever waits for it."""

        async def changed() -> _T:
            async with self._turn:
                return await change()

        return await asyncio.shield(changed())

    async def _keep(self, *records: KeyRecord) -> None:
        """On the disk, then for the next call."""
        await self._database.run(lambda rows: table.put(rows, *records))
        self._take(records)

    def _new(self, asked: NewKey) -> tuple[str, KeyRecord]:
        tenant, now_s = TenantId(asked.tenant), time.time()
        begins_s = now_s if asked.not_before_s is None else asked.not_before_s
        if asked.tenant in _RESERVED or asked.tenant.startswith(_SANDBOX):
            raise InvalidParameter(
                f"a tenant named {tenant}",
                f"none of {', '.join(_RESERVED)}, and none that begins with {_SANDBOX}",
                "choose another",
            )
        if asked.environment not in tuple(Environment):
            raise InvalidParameter(
                f"the environment {asked.environment[:40]!r}", "live or test", "name one of them"
            )
        if asked.expires_s is not None and asked.expires_s <= max(begins_s, now_s):
            raise InvalidParameter(
                f"a key that begins at {begins_s:.0f} and ends at {asked.expires_s:.0f}",
                "an end that is later, and not past",
                "move one of the two",
            )
        environment, scope = Environment(asked.environment), Scope.of(asked.scope)
        record = KeyRecord("", tenant, environment, scope, b"", "", now_s, begins_s)
        compute = allowance(asked.compute_s_per_min, asked.compute_burst_s)
        return self._written(
            replace(record, expires_s=asked.expires_s, streams=asked.streams, compute=compute)
        )

    def _told_made(self, key: str, record: KeyRecord) -> MadeKey:
        about = told(record)
        self._audit.key_made(about)
        return MadeKey(key, about)

    def _written(self, record: KeyRecord) -> tuple[str, KeyRecord]:
        """A key for what a record says, and the record with it."""
        if len(self._by_id) >= MOST_KEYS:
            raise QuotaExceeded(
                f"{len(self._by_id):,} API keys",
                f"at most {MOST_KEYS:,}",
                "use another server",
                details={"limit": "api_keys"},
            )
        # an id has 47 bits, so two of a hundred thousand are hardly ever the same
        while id_of(key := written(record.environment, secrets.token_bytes(SECRET_BYTES))) in (
            self._by_id
        ):
            pass
        pepper = self._pepper()
        made = replace(record, id=id_of(key), digest=digest(key, pepper), pepper=pepper_id(pepper))
        return key, made

    def _take(self, records: Iterable[KeyRecord]) -> None:
        for one in records:
            self._by_id[one.id] = one
            self._ids[one.digest] = one.id


def told(record: KeyRecord) -> ApiKey:
    """What an operator may know of a key."""
    return ApiKey(
        record.id,
        str(record.tenant),
        record.environment,
        record.scope.words,
        record.made_s,
        record.not_before_s,
        record.expires_s,
        record.revoked_s,
        record.standing(time.time()),
        record.streams,
        None if record.compute is None else record.compute.per_min_s,
        None if record.compute is None else record.compute.burst_s,
    )
