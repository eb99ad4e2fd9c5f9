"""What a token endpoint answers [Source: RFC 6749, 5.1 and 5.2; RFC 8414, 2]."""

from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

TOKEN_PATH = "/oauth/token"
KEYS_PATH = "/.well-known/jwks.json"
ABOUT_PATH = "/.well-known/oauth-authorization-server"
GRANT = "client_credentials"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token.

    Attributes:
        expires_in: seconds.
        scope: what it is for; empty for everything.
    """

    access_token: str
    expires_in: int
    scope: str
    token_type: Literal["Bearer"] = "Bearer"


@dataclass(frozen=True, slots=True)
class TokenKeySet:
    """The keys that tokens are signed with, as a JSON Web Key Set [Source: RFC 7517, 5]."""

    keys: tuple[dict[str, str], ...]


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(extra="forbid", json_schema_extra={"examples": [{"at_once": False}]}),
)
class TokenKeyRotation:
    """A new key is published.

    Attributes:
        at_once: it signs from now on, and every token from before is refused: for a key that is in
            wrong hands. Else it signs when all who keep the published keys for a while know it.
    """

    at_once: bool = Field(default=False)
