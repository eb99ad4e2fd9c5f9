"""Calls to Amazon Transcribe as they are signed by the provider's own library.

Id and secret are the same key, as a server here has it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import urlencode, urlsplit

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lab_kit.dialects.amazon.options import HEADER_PREFIX, HTTP_PATH, SOCKET_PATH

REGION = "eu-central-1"
ASKED = {"language-code": "en-US", "media-encoding": "pcm", "sample-rate": "16000"}


def signed_headers(
    key: str,
    host: str,
    asked: Mapping[str, str] = ASKED,
    *,
    secret: str | None = None,
    at: datetime | None = None,
    path: str = HTTP_PATH,
    token: str | None = None,
) -> dict[str, str]:
    """The headers of a request that streams, with names in small letters."""
    named = {f"{HEADER_PREFIX}{name}": value for name, value in asked.items()}
    request = AWSRequest("POST", f"https://{host}{path}", headers={**named, "host": host})
    credentials = Credentials(key, key if secret is None else secret, token)
    with _at(at):
        auth.SigV4Auth(credentials, "transcribe", REGION).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def signed_address(
    key: str,
    url: str,
    asked: Mapping[str, str] = ASKED,
    *,
    secret: str | None = None,
    expires_s: int = 300,
    at: datetime | None = None,
    path: str = SOCKET_PATH,
    token: str | None = None,
) -> str:
    """The address of a WebSocket at a server's ``url``."""
    request = AWSRequest("GET", f"{url}{path}?{urlencode(asked)}")
    credentials = Credentials(key, key if secret is None else secret, token)
    signer = auth.SigV4QueryAuth(credentials, "transcribe", REGION, expires=expires_s)
    with _at(at):
        signer.add_auth(request)
    return str(request.url).replace("http", "ws", 1)


def signed_query(key: str, host: str, asked: Mapping[str, str] = ASKED) -> str:
    """The query of `signed_address`."""
    return urlsplit(signed_address(key, f"http://{host}", asked)).query


def _at(moment: datetime | None) -> "mock._patch[object]":
    """Let botocore sign at that moment."""
    moment = datetime.now(UTC) if moment is None else moment
    return mock.patch.object(auth, "get_current_datetime", return_value=moment)
