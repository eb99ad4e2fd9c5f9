"""Our errors in OpenMeter's words: problem details [Source: RFC 7807]."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from lab_kit.core.errors import LabError

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer to a request that is refused."""

    status: int
    body: dict[str, Any]


def refusal(error: LabError, request_id: str) -> Refusal:
    """How a request is refused."""
    status = error.http_status
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": str(error),
        "instance": f"urn:uuid:{request_id}",
    }
    return Refusal(status, body)
