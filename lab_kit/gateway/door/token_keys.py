"""What tokens are signed with: keys that follow one another, each known before it signs.

A key is derived from the server's pepper and a number, so that nothing secret is written down, and
servers that share a pepper have the same keys. A new key is published first; when everybody who
keeps the published keys for a while has it, it begins to sign; the one before it stays published
until its last token has expired.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from lab_kit.access.tokens import KIND, Claims
from lab_kit.core.errors import Unauthenticated
from lab_kit.database.rows import Rows
from lab_kit.gateway.state.database import Database

ISSUER = "lab_kit"
ALGORITHM = "Ed25519"
"""By the name of RFC 9864; ``EdDSA``, which it replaces, would not say which curve."""
PUBLISHED_S = 300.0
"""How long the published keys may be kept; a new one signs after that."""
LONGEST_S = 900.0
"""No token is valid for longer: an open stream can be given another one."""
TABLES = (
    """
    CREATE TABLE token_keys (
        number INTEGER PRIMARY KEY,
        published_s REAL NOT NULL
    ) STRICT
    """,
)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """One key.

    Attributes:
        name: by which a token says what it was signed with.
        signs_s: from when on it signs, in seconds since 1970.
    """

    name: str
    signs_s: float
    key: OKPKey


class TokenKeys:
    """Those of one server.

    Args:
        pepper: gives what they are derived from, when it is first needed.
        now_s: seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        pepper: Callable[[], bytes],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._pepper = pepper
        self._now_s = now_s
        self._published: list[tuple[int, float]] = [(0, 0.0)]
        self._derived: dict[int, TokenKey] = {}

    def load(self) -> None:
        """Read what an earlier server published."""
        self._published = [(0, 0.0), *self._database.read_now(_read)]

    def sign(self, claims: Claims) -> str:
        """A token."""
        one = self._signing()
        header = {"alg": ALGORITHM, "typ": KIND, "kid": one.name}
        return str(jwt.encode(header, claims.written(ISSUER), one.key, algorithms=[ALGORITHM]))

    def read(self, token: str) -> Claims:
        """What a token says, once its signature is found right.

        Raises:
            Unauthenticated: it is forged, signed with a key that is over, or see `Claims.read`.
        """
        keys = KeySet([one.key for one in self._valid()])
        try:
            found = jwt.decode(token, keys, algorithms=[ALGORITHM])
        except (JoseError, ValueError) as error:
            raise Unauthenticated(
                "a token whose signature is not one of this server's",
                "one that POST /oauth/token gave",
                "get a new one; keys that were published before are not valid for ever",
            ) from error
        return Claims.read(found.header.get("typ"), found.claims, ISSUER, self._now_s())

    def public(self) -> dict[str, Any]:
        """The published keys as a JSON Web Key Set."""
        keys = KeySet([one.key for one in self._valid()])
        return dict(keys.as_dict(private=False))

    async def rotate(self, *, at_once: bool) -> None:
        """Publish a new key.

        Args:
            at_once: sign with it from now on, and refuse all tokens that were signed before: for
                when a key is in wrong hands. Else it begins once everybody may know it.

        Raises:
            StateUnusable: it cannot be kept; then nothing has changed.
        """
        number = self._published[-1][0] + 1
        published_s = 0.0 if at_once else self._now_s()
        await self._database.run(lambda rows: _put(rows, number, published_s))
        self._published.append((number, published_s))

    def _valid(self) -> list[TokenKey]:
        """All that may have signed a token that has not expired, and those that are to sign."""
        keys, now_s = [self._key(*one) for one in self._published], self._now_s()
        valid, until_s = [], math.inf
        for one in reversed(keys):
            if now_s < until_s:
                valid.append(one)
            until_s = min(until_s, one.signs_s + LONGEST_S)
        return valid[::-1]

    def _signing(self) -> TokenKey:
        now_s = self._now_s()
        return next(one for one in reversed(self._valid()) if one.signs_s <= now_s)

    def _key(self, number: int, published_s: float) -> TokenKey:
        if number not in self._derived:
            seed = blake2b(
                number.to_bytes(8), digest_size=32, key=self._pepper(), person=b"lab_kit tokens"
            ).digest()
            private = Ed25519PrivateKey.from_private_bytes(seed)
            key = OKPKey.import_key(private, {"use": "sig", "alg": ALGORITHM})
            name = key.thumbprint()
            key = OKPKey.import_key(private, {"use": "sig", "alg": ALGORITHM, "kid": name})
            signs_s = published_s + PUBLISHED_S if published_s else 0.0
            self._derived[number] = TokenKey(name, signs_s, key)
        return self._derived[number]


def _read(rows: Rows) -> list[tuple[int, float]]:
    found = rows.execute("SELECT * FROM token_keys ORDER BY number")
    return [(row["number"], row["published_s"]) for row in found]


def _put(rows: Rows, number: int, published_s: float) -> None:
    rows.execute("INSERT INTO token_keys VALUES (?, ?)", (number, published_s))
