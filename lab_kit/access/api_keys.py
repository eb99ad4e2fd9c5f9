"""API keys: how one is written, what is kept of it, and whether it lets anybody in.

A key is ``sk_live_`` or ``sk_test_``, then 256 random bits in base 62, then a checksum: so a
scanner for leaked secrets can tell one from other text, and a typing error is told from a key that
was revoked, without a look at what is kept [Source: GitHub, 2021, "Behind GitHub's new
authentication token formats"].

What is kept is a keyed digest. A slow hash, as for passwords, would cost each request 200 ms and
protect nothing: nobody can try 2**256 keys. The digest's own key, the pepper, is kept elsewhere, so
that whoever copies the table cannot even tell whether a key that they found is in it.
"""

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import blake2b
from typing import Self
from zlib import crc32

from lab_kit.access.budget import Allowance
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.ids import TenantId

SECRET_BYTES = 32
PEPPER_BYTES = 32
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY_CHARS = 43
"""256 bits in base 62."""
_SUM_CHARS = 6
"""32 bits in base 62."""
_SHOWN_CHARS = 8
"""Of the body, in a key's id: 208 bits of it stay unknown."""
_FORM = re.compile(rf"sk_(live|test)_[0-9A-Za-z]{{{_BODY_CHARS + _SUM_CHARS}}}")
_PERSON = b"lab_kit api key"
_MODEL = "model:"
_MODEL_WORD = re.compile(rf"{_MODEL}[!-~]{{1,100}}")
"""One word, as it is written down between spaces."""


class Environment(StrEnum):
    """What a key's calls are for; told apart wherever they are counted."""

    LIVE = "live"
    TEST = "test"


class Feature(StrEnum):
    """What a server does for callers."""

    STREAMS = "streams"
    RECORDINGS = "recordings"
    SPEECH = "speech"
    INFERENCE = "inference"


class Standing(StrEnum):
    """Whether a key lets anybody in, at a moment."""

    NOT_YET = "not yet"
    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a key is for.

    Attributes:
        features: all where none is named.
        models: their names; all where none is named.
    """

    features: frozenset[Feature] = frozenset()
    models: frozenset[str] = frozenset()

    @classmethod
    def of(cls, words: Iterable[str]) -> Self:
        """From ``streams`` or ``model:NAME``, as people write it.

        Raises:
            InvalidParameter: a word that names neither.
        """
        features, models = set(), set()
        for word in words:
            if _MODEL_WORD.fullmatch(word):
                models.add(word.removeprefix(_MODEL))
            elif word in tuple(Feature):
                features.add(Feature(word))
            else:
                raise InvalidParameter(
                    f"a scope {word[:60]!r}",
                    f"{', '.join(Feature)}, or {_MODEL}NAME",
                    "name one of them, or none for everything",
                )
        return cls(frozenset(features), frozenset(models))

    @property
    def words(self) -> tuple[str, ...]:
        """As `of` reads it, in order."""
        return (*sorted(self.features), *(f"{_MODEL}{name}" for name in sorted(self.models)))

    def is_within(self, other: Self) -> bool:
        """Whether the other allows all that this does."""
        pairs = ((self.features, other.features), (self.models, other.models))
        return all(not wide or (narrow and narrow <= wide) for narrow, wide in pairs)

    def allows(self, feature: Feature, model: str) -> bool:
        """Whether a call may use ``feature`` with ``model``."""
        is_feature = not self.features or feature in self.features
        return is_feature and (not self.models or model in self.models)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of a key. Moments are seconds since 1970.

    Attributes:
        id: the key's first characters, by which people name it.
        digest: see `digest`.
        pepper: the id of the one that the digest was made with.
        expires_s: the first moment at which it is over; None for never.
        revoked_s: since when it is revoked; None while it is not.
        streams: how many live streams it may have at once; None for as many as there is room for.
        compute: what its calls may spend, within what its tenant may; None for all of that.
    """

    id: str
    tenant: TenantId
    environment: Environment
    scope: Scope
    digest: bytes
    pepper: str
    made_s: float
    not_before_s: float
    expires_s: float | None = None
    revoked_s: float | None = None
    streams: int | None = None
    compute: Allowance | None = None

    def standing(self, now_s: float) -> Standing:
        """Whether it lets anybody in at ``now_s``."""
        if self.revoked_s is not None and now_s >= self.revoked_s:
            return Standing.REVOKED
        if self.expires_s is not None and now_s >= self.expires_s:
            return Standing.EXPIRED
        return Standing.NOT_YET if now_s < self.not_before_s else Standing.VALID

    def revoked(self, now_s: float) -> Self:
        """The same, over from ``now_s`` on; one that was revoked before stays as it is."""
        return self if self.revoked_s is not None else replace(self, revoked_s=now_s)

    def ending(self, at_s: float) -> Self:
        """The same, over from ``at_s`` on, unless it is over earlier."""
        ends_s = at_s if self.expires_s is None else min(at_s, self.expires_s)
        return replace(self, expires_s=ends_s)


def written(environment: Environment, secret: bytes) -> str:
    """A key with its checksum.

    Args:
        secret: `SECRET_BYTES` that nobody can guess.

    Raises:
        ValueError: as many are not given.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"{len(secret)} bytes of secret, not {SECRET_BYTES}")
    bare = f"sk_{environment}_" + _base62(int.from_bytes(secret), _BODY_CHARS)
    return bare + _checksum(bare)


def is_wellformed(key: str) -> bool:
    """Whether it looks like a key and its checksum fits: it was made once, by whomever."""
    is_form = _FORM.fullmatch(key) is not None
    return is_form and _checksum(key[:-_SUM_CHARS]) == key[-_SUM_CHARS:]


def id_of(key: str) -> str:
    """The characters by which a key is named where it must not be shown."""
    return key[: len("sk_live_") + _SHOWN_CHARS]


def digest(key: str, pepper: bytes) -> bytes:
    """What is kept of a key, and what it is found by. Finding it by this tells nothing by its time:
    nobody can steer a keyed hash."""
    text = key.encode(errors="surrogatepass")  # JSON may hold what is no character
    return blake2b(text, digest_size=32, key=pepper, person=_PERSON).digest()


def pepper_id(pepper: bytes) -> str:
    """Names a pepper without telling it, so that another one can be told from it."""
    return blake2b(pepper, digest_size=6, person=b"lab_kit pepper").hexdigest()


def _checksum(bare: str) -> str:
    return _base62(crc32(bare.encode()), _SUM_CHARS)


def _base62(number: int, chars: int) -> str:
    digits = []
    for _ in range(chars):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
