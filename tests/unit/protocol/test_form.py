"""The form of an upload: what is read of it, and what is too much."""

from collections.abc import Sequence

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.protocol.form import (
    MOST_HEAD_BYTES,
    MOST_PARTS,
    MOST_VALUE_BYTES,
    read_form,
)

KIND = "multipart/form-data; boundary=abc"
Part = tuple[str, bytes]


def part(name: str, content: bytes, more: str = "") -> Part:
    return f'Content-Disposition: form-data; name="{name}"{more}', content


def written(parts: Sequence[Part], preamble: bytes = b"", end: bytes = b"--abc--\r\n") -> bytes:
    pieces = [b"--abc\r\n" + head.encode() + b"\r\n\r\n" + content for head, content in parts]
    return preamble + b"\r\n".join([*pieces, end])


FILE = part("file", b"sound", '; filename="a.wav"\r\nContent-Type: audio/wav')


def test_values_keep_their_order_and_the_file_its_bytes() -> None:
    binary = bytes(range(256)) + b"\r\n--ab\r\n\r\n--"
    body = written([part("a", b"1"), part("file", binary), part("b", "é".encode()), part("a", b"")])
    form = read_form(KIND, body, "file")
    assert form.values == {"a": ["1", ""], "b": ["é"]}
    assert form.file == binary


@pytest.mark.parametrize("preamble", [b"\r\n", b"This is a form.\r\n"])
def test_what_stands_before_and_behind_the_parts_is_no_part(preamble: bytes) -> None:
    body = written([FILE], preamble, b"--abc--\r\nand more")
    assert read_form(KIND, body, "file").file == b"sound"


@pytest.mark.parametrize(
    "kind",
    [
        'multipart/form-data; boundary="abc"',
        "Multipart/Form-Data; charset=utf-8; Boundary=abc",
    ],
)
def test_a_boundary_is_found_however_it_is_written(kind: str) -> None:
    assert read_form(kind, written([FILE]), "file").file == b"sound"


def test_a_name_may_be_written_as_mime_writes_it() -> None:
    head = "content-disposition: form-data; name*=utf-8''mod%C3%A8le"
    assert read_form(KIND, written([(head, b"x")]), "file").values == {"modèle": ["x"]}


@pytest.mark.parametrize(
    ("kind", "body", "named"),
    [
        ("", b"", "content type ''"),
        ("application/json", b"{}", "multipart/form-data"),
        ("multipart/form-data", written([FILE]), "a boundary"),
        ("multipart/mixed; boundary=abc", written([FILE]), "multipart/form-data"),
        (KIND, b"", "no part"),
        (KIND, b"no delimiter", "no part"),
        (KIND, b"x--abc\r\n", "no part"),
        (KIND, written([FILE], end=b""), "end is missing"),
        (KIND, b"--abcdef\r\n", "end of its line"),
        (KIND, b"--abc\r\n--abc--", "no head"),
        (KIND, b"--abc\r\n\r\n--abc--", "no head"),
        (KIND, written([("", b"x")]), "no name"),
        (KIND, written([("Content-Type: text/plain", b"x")]), "no name"),
        (
            KIND,
            written([part("file", b"eA==", "\r\nContent-Transfer-Encoding: base64")]),
            "base64",
        ),
    ],
)
def test_what_is_no_form_is_refused_with_what_is_wrong(kind: str, body: bytes, named: str) -> None:
    with pytest.raises(InvalidParameter, match=named):
        read_form(kind, body, "file")


@pytest.mark.parametrize(
    ("kind", "body", "limit"),
    [
        (KIND, written([part("a", b"")] * (MOST_PARTS + 1)), f"at most {MOST_PARTS}"),
        (KIND, written([part("a", bytes(MOST_VALUE_BYTES + 1))]), f"at most {MOST_VALUE_BYTES:,}"),
        (KIND, written([part("a" * MOST_HEAD_BYTES, b"")]), f"at most {MOST_HEAD_BYTES:,}"),
        (f"{KIND}; a={'b' * MOST_HEAD_BYTES}", b"", f"at most {MOST_HEAD_BYTES:,}"),
        (KIND, written([FILE, FILE]), "one file"),
    ],
)
def test_more_than_the_limits_is_refused_and_the_limit_named(
    kind: str, body: bytes, limit: str
) -> None:
    with pytest.raises(InvalidParameter, match=limit):
        read_form(kind, body, "file")


def test_as_much_as_the_limits_is_read() -> None:
    most = bytes(MOST_VALUE_BYTES)
    parts = [FILE, *(part(f"a{n}", most) for n in range(MOST_PARTS - 1))]
    assert len(read_form(KIND, written(parts), "file").values) == MOST_PARTS - 1


def test_a_form_of_nothing_but_delimiters_is_given_up_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """50,000 empty parts once took a worker 6.6 s, in a parser that read them all."""
    read: list[int] = []

    class Counted(bytes):
        def find(self, *where: object) -> int:  # type: ignore[override]
            read.append(1)
            return bytes(self).find(*where)  # type: ignore[arg-type]

    body = Counted(written([part("a", b"")] * 50_000))
    with pytest.raises(InvalidParameter, match="parts"):
        read_form(KIND, body, "file")
    assert len(read) <= 2 * (MOST_PARTS + 1)
