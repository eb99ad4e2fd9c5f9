"""An API key changed for an access token, which is what a stream or a browser is then given."""

import ssl
from collections.abc import Mapping
from typing import Any

import httpx

from lab_kit.client.requests import read_as, unreachable
from lab_kit.core.errors import InvalidParameter, LabError, ScopeMissing, Unauthenticated
from lab_kit.protocol.error_body import told_error
from lab_kit.protocol.tokens import GRANT, TOKEN_PATH, AccessToken

_TIMEOUT_S = 30.0
_ID_CHARS = 16
"""Of a key, by which it is named: ``sk_live_`` and eight more."""
_ERRORS: Mapping[str, type[LabError]] = {
    "invalid_client": Unauthenticated,
    "invalid_scope": ScopeMissing,
}


async def access_token(
    url: str, key: str, *scope: str, tls: ssl.SSLContext | None = None
) -> AccessToken:
    """A new token for an API key.

    Args:
        scope: what it is to be for, as keys have it; all that the key is for where none is named.
        tls: how to connect to ``https``; with a client's certificate, the token is bound to it.

    Raises:
        Unauthenticated: the key is not valid.
        ScopeMissing: the key is not for all of that.
        ConnectionFailed: the server cannot be reached.
    """
    form: dict[str, Any] = {"grant_type": GRANT}
    if scope:
        form["scope"] = " ".join(scope)
    try:
        async with httpx.AsyncClient(
            base_url=url, timeout=_TIMEOUT_S, trust_env=False, verify=tls or True
        ) as http:
            answer = await http.post(TOKEN_PATH, data=form, auth=(key[:_ID_CHARS], key))
    except httpx.HTTPError as error:
        raise unreachable(url, error) from error
    if answer.is_success:
        return read_as(AccessToken, answer.content)
    raise told_error(answer.content) or _refusal(answer)


def _refusal(answer: httpx.Response) -> LabError:
    """From OAuth's own words."""
    try:
        told = answer.json()
        name, why = str(told["error"]), str(told.get("error_description", ""))
    except (ValueError, KeyError, TypeError):
        name, why = str(answer.status_code), answer.text[:200]
    kind = _ERRORS.get(name, InvalidParameter)
    return kind(f"{name}: {why}", "a token", "see what the server says")
