"""Two AsyncAPI documents: sockets, their queries, and the messages on them, both ways.

What the server receives is a request and what it sends an answer, message by message. A message
belongs together with the one of the same name on the other side, whatever operation lists it.

Source: AsyncAPI Specification 3.0.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab_kit.core.errors import InvalidContract
from lab_kit.protocol.contract.change import Change, Side, shown
from lab_kit.protocol.contract.document import Document, last_step, list_at, object_at, text_at
from lab_kit.protocol.contract.findings import Findings
from lab_kit.protocol.contract.schema import Place, SchemaComparison

_SIDES = {"receive": Side.REQUEST, "send": Side.ANSWER}
_OTHER = {Side.REQUEST: Side.ANSWER, Side.ANSWER: Side.REQUEST}


@dataclass(frozen=True, slots=True)
class _Socket:
    """A channel: its query and headers, and the messages of each side by name."""

    query: Any
    headers: Any
    messages: dict[Side, dict[str, Mapping[str, Any]]] = field(
        default_factory=lambda: {side: {} for side in Side}
    )


def asyncapi_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """What changed from one document to the other.

    Raises:
        InvalidContract: one of them is no AsyncAPI 3 document that can be read.
    """
    for document in (old, new):
        version = document.get("asyncapi")
        if not isinstance(version, str) or not version.startswith("3."):
            raise InvalidContract(f"asyncapi: {shown(version)}", "3.0", "convert the document")
    findings = Findings()
    schemas = SchemaComparison(Document(old), Document(new), findings)
    if old.get("servers") != new.get("servers"):
        findings.add("unread", Side.REQUEST, "servers", old.get("servers"), new.get("servers"))
    was, now = _sockets(schemas.old), _sockets(schemas.new)
    for address in {**was, **now}:
        if address not in was:
            findings.add("socket_added", Side.REQUEST, address, None, address, address)
        elif address not in now:
            findings.add("socket_removed", Side.REQUEST, address, address, None, address)
        else:
            _socket(schemas, address, was[address], now[address])
    return findings.changes()


def _socket(schemas: SchemaComparison, address: str, was: _Socket, now: _Socket) -> None:
    for name, old, new in (("query", was.query, now.query), ("headers", was.headers, now.headers)):
        schemas.compare(old, new, Place(Side.REQUEST, f"{address}, {name}", address))
    for side in Side:
        old_ones, new_ones = was.messages[side], now.messages[side]
        verb = "receives" if side is Side.REQUEST else "sends"
        for name in {**old_ones, **new_ones}:
            path = f"{address} {verb} {name}"
            if name not in old_ones:
                schemas.findings.add("message_added", side, path, None, name, address)
            elif name not in new_ones:
                schemas.findings.add("message_removed", side, path, name, None, address)
            else:
                at = Place(side, path, address)
                _message(schemas, at, old_ones[name], new_ones[name])


def _message(
    schemas: SchemaComparison, at: Place, was: Mapping[str, Any], now: Mapping[str, Any]
) -> None:
    old, new = text_at(was, "contentType"), text_at(now, "contentType")
    if old != new:
        schemas.findings.add("message_form_changed", at.side, at.path, old, new, at.used_by)
    schemas.compare(was.get("payload", True), now.get("payload", True), at)
    if "headers" in was or "headers" in now:
        schemas.compare(was.get("headers", True), now.get("headers", True), at.field("headers"))


def _sockets(document: Document) -> dict[str, _Socket]:
    """The channels by their addresses."""
    sockets: dict[str, _Socket] = {}
    names: dict[str, str] = {}
    for name, node in object_at(document.content, "channels").items():
        channel = document.resolved(node)[1]
        binding = object_at(object_at(channel, "bindings"), "ws")
        names[name] = text_at(channel, "address") or name
        query = binding.get("query", {"type": "object"})
        headers = binding.get("headers", {"type": "object"})
        sockets[names[name]] = _Socket(query, headers)
    for operation in object_at(document.content, "operations").values():
        _gather(document, document.resolved(operation)[1], names, sockets)
    return sockets


def _gather(
    document: Document,
    operation: Mapping[str, Any],
    names: Mapping[str, str],
    sockets: Mapping[str, _Socket],
) -> None:
    """Give a channel the messages of one of its operations, and those that reply to them."""
    side = _SIDES.get(text_at(operation, "action") or "")
    if side is None:
        raise InvalidContract(
            f"the action {shown(operation.get('action'))} of an operation",
            "send or receive",
            "look at the document with a validator",
        )
    reply = document.resolved(operation.get("reply", {}))[1]
    for of, whose in ((operation, side), (reply, _OTHER[side])):
        if "channel" in of:
            there, channel = document.resolved(of["channel"])
            name = last_step(there or "")
            if name not in names:
                raise InvalidContract(
                    f"an operation on the channel {shown(there)}",
                    f"one of {', '.join(names)}",
                    "look at the document with a validator",
                )
            found = _messages(document, channel, of)
            sockets[names[name]].messages[whose].update(found)


def _messages(
    document: Document, channel: Mapping[str, Any], operation: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Those that an operation lists, or else all of its channel."""
    listed = list_at(operation, "messages") or [*object_at(channel, "messages").values()]
    for node in listed:
        there, message = document.resolved(node)
        content = {"contentType": document.content.get("defaultContentType"), **message}
        yield text_at(message, "name") or last_step(there or "a message"), content
