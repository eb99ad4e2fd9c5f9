"""The contract that a running server publishes, and how a changed one compares with it."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx

from lab_kit.client.requests import refused, unreachable
from lab_kit.core.errors import InvalidMessage
from lab_kit.core.table import Table
from lab_kit.experiments.contracts.side_by_side import Server
from lab_kit.protocol.contract.change import Change, Verdict
from lab_kit.protocol.contract.reading import changes_between, read_contract
from lab_kit.protocol.proto_text import proto_text

Document = dict[str, Any]
_TIMEOUT_S = 20.0
_MOST_SHOWN = 12
"""Rows of a table of changes; the worst come first, and the rest are counted."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What clients are told.

    Attributes:
        openapi: of the requests.
        asyncapi: of the sockets.
        proto: of the live stream over gRPC.
    """

    openapi: Document
    asyncapi: Document
    proto: str

    def copy(self) -> Self:
        """One to be changed."""
        return type(self)(copy.deepcopy(self.openapi), copy.deepcopy(self.asyncapi), self.proto)


async def served_contract(server: Server) -> Contract:
    """Ask a server for its OpenAPI and AsyncAPI documents.

    Raises:
        ConnectionFailed: it cannot be reached.
        InvalidMessage: what it sends is no JSON.
    """
    async with httpx.AsyncClient(
        base_url=server.url, timeout=_TIMEOUT_S, trust_env=False
    ) as asking:
        openapi = await _document(asking, server.url, "/openapi.json")
        asyncapi = await _document(asking, server.url, "/asyncapi.json")
    return Contract(openapi, asyncapi, proto_text())


async def _document(asking: httpx.AsyncClient, url: str, path: str) -> Document:
    try:
        answer = await asking.get(path)
    except httpx.HTTPError as error:
        raise unreachable(url, error) from error
    if not answer.is_success:
        raise refused(answer)
    try:
        told = answer.json()
    except ValueError as error:
        raise InvalidMessage(
            f"{path} of {url} is no JSON", "a description of its API", "check the address"
        ) from error
    return dict(told)


def compared(old: Mapping[str, Any] | str, new: Mapping[str, Any] | str) -> tuple[Change, ...]:
    """What changed between two documents of one kind, the worst first.

    Args:
        old, new: OpenAPI or AsyncAPI as dicts, or the text of a ``.proto`` file.

    Raises:
        InvalidContract: one cannot be read, or they are of two kinds.
    """
    before, after = (
        read_contract(f"{name}.proto", told.encode())
        if isinstance(told, str)
        else read_contract(name, json.dumps(told).encode())
        for name, told in (("the old one", old), ("the new one", new))
    )
    return changes_between(before, after)


def changes_table(changes: Sequence[Change]) -> Table:
    """A row for each change, the worst first, and how many there are of each verdict."""
    rows = [(one.verdict.value, one.path, f"{one.was} → {one.now}") for one in changes]
    counts = [f"{sum(one.verdict is kind for one in changes)} {kind}" for kind in Verdict]
    notes = [", ".join(counts) if changes else "No change."]
    notes += [f"First: {changes[0].why}."] if changes else []
    if len(rows) > _MOST_SHOWN:
        notes.append(f"{len(rows) - _MOST_SHOWN} more are not shown.")
    head = ("verdict", "where", "was → is")
    return Table("change", head, rows[:_MOST_SHOWN] or [("none", "", "")], notes, left=3)
