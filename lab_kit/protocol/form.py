"""The parts of a form that brings a recording, within limits.

Parts are found by searching for their delimiter, so the time is that of one pass over the body,
however many delimiters are in it. Only a part's own head goes through the standard library's MIME
parser, whose time grows faster than what it is given.

Source: RFC 7578 (2015), multipart/form-data; RFC 2046 (1996), section 5.1.1, for the delimiters.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.utils import collapse_rfc2231_value

from lab_kit.core.errors import InvalidParameter

MOST_PARTS = 32
"""Three times as many as a provider's form has fields."""
MOST_HEAD_BYTES = 4_096
"""Of the content type, and of each part's head: a name and a file's name fit easily."""
MOST_VALUE_BYTES = 4_096
"""Of every field that is no file: the longest is a prompt of a few hundred words."""
_PLAIN = ("", "7bit", "8bit", "binary")
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was read.

    Attributes:
        values: of its fields, in order, by their names.
        file: the content of the one field that holds a file; None if none does.
    """

    values: dict[str, list[str]]
    file: bytes | None


def read_form(content_type: str, body: bytes, file_field: str) -> Form:
    """Read a form whose only file is in ``file_field``.

    Raises:
        InvalidParameter: it is no form, is damaged, or holds more than the limits allow.
    """
    values: dict[str, list[str]] = {}
    file: bytes | None = None
    for count, (start, end) in enumerate(_parts(_delimiter(content_type), body), 1):
        if count > MOST_PARTS:
            raise _too_much(f"more than {MOST_PARTS} parts", f"at most {MOST_PARTS}")
        name, content = _named(body, start, end)
        if name != file_field:
            values.setdefault(name, []).append(_value(name, body, content, end))
        elif file is None:
            file = body[content:end]
        else:
            raise _too_much(f"a second '{file_field}'", "one file")
    return Form(values, file)


def _delimiter(content_type: str) -> bytes:
    """What stands between two parts."""
    if len(content_type) > MOST_HEAD_BYTES:
        raise _too_much(
            f"a content type of {len(content_type):,} bytes", f"at most {MOST_HEAD_BYTES:,}"
        )
    head = Message()
    head["content-type"] = content_type
    boundary = head.get_boundary()
    if head.get_content_type() != "multipart/form-data" or not boundary:
        raise InvalidParameter(
            f"content type '{content_type[:80]}'",
            "multipart/form-data with a boundary, holding the file and the fields",
            "send the file in a form",
        )
    return b"\r\n--" + boundary.encode("latin-1", errors="replace")


def _parts(delimiter: bytes, body: bytes) -> Iterator[tuple[int, int]]:
    """Where each part begins, with its head, and where it ends."""
    # the line break before the first is missing where nothing stands before it
    first = -2 if body.startswith(delimiter[2:]) else body.find(delimiter)
    if first == -1:
        raise _damaged("it has no part")
    at = first + len(delimiter)
    while not body.startswith(b"--", at):
        # spaces may follow a delimiter; nobody sends them
        if not body.startswith(b"\r\n", at):
            raise _damaged("a delimiter is not at the end of its line")
        end = body.find(delimiter, at)
        if end < 0:
            raise _damaged("its end is missing")
        yield at + 2, end
        at = end + len(delimiter)


def _named(body: bytes, start: int, end: int) -> tuple[str, int]:
    """A part's name, and where its content begins."""
    head_end = body.find(_HEAD_END, start, min(end, start + MOST_HEAD_BYTES))
    if head_end < 0:
        if end - start > MOST_HEAD_BYTES:
            raise _too_much(
                f"a part whose head has more than {MOST_HEAD_BYTES:,} bytes",
                f"at most {MOST_HEAD_BYTES:,}",
            )
        raise _damaged("a part has no head")
    head = message_from_bytes(body[start : head_end + len(_HEAD_END)])
    name = head.get_param("name", header="content-disposition")
    if name is None:
        raise _damaged("a part has no name")
    encoding = str(head.get("content-transfer-encoding", "")).strip().lower()
    if encoding not in _PLAIN:
        raise InvalidParameter(
            f"a part encoded as {encoding[:80]}", "its bytes as they are", "send it unencoded"
        )
    return collapse_rfc2231_value(name), head_end + len(_HEAD_END)


def _value(name: str, body: bytes, content: int, end: int) -> str:
    if end - content > MOST_VALUE_BYTES:
        raise _too_much(
            f"{end - content:,} bytes in the field '{name[:80]}'", f"at most {MOST_VALUE_BYTES:,}"
        )
    return body[content:end].decode(errors="replace")


def _damaged(what: str) -> InvalidParameter:
    return InvalidParameter(
        f"a form that cannot be read: {what}",
        "multipart/form-data with the file and its fields",
        "let an HTTP library write the form",
    )


def _too_much(received: str, limit: str) -> InvalidParameter:
    return InvalidParameter(
        f"a form with {received}", limit, "send the file and the options that you need"
    )
