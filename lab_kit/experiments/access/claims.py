"""What an access token says, for whoever looks: nothing in it is secret, all of it is signed."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.table import Table

_MEANINGS = {
    "alg": "how it is signed",
    "typ": "an access token, and no other kind of JWT",
    "kid": "which of the published keys signed it",
    "iss": "who gave it",
    "aud": "for whom it is",
    "sub": "whose it is: the API key, by its id",
    "client_id": "the same, as OAuth names it",
    "tenant": "whose calls are counted",
    "scope": "what it is for; empty for everything",
    "jti": "its own number: a stream is opened with it once",
    "iat": "given at",
    "exp": "over at",
    "cnf": "whose certificate has to be shown with it",
}
_MOMENTS = ("iat", "exp")
_SHOWN_CHARS = 60


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A token's header and its claims, as they stand there; the signature is not looked at.

    Raises:
        InvalidParameter: it is no JWT.
    """
    try:
        header, claims = (_decoded(part) for part in token.split(".")[:2])
    except (ValueError, TypeError) as error:
        raise InvalidParameter(
            f"{token[:30]!r}, which is no JWT", "three parts with dots between them", "see loot"
        ) from error
    return header, claims


def claims_table(token: str) -> Table:
    """A row for each thing that it says, in its own order.

    Raises:
        InvalidParameter: it is no JWT.
    """
    header, claims = parts_of(token)
    rows = [
        (where, name, _shown(name, value), _MEANINGS.get(name, ""))
        for where, said in (("header", header), ("claims", claims))
        for name, value in said.items()
    ]
    return Table("thing that it says", ("in its", "name", "value", "meaning"), rows, left=4)


def _decoded(part: str) -> dict[str, Any]:
    read = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(read, dict):
        raise TypeError("no object")
    return read


def _shown(name: str, value: object) -> str:
    if name in _MOMENTS and isinstance(value, int):
        return f"{datetime.fromtimestamp(value, UTC):%H:%M:%S} UTC ({value})"
    return f"{value!s:.{_SHOWN_CHARS}}"
