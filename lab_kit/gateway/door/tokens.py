"""Temporary tokens: each stands for the key of whoever had it made, once, and not for long.

A product gives one to a browser, which must not have the key. The call that shows it is the key's:
its tenant's, and of a sandbox key also with its faults and in its journal.
"""

import secrets
import time
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256

from lab_kit.core.errors import QuotaExceeded, SystemOverloaded, Unauthenticated

MOST_TOKENS = 20_000
"""Of all callers: some megabytes."""
MOST_OF_ONE = 2_000
"""Caller: more than three a second of those that live longest, ten minutes."""


@dataclass(frozen=True, slots=True)
class Token:
    """What one stands for.

    Attributes:
        key: as it was offered, with any scheme before it; None on a server that asks for none.
        session_s: how long what is opened with it may last; None where nothing was said.
    """

    key: str | None
    session_s: float | None
    caller: str
    expires_ns: int


class Tokens:
    """Those that were made and not used yet; none is kept beyond the server's end."""

    def __init__(self) -> None:
        # by their hash, so that looking one up tells nothing of the others by the time it takes
        self._made: dict[bytes, Token] = {}

    def make(self, key: str | None, caller: str, lasts_s: float, session_s: float | None) -> str:
        """A new one that nobody can guess.

        Raises:
            QuotaExceeded, SystemOverloaded: the caller, or all of them, have too many unused ones.
        """
        if len(self._made) >= MOST_OF_ONE:
            self._check_room(caller)
        text = secrets.token_urlsafe(32)
        expires_ns = time.perf_counter_ns() + round(lasts_s * 1e9)
        self._made[_hash(text)] = Token(key, session_s, caller, expires_ns)
        return text

    def of(self, credential: str | None) -> Token | None:
        """The token that is offered, after whatever scheme; None for what is none."""
        words = (credential or "").split()
        token = self._made.get(_hash(words[-1])) if words else None
        return token if token is not None and not _is_over(token) else None

    def use(self, credential: str | None, token: Token) -> None:
        """From now on it opens nothing more.

        Raises:
            Unauthenticated: somebody else was faster.
        """
        words = (credential or "").split()
        if self._made.pop(_hash(words[-1]), None) is not token:
            raise Unauthenticated(
                "a token that was used", "one that was not", "have a new one made for each session"
            )

    def _check_room(self, caller: str) -> None:
        self._made = {name: one for name, one in self._made.items() if not _is_over(one)}
        own = Counter(one.caller for one in self._made.values())[caller]
        if own >= MOST_OF_ONE:
            raise QuotaExceeded(
                f"{own:,} tokens of this caller that were not used",
                f"at most {MOST_OF_ONE:,}",
                "use them, or wait until some have expired",
                details={"limit": "tokens"},
            )
        if len(self._made) >= MOST_TOKENS:
            raise SystemOverloaded(
                f"{len(self._made):,} tokens that were not used",
                f"at most {MOST_TOKENS:,}",
                "ask again after the stated delay",
            )


def _is_over(token: Token) -> bool:
    return time.perf_counter_ns() >= token.expires_ns


def _hash(text: str) -> bytes:
    return sha256(text.encode(errors="surrogatepass")).digest()
