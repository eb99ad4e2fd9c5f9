"""The HTTP form: JSON, followed by raw tensors in order when a header tells where the JSON ends.

Both ends write and read it. Strictness as tritonclient 2.73 writes and reads it: that client writes
the header into the dict it was given, so one that reuses the dict sends a stale length with its
next request; the length is believed only if JSON ends there.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson

from lab_kit.core.errors import InvalidParameter, PayloadTooLarge
from lab_kit.core.shown import shown
from lab_kit.dialects.open_inference.tensors import Tensor, from_list, from_raw, to_list, to_raw

HEADER_LENGTH = "Inference-Header-Content-Length"
_LENGTH = re.compile(r"[0-9]{1,12}")
"""More digits are no length of a body that anybody could send."""
MAX_JSON_BYTES = 2_000_000
"""Some six seconds at 16 kHz. The parser holds the interpreter's lock: 4 ms for 90,000 fractions,
12 for a million digits, where the standard library's takes 29 and 41. Raw tensors behind the JSON
cost nothing of it."""
MOST_CONTAINERS = 4_096
"""Lists and objects: each takes the parser and the collector as long as many numbers."""
MOST_QUOTES = 32_768
"""Two for each name and each text: two megabytes of nothing but these took the parser 60 ms."""


@dataclass(frozen=True, slots=True)
class HttpBody:
    """A message over HTTP.

    Attributes:
        json_bytes: where the JSON ends and raw tensors begin; None if there are none.
    """

    content: bytes
    json_bytes: int | None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that make it readable."""
        if self.json_bytes is None:
            return {"content-type": "application/json"}
        return {
            "content-type": "application/octet-stream",
            HEADER_LENGTH: str(self.json_bytes),
        }


def encode_body(head: dict[str, Any], key: str, tensors: list[tuple[Tensor, bool]]) -> HttpBody:
    described, raws = [], []
    for tensor, binary in tensors:
        entry = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if binary:
            raws.append(to_raw(tensor))
            described.append({**entry, "parameters": {"binary_data_size": len(raws[-1])}})
        else:
            described.append({**entry, "data": to_list(tensor)})
    text = json.dumps({**head, key: described}).encode()
    return HttpBody(b"".join([text, *raws]), len(text) if raws else None)


def split_body(body: bytes, header_length: str | None) -> tuple[dict[str, Any], bytes]:
    """The JSON object and what follows it."""
    if header_length is not None and _LENGTH.fullmatch(header_length):
        message = _loaded(body[: int(header_length)])
        if message is not None:
            return message, body[int(header_length) :]
    message = _loaded(body)
    if message is None:
        raise InvalidParameter(
            f"a body of {len(body):,} bytes that begins with {body[:40]!r}",
            f"a JSON object, alone or with its length in {HEADER_LENGTH}",
            "send the request as JSON",
        )
    return message, b""


def read_tensors(described: list[dict[str, Any]], raw: bytes) -> tuple[Tensor, ...]:
    tensors, at = [], 0
    for entry in described:
        name, datatype = read_text(entry, "name"), read_text(entry, "datatype")
        shape = entry.get("shape")
        size = read_object(entry, "parameters").get("binary_data_size")
        if not isinstance(shape, list):
            raise _malformed("shape", entry, "a list of sizes")
        if size is None:
            data = entry.get("data")
            if not isinstance(data, list):
                raise _malformed("data", entry, "a list, or binary_data_size and raw bytes")
            tensors.append(from_list(name, datatype, shape, data))
            continue
        if type(size) is not int or not 0 <= size <= len(raw) - at:
            raise _malformed("binary_data_size", entry, f"at most the {len(raw) - at:,} bytes left")
        tensors.append(from_raw(name, datatype, shape, raw[at : at + size]))
        at += size
    if at != len(raw):
        raise InvalidParameter(
            f"{len(raw) - at:,} bytes after the last tensor",
            "none",
            "make the binary_data_size of each tensor its number of bytes",
        )
    return tuple(tensors)


def read_objects(message: dict[str, Any], key: str) -> list[dict[str, Any]]:
    entries = message.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _malformed(key, message, "a list of objects")
    return entries


def read_object(message: dict[str, Any], key: str) -> dict[str, Any]:
    value = message.get(key) or {}
    if not isinstance(value, dict):
        raise _malformed(key, message, "an object")
    return value


def read_text(message: dict[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str) or not value:
        raise _malformed(key, message, "a text")
    return value


def _loaded(text: bytes) -> dict[str, Any] | None:
    if len(text) > MAX_JSON_BYTES:
        raise PayloadTooLarge(
            f"{len(text):,} bytes of JSON",
            f"at most {MAX_JSON_BYTES:,}",
            f"send large tensors as raw bytes behind the JSON, whose length is in {HEADER_LENGTH}",
        )
    if text.count(b"[") + text.count(b"{") > MOST_CONTAINERS:
        raise InvalidParameter(
            f"JSON of more than {MOST_CONTAINERS:,} lists and objects",
            "data as one flat list",
            "send the tensor's values in row-major order, or as raw bytes behind the JSON",
        )
    if text.count(b'"') > MOST_QUOTES:
        raise InvalidParameter(
            f"JSON of more than {MOST_QUOTES // 2:,} names and texts",
            "at most that many",
            "send the texts of a tensor as raw bytes behind the JSON",
        )
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return message if isinstance(message, dict) else None


def _malformed(key: str, message: dict[str, Any], expected: str) -> InvalidParameter:
    found = shown(message[key]) if key in message else "nothing"
    of = f" of tensor {shown(message['name'])}" if isinstance(message.get("name"), str) else ""
    return InvalidParameter(f"'{key}'{of} is {found}", expected, f"send '{key}' so")
