"""Where an API key is changed for a token: OAuth 2.0's client credentials.

The client's id is the key's, its secret the key. Errors are OAuth's own, so that any of its
libraries can read them [Source: RFC 6749, 2.3.1, 4.4, 5].
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, unquote_plus

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from lab_kit.core.errors import InvalidParameter, LabError, ScopeMissing, Unauthenticated
from lab_kit.core.shown import shown
from lab_kit.gateway.api.errors import error_response
from lab_kit.gateway.door.call import http_call, request_id_of
from lab_kit.gateway.door.door import Admitted, Door, small_body
from lab_kit.gateway.door.token_keys import ALGORITHM, ISSUER, PUBLISHED_S, TokenKeys
from lab_kit.protocol.tokens import (
    ABOUT_PATH,
    GRANT,
    KEYS_PATH,
    TOKEN_PATH,
    AccessToken,
    TokenKeySet,
)

_MOST_BODY_BYTES = 8_192
"""Read before a key is asked for, as it may be in it; it has three short fields."""
_NOT_KEPT = {"cache-control": "no-store", "pragma": "no-cache"}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"const": GRANT},
                        "client_id": {"type": "string", "description": "The API key's id."},
                        "client_secret": {"type": "string", "description": "The API key."},
                        "scope": {"type": "string", "description": "Less than the key is for."},
                    },
                }
            }
        },
    }
}


def oauth_routes(door: Door, keys: TokenKeys) -> APIRouter:
    """The routes, bound to the door that knows the keys."""
    router = APIRouter()

    @router.post(TOKEN_PATH, response_model=AccessToken, openapi_extra=_FORM)
    async def give_token(request: Request) -> Response:
        """Give a token for an API key, which a client shows as its secret: in the header
        ``Authorization: Basic``, or in the form."""
        try:
            if (client := _in_header(request)) is not None:
                call = http_call(request, signed_as=client.secret)
                async with door.open(call) as admitted:
                    return _given(door, admitted, client.name, await _form(request))
            form = await _form(request)
            client = _in_form(form)
            async with door.open(http_call(request, signed_as=client.secret)) as admitted:
                return _given(door, admitted, client.name, form)
        except LabError as error:
            return _refusal(error, request)

    @router.get(KEYS_PATH)
    def token_keys(response: Response) -> TokenKeySet:
        """The keys that tokens are signed with, those included that are to sign."""
        response.headers["cache-control"] = f"public, max-age={PUBLISHED_S:.0f}"
        return TokenKeySet(tuple(keys.public()["keys"]))

    @router.get(ABOUT_PATH)
    def authorization_server(request: Request) -> dict[str, str | list[str]]:
        """Where everything is, for clients that look it up."""
        base = str(request.base_url).rstrip("/")
        return {
            "issuer": ISSUER,
            "token_endpoint": base + TOKEN_PATH,
            "jwks_uri": base + KEYS_PATH,
            "grant_types_supported": [GRANT],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "token_endpoint_auth_signing_alg_values_supported": [ALGORITHM],
        }

    return router


@dataclass(frozen=True, slots=True)
class _Client:
    """An API key's id, and the key."""

    name: str
    secret: str


def _given(door: Door, admitted: Admitted, client_id: str, form: Mapping[str, str]) -> Response:
    """The answer with a token."""
    if (grant := form.get("grant_type", "")) != GRANT:
        return _told(400, "unsupported_grant_type", f"{shown(grant)}, where {GRANT} is expected")
    token, claims = door.keys.give_token(
        admitted.principal, client_id, form.get("scope"), admitted.call.certificate
    )
    lasts_s = claims.expires_s - claims.issued_s
    given = AccessToken(token, lasts_s, " ".join(claims.scope.words))
    return JSONResponse(asdict(given), headers=_NOT_KEPT)


async def _form(request: Request) -> dict[str, str]:
    """
    Raises:
        InvalidParameter: it is none, or has a field twice.
        PayloadTooLarge: it is far too long.
    """
    body = await small_body(request, _MOST_BODY_BYTES)
    try:
        pairs = parse_qsl(body.decode("ascii"), max_num_fields=16, strict_parsing=bool(body))
    except ValueError as error:
        raise InvalidParameter(
            "a body that is no form", "grant_type=client_credentials", "send such a form"
        ) from error
    if len({name for name, _ in pairs}) < len(pairs):
        raise InvalidParameter("a field twice", "each once", "send it once")
    return dict(pairs)


def _in_header(request: Request) -> _Client | None:
    """Who the header says, before the body is read; None where it says nobody.

    Raises:
        Unauthenticated: it cannot be read.
    """
    kind, _, coded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        told = base64.b64decode(coded, validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise _nobody("a header that holds no client") from error
    name, _, secret = told.partition(":")
    return _Client(unquote_plus(name), unquote_plus(secret))


def _in_form(form: Mapping[str, str]) -> _Client:
    """
    Raises:
        Unauthenticated: it names nobody.
    """
    if "client_secret" not in form:
        raise _nobody("no client")
    return _Client(form.get("client_id", ""), form["client_secret"])


def _nobody(received: str) -> Unauthenticated:
    return Unauthenticated(
        received,
        "the API key's id and the key, as Basic credentials or as client_id and client_secret",
        "send them",
    )


def _refusal(error: LabError, request: Request) -> Response:
    """In OAuth's words where it has some."""
    match error:
        case Unauthenticated():
            answer = _told(401, "invalid_client", str(error))
            answer.headers["www-authenticate"] = "Basic"
            return answer
        case ScopeMissing():
            return _told(400, "invalid_scope", str(error))
        case InvalidParameter():
            return _told(400, "invalid_request", str(error))
        case _:
            return error_response(error, request_id_of(request))


def _told(status: int, name: str, why: str) -> JSONResponse:
    told = {"error": name, "error_description": _plain(why)}
    return JSONResponse(told, status, _NOT_KEPT)


def _plain(text: str) -> str:
    """Of the characters that OAuth allows there: visible ASCII without quotes and backslashes."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "'" for c in text)
