"""Asking a cluster where a new stream is to be opened."""

import httpx
from pydantic import TypeAdapter, ValidationError

from lab_kit.client.address import ServerAddress
from lab_kit.core.errors import ConnectionFailed
from lab_kit.protocol.cluster import PLACE_PATH, Placed
from lab_kit.protocol.error_body import told_error

ANSWER_S = 5.0
"""It looks into a table."""
_placed = TypeAdapter(Placed)


async def place(url: str, key: str | None = None) -> ServerAddress:
    """Where the cluster at ``url`` has a place for a stream.

    Args:
        key: for the server there.

    Raises:
        SystemOverloaded: no replica has a free place; the error says when to ask again.
        ConnectionFailed: nobody answers, or not as a cluster.
    """
    try:
        async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False) as http:
            answer = await http.get(f"{url}{PLACE_PATH}")
    except httpx.HTTPError as error:
        raise ConnectionFailed(
            f"{url}: {error or type(error).__name__}", "a cluster", "check the address"
        ) from error
    if not answer.is_success and (refusal := told_error(answer.content)) is not None:
        raise refusal
    try:
        placed = _placed.validate_json(answer.content)
    except ValidationError as error:
        raise ConnectionFailed(
            f"{answer.status_code} {answer.content[:200]!r}", "a place", "check the address"
        ) from error
    return ServerAddress(placed.url, key, placed.grpc)
