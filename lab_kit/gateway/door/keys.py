"""Who may come in: a caller with the caller's key, an operator with the operator's."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest
from typing import Protocol

from lab_kit.access.api_keys import Feature, KeyRecord, Standing, is_wellformed
from lab_kit.core.errors import (
    InvalidParameter,
    KeyEnded,
    OperatorLocked,
    QuotaExceeded,
    ScopeMissing,
    Unauthenticated,
)
from lab_kit.core.ids import TenantId
from lab_kit.gateway.door.api_keys import ApiKeys

KEY_VARIABLE = "LAB_SERVER_KEY"
OPERATOR_KEY_VARIABLE = "LAB_OPERATOR_KEY"
_KEY = re.compile(r"[!-~]+")
ANYBODY, KEY_HOLDER, OPERATOR = TenantId("anybody"), TenantId("key-holder"), TenantId("operator")
"""With one key there is one tenant, and with none everybody is the same one."""


class HasKey(Protocol):
    """What is held with a key."""

    key_id: str | None


class Role(StrEnum):
    """What a way in asks of those who call."""

    CALLER = "caller"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, as their key says.

    Attributes:
        key_id: of their API key; None where they have none.
    """

    tenant: TenantId
    role: Role
    key_id: str | None = None


@dataclass(slots=True)
class Keys:
    """The server's keys.

    Attributes:
        caller: a key that is accepted from callers for everything; None for no such key.
        operator: the only key that moves versions; None lets nobody.
        made: API keys, for tenants; None for a server without.

    Raises:
        InvalidParameter: a key that no client could send.
    """

    caller: str | None = None
    operator: str | None = None
    made: ApiKeys | None = None

    def __post_init__(self) -> None:
        for whose, key in (("caller", self.caller), ("operator", self.operator)):
            if key is not None and not _KEY.fullmatch(key):
                received = "empty" if not key else "not all visible ASCII without spaces"
                raise InvalidParameter(
                    f"a key for the {whose} that is {received}",
                    "letters, digits and signs, as they fit into a header",
                    "pass such a key, or leave it out for none",
                )

    def authenticate(self, credential: str | None, role: Role) -> Principal:
        """Who calls, by the key that is offered; the operator's key and the caller's are two.

        Args:
            credential: the key, with any scheme before it.

        Raises:
            Unauthenticated: a key is set and this is not it.
            OperatorLocked: the server was given no operator's key, so that nobody has it.
        """
        if role is Role.OPERATOR:
            if self.operator is None:
                raise OperatorLocked(
                    "the operator's API, which is locked",
                    "a server that was started with an operator's key",
                    f"set {OPERATOR_KEY_VARIABLE}, or pass --operator-key, and start it again",
                )
            _require(self.operator, credential or "")
            return Principal(OPERATOR, role)
        given = _word(credential)
        if self.caller is not None and compare_digest(_bytes(given), _bytes(self.caller)):
            return Principal(KEY_HOLDER, role)
        record = self.made.of(given) if self.made else None
        if record is not None:
            _check_standing(record)
            return Principal(record.tenant, role, record.id)
        if self.is_open:
            return Principal(ANYBODY, role)
        raise _refusal(given)

    @property
    def is_open(self) -> bool:
        """Whether anybody is let in, with whatever key: none was set, and none was ever made."""
        return self.caller is None and not self.made

    def check_allowed(self, principal: Principal, feature: Feature, model: str) -> None:
        """Make sure that a key is for what its caller wants.

        Raises:
            ScopeMissing: it is not.
        """
        record = self._record(principal.key_id)
        if record is not None and not record.scope.allows(feature, model):
            raise ScopeMissing(
                f"{feature} with {model}, by the key {record.id}",
                f"what that key is for: {', '.join(record.scope.words)}",
                "ask the operator for a key with that scope",
            )

    def check_streams(self, principal: Principal, places: Iterable[HasKey]) -> None:
        """Make sure that a key may have one more live stream.

        Args:
            places: of all streams.

        Raises:
            QuotaExceeded: it has as many as it may.
        """
        record = self._record(principal.key_id)
        if record is None or record.streams is None:
            return
        own = sum(place.key_id == record.id for place in places)
        if own >= record.streams:
            raise QuotaExceeded(
                f"another live stream beside {own}, by the key {record.id}",
                f"at most {record.streams} at once",
                "end one of them, or ask the operator for a key with more",
                details={"limit": "streams"},
            )

    def check_goes_on(self, key_id: str | None) -> None:
        """Make sure that a stream may go on that was opened with a key.

        Raises:
            KeyEnded: it was revoked meanwhile, or has expired.
        """
        record = self._record(key_id)
        standing = Standing.VALID if record is None else record.standing(time.time())
        if standing is not Standing.VALID:
            raise KeyEnded(
                f"the key {key_id}, which is {standing}",
                "one that is valid",
                "begin another stream, with another key",
            )

    def _record(self, key_id: str | None) -> KeyRecord | None:
        return self.made.named(key_id) if self.made and key_id is not None else None


def _require(key: str, offered: str) -> None:
    """Compare with the last word that was offered, whatever scheme stands before it."""
    if not compare_digest(_bytes(_word(offered)), _bytes(key)):
        raise _refusal(_word(offered))


def _word(credential: str | None) -> str:
    """The last word, whatever scheme stands before it."""
    words = (credential or "").split()
    return words[-1] if words else ""


def _refusal(given: str) -> Unauthenticated:
    what = "no key" if not given else "a key that is not valid here"
    if given.startswith("sk_") and not is_wellformed(given):
        what = "a key with a typing error, as its checksum says"
    return Unauthenticated(
        what, "Authorization: Token KEY", "ask whoever started the server for its key"
    )


def _check_standing(record: KeyRecord) -> None:
    standing = record.standing(time.time())
    if standing is not Standing.VALID:
        raise Unauthenticated(
            f"the key {record.id}, which is {standing}",
            "one that is valid",
            "ask the operator for another one",
            details={"key_id": record.id, "standing": standing},
        )


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")  # JSON may hold what is no character
