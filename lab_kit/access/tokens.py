"""Access tokens: what one says, and when another one may take its place.

A caller shows its API key once and gets a token for some minutes. What is stolen then, from a log
or a browser, is worth little, and less if the token names the certificate of who may show it. They
are JSON Web Tokens with the claims of RFC 9068; how they are signed is not known here. Moments are
seconds since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lab_kit.access.api_keys import Feature, Scope
from lab_kit.core.errors import InvalidParameter, Unauthenticated

KIND = "at+jwt"
"""The header's ``typ``: any other JWT of the same issuer, an identity's say, lets nobody in
[Source: RFC 9068, 4]."""
LEEWAY_S = 5.0
"""By which clocks of two machines may differ."""
_MOST_CHARS = 4_096


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says.

    Attributes:
        key_id: of the API key that it was given for; the client, as OAuth calls it.
        scope: what it is for, within what the key is for.
        token_id: no two tokens have the same.
        certificate: the thumbprint of the client's certificate, without which it is worth nothing
            [Source: RFC 8705, 3.1]; None where it is anybody's who has it.
    """

    key_id: str
    tenant: str
    scope: Scope
    token_id: str
    issued_s: int
    expires_s: int
    certificate: str | None = None

    def written(self, issuer: str) -> dict[str, Any]:
        """As the token holds them."""
        bound = {} if self.certificate is None else {"cnf": {"x5t#S256": self.certificate}}
        return {
            "iss": issuer,
            "aud": issuer,
            "sub": self.key_id,
            "client_id": self.key_id,
            "tenant": self.tenant,
            "scope": " ".join(self.scope.words),
            "jti": self.token_id,
            "iat": self.issued_s,
            "exp": self.expires_s,
            **bound,
        }

    @classmethod
    def read(cls, kind: object, told: Mapping[str, Any], issuer: str, now_s: float) -> Self:
        """From a token whose signature is right.

        Args:
            kind: its header's ``typ``.

        Raises:
            Unauthenticated: it is over, not begun, another's, or no access token.
        """
        texts = ("sub", "client_id", "tenant", "scope", "jti")
        if kind != KIND or any(not isinstance(told.get(name), str) for name in texts):
            raise _refused("a token that is no access token", f"one of the type {KIND}")
        numbers = (told.get("iat"), told.get("exp"))
        if any(isinstance(one, bool) or not isinstance(one, int) for one in numbers):
            raise _refused("a token without its times", "iat and exp")
        if (told.get("iss"), told.get("aud")) != (issuer, issuer):
            raise _refused("a token of another issuer, or for another server", "one of this server")
        if told["exp"] <= now_s:
            raise _refused("a token that has expired", "one that is valid")
        if told["iat"] > now_s + LEEWAY_S:
            raise _refused("a token from the future", "one that is valid")
        bound = told.get("cnf", {})
        certificate = bound.get("x5t#S256") if isinstance(bound, Mapping) else None
        if "cnf" in told and not isinstance(certificate, str):
            raise _refused("a token bound to what is not known here", "a certificate's thumbprint")
        try:
            scope = Scope.of(told["scope"].split())
        except InvalidParameter as error:
            raise _refused("a token with another scope", "one of this server") from error
        return cls(
            told["client_id"], told["tenant"], scope, told["jti"], told["iat"], told["exp"],
            certificate,
        )  # fmt: skip

    def allows(self, feature: Feature, model: str) -> bool:
        """Whether it is for that."""
        return self.scope.allows(feature, model)

    def check_shown_by(self, certificate: str | None) -> None:
        """Make sure that who shows it is who may.

        Args:
            certificate: the thumbprint of theirs; None for none.

        Raises:
            Unauthenticated: they may not.
        """
        if self.certificate is not None and certificate != self.certificate:
            shown = "no certificate" if certificate is None else "another certificate"
            raise _refused(f"a token bound to a certificate, and {shown}", "that certificate")

    def check_follows(self, before: Self) -> None:
        """Make sure that it may take the place of another one, on a stream that goes on.

        Raises:
            Unauthenticated: it is another client's, for more, bound to another certificate, or not
                valid for longer.
        """
        same = ("key_id", "tenant", "certificate")
        if any(getattr(self, name) != getattr(before, name) for name in same):
            raise _refused("a token of another client", "one of the client that opened the stream")
        if not self.scope.is_within(before.scope):
            raise _refused("a token for more than the one before", "one for as much, or less")
        if self.expires_s <= before.expires_s:
            raise _refused("a token that is not valid for longer", "a new one")


def looks_like_one(credential: str) -> bool:
    """Whether it is written as a JWT is: three parts, of which the first is JSON in base64."""
    return (
        credential.startswith("eyJ")
        and credential.count(".") == 2
        and len(credential) <= _MOST_CHARS
        and credential.isascii()
    )


def _refused(received: str, expected: str) -> Unauthenticated:
    return Unauthenticated(received, expected, "get a new one with POST /oauth/token")
