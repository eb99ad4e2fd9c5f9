"""Access tokens on one server: given for API keys, read when they are shown, spent by streams."""

import secrets
import time
from collections import Counter

from lab_kit.access.api_keys import KeyRecord, Scope
from lab_kit.access.tokens import Claims
from lab_kit.core.errors import (
    QuotaExceeded,
    ScopeMissing,
    SystemOverloaded,
    Unauthenticated,
)
from lab_kit.gateway.door.token_keys import LONGEST_S, TokenKeys

MOST_OPENED = 100_000
"""Tokens that opened a stream and have not expired; some megabytes."""
MOST_OF_ONE = 10_000
"""Of one key: sixteen a second, for as long as a token is valid. The rest is for others."""
FORGET_S = 1.0
"""Those that have expired are looked for once in so long at most."""


class AccessTokens:
    """Those of one server.

    Args:
        lasts_s: how long each is valid.
    """

    def __init__(self, keys: TokenKeys, lasts_s: float) -> None:
        self.keys = keys
        self._lasts_s = min(lasts_s, LONGEST_S)
        self._opened: dict[str, Claims] = {}
        self._own: Counter[str] = Counter()
        self._forgot_s = 0.0

    def give(
        self, record: KeyRecord, asked: Scope | None, certificate: str | None
    ) -> tuple[str, Claims]:
        """A new token for an API key.

        Args:
            asked: what it is to be for; None for all that the key is for.
            certificate: the thumbprint of the client's, to which it is bound then.

        Raises:
            ScopeMissing: the key is not for all of that.
        """
        scope = record.scope if asked is None else asked
        if not scope.is_within(record.scope):
            raise ScopeMissing(
                f"a token for {' '.join(scope.words) or 'everything'}",
                f"what the key {record.id} is for: {' '.join(record.scope.words)}",
                "ask for less, or ask the operator for another key",
            )
        now_s = time.time()
        ends_s = now_s + self._lasts_s
        if record.expires_s is not None:
            ends_s = min(ends_s, record.expires_s)
        claims = Claims(
            key_id=record.id,
            tenant=str(record.tenant),
            scope=scope,
            token_id=secrets.token_urlsafe(16),
            issued_s=int(now_s),
            expires_s=int(ends_s),
            certificate=certificate,
        )
        return self.keys.sign(claims), claims

    def read(self, token: str, certificate: str | None) -> Claims:
        """What a token says that somebody shows.

        Args:
            certificate: the thumbprint of theirs; None for none.

        Raises:
            Unauthenticated: it is not valid, or not theirs.
        """
        claims = self.keys.read(token)
        claims.check_shown_by(certificate)
        return claims

    def spend(self, claims: Claims) -> None:
        """A stream begins with it, or goes on with it: it begins no other one.

        Raises:
            Unauthenticated: it has done so before.
            QuotaExceeded, SystemOverloaded: too many of its key have, or in all, that have not
                expired.
        """
        if claims.token_id in self._opened:
            raise Unauthenticated(
                "a token that a stream was opened with before",
                "a new one for each stream",
                "get another one with POST /oauth/token",
            )
        self._check_room(claims.key_id)
        self._opened[claims.token_id] = claims
        self._own[claims.key_id] += 1

    def _check_room(self, key_id: str) -> None:
        if self._own[key_id] >= MOST_OF_ONE or len(self._opened) >= MOST_OPENED:
            self._forget_expired()
        if self._own[key_id] >= MOST_OF_ONE:
            raise QuotaExceeded(
                f"{self._own[key_id]:,} streams that were opened with tokens of {key_id}, which are"
                " still valid",
                f"fewer than {MOST_OF_ONE:,}",
                "wait until some have expired, or open streams with the key",
                details={"limit": "tokens"},
            )
        if len(self._opened) >= MOST_OPENED:
            raise SystemOverloaded(
                f"{MOST_OPENED:,} streams were opened with tokens that are still valid",
                "fewer",
                "try again after the stated delay",
            )

    def _forget_expired(self) -> None:
        now_s = time.time()
        if now_s < self._forgot_s + FORGET_S:
            return
        self._forgot_s = now_s
        self._opened = {n: one for n, one in self._opened.items() if one.expires_s > now_s}
        self._own = Counter(one.key_id for one in self._opened.values())
