"""Who may come in: a caller with the caller's key, an operator with the operator's."""

import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from hmac import compare_digest
from typing import Protocol

from lab_kit.access.api_keys import Feature, KeyRecord, Scope, Standing, is_wellformed
from lab_kit.access.tokens import Claims, looks_like_one
from lab_kit.core.errors import (
    ApiKeyNotFound,
    InvalidParameter,
    KeyEnded,
    OperatorLocked,
    QuotaExceeded,
    ScopeMissing,
    Unauthenticated,
)
from lab_kit.core.ids import TenantId
from lab_kit.gateway.door.access_tokens import AccessTokens
from lab_kit.gateway.door.api_keys import ApiKeys

KEY_VARIABLE = "LAB_SERVER_KEY"
OPERATOR_KEY_VARIABLE = "LAB_OPERATOR_KEY"
_KEY = re.compile(r"[!-~]+")
ANYBODY, KEY_HOLDER, OPERATOR = TenantId("anybody"), TenantId("key-holder"), TenantId("operator")
"""With one key there is one tenant, and with none everybody is the same one."""


class Role(StrEnum):
    """What a way in asks of those who call."""

    CALLER = "caller"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, as their key says.

    Attributes:
        key_id: of their API key; None where they have none.
        claims: of the token that they showed in its place; None where they showed none.
    """

    tenant: TenantId
    role: Role
    key_id: str | None = None
    claims: Claims | None = None

    @property
    def valid_s(self) -> float:
        """For how long, from now on, by what they showed alone."""
        return math.inf if self.claims is None else max(0.0, self.claims.expires_s - time.time())


class HasPrincipal(Protocol):
    """What somebody holds."""

    principal: Principal


@dataclass(slots=True)
class Keys:
    """The server's keys.

    Attributes:
        caller: a key that is accepted from callers for everything; None for no such key.
        operator: the only key that moves versions; None lets nobody.
        made: API keys, for tenants; None for a server without.
        tokens: that are given for those, for a while; None for a server without.

    Raises:
        InvalidParameter: a key that no client could send.
    """

    caller: str | None = None
    operator: str | None = None
    made: ApiKeys | None = None
    tokens: AccessTokens | None = None

    def __post_init__(self) -> None:
        for whose, key in (("caller", self.caller), ("operator", self.operator)):
            if key is not None and not _KEY.fullmatch(key):
                received = "empty" if not key else "not all visible ASCII without spaces"
                raise InvalidParameter(
                    f"a key for the {whose} that is {received}",
                    "letters, digits and signs, as they fit into a header",
                    "pass such a key, or leave it out for none",
                )

    def authenticate(
        self, credential: str | None, role: Role, certificate: str | None = None
    ) -> Principal:
        """Who calls, by the key that is offered; the operator's key and the caller's are two.

        Args:
            credential: the key, or a token that was given for it, with any scheme before it.
            certificate: the thumbprint of the client's; None for none.

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
        if self.tokens is not None and looks_like_one(given):
            return self._by_token(self.tokens.read(given, certificate), role)
        raise _refusal(given)

    def _by_token(self, claims: Claims, role: Role) -> Principal:
        """A token is worth no more than its key is now."""
        try:
            record = self.record(claims.key_id)
        except ApiKeyNotFound:
            record = None
        if record is None:
            raise Unauthenticated(
                "a token for a key that is not known here", "one of this server", "get a new one"
            )
        _check_standing(record)
        return Principal(record.tenant, role, record.id, claims)

    def give_token(
        self, principal: Principal, client_id: str, asked: str | None, certificate: str | None
    ) -> tuple[str, Claims]:
        """A token for the API key that a call came with.

        Args:
            client_id: the key's id, as the call names it.
            asked: the scope that the token is to have; None for the key's.
            certificate: the thumbprint of the client's, to which it is bound then.

        Raises:
            Unauthenticated: it came with no API key, with another's, or with a token.
            InvalidParameter: there is no such scope.
            ScopeMissing: the key is not for all of it.
        """
        record = self.record(principal.key_id)
        if record is None or self.tokens is None or principal.claims or client_id != record.id:
            raise Unauthenticated(
                "a client that is no API key, or not the one that it names",
                "a key that lab keys create made, and its id",
                "send the id as client_id and the key as client_secret",
            )
        scope = None if asked is None else Scope.of(asked.split())
        return self.tokens.give(record, scope, certificate)

    def spend(self, principal: Principal) -> None:
        """A stream begins: the token that it came with begins no other one.

        Raises:
            Unauthenticated: it has begun one before.
            SystemOverloaded: see `AccessTokens.spend`.
        """
        if self.tokens is not None and principal.claims is not None:
            self.tokens.spend(principal.claims)

    def refreshed(self, principal: Principal, token: str) -> Principal:
        """Who has a stream, once another token takes the place of the one before.

        Raises:
            Unauthenticated: it may not, see `Claims.check_follows`; or the stream has none.
            SystemOverloaded: see `AccessTokens.spend`.
        """
        before = principal.claims
        if before is None or self.tokens is None or not looks_like_one(token):
            raise Unauthenticated(
                "another credential for a stream" + ("" if before else " that has no token"),
                "a token from POST /oauth/token, in place of one",
                "open the stream with a token; a key needs no other one",
            )
        claims = self.tokens.read(token, before.certificate)
        claims.check_follows(before)
        self.tokens.spend(claims)
        return replace(principal, claims=claims)

    @property
    def is_open(self) -> bool:
        """Whether anybody is let in, with whatever key: none was set, and none was ever made."""
        return self.caller is None and not self.made

    def check_allowed(self, principal: Principal, feature: Feature, model: str) -> None:
        """Make sure that a key is for what its caller wants.

        Raises:
            ScopeMissing: it is not.
        """
        record, claims = self.record(principal.key_id), principal.claims
        if record is not None and not record.scope.allows(feature, model):
            raise ScopeMissing(
                f"{feature} with {model}, by the key {record.id}",
                f"what that key is for: {', '.join(record.scope.words)}",
                "ask the operator for a key with that scope",
            )
        if claims is not None and not claims.allows(feature, model):
            raise ScopeMissing(
                f"{feature} with {model}, by a token of the key {record.id if record else ''}",
                f"what the token is for: {', '.join(claims.scope.words)}",
                "get a token with that scope",
            )

    def check_streams(self, principal: Principal, places: Iterable["HasPrincipal"]) -> None:
        """Make sure that a key may have one more live stream.

        Args:
            places: of all streams.

        Raises:
            QuotaExceeded: it has as many as it may.
        """
        record = self.record(principal.key_id)
        if record is None or record.streams is None:
            return
        own = sum(place.principal.key_id == record.id for place in places)
        if own >= record.streams:
            raise QuotaExceeded(
                f"another live stream beside {own}, by the key {record.id}",
                f"at most {record.streams} at once",
                "end one of them, or ask the operator for a key with more",
                details={"limit": "streams"},
            )

    def check_goes_on(self, principal: Principal) -> None:
        """Make sure that a stream may go on that was opened with a key, or with a token.

        Raises:
            KeyEnded: it was revoked meanwhile, or has expired.
        """
        claims, key_id = principal.claims, principal.key_id
        if claims is not None and claims.expires_s <= time.time():
            raise KeyEnded(
                "a stream whose token has expired",
                "another token before that",
                'send {"type": "refresh", "token": …} on our own stream, or begin another one',
            )
        record = self.record(key_id)
        standing = Standing.VALID if record is None else record.standing(time.time())
        if standing is not Standing.VALID:
            raise KeyEnded(
                f"the key {key_id}, which is {standing}",
                "one that is valid",
                "begin another stream, with another key",
            )

    def record(self, key_id: str | None) -> KeyRecord | None:
        """What is kept of the API key that a call came with; None where it had none."""
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
